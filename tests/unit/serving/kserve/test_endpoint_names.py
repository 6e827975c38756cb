"""Names of models in the Open Inference Protocol: what each means, and what there is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.serving.kserve.served_stand_in import Repository, Served

from sightline.config import LimitOptions
from sightline.errors import NotFound
from sightline.runtime.repository.models import ModelState
from sightline.serving.kserve.endpoint_names import EndpointNames
from sightline.serving.kserve.endpoints import Network, Pictures, Tensors


class Native(Served):
    """Served by its file's own tensors, too."""

    native: Any = object()


class Composite(Served):
    """Made of several parts."""

    has_tensors = False


def names(*served: Served) -> EndpointNames:
    repository: Any = Repository(*served)
    return EndpointNames(repository, LimitOptions())


PLAIN, NATIVE, PARTS = Served("plain"), Native("native"), Composite("parts")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("plain", Network, id="a network"),
        pytest.param("plain.detect", Pictures, id="a detector"),
        pytest.param("native.native", Tensors, id="its file's tensors"),
        pytest.param("parts.detect", Pictures, id="of several parts"),
    ],
)
@pytest.mark.parametrize("version", ["", "1"])
def test_endpoints(name: str, kind: type[object], version: str) -> None:
    found = names(PLAIN, NATIVE, PARTS).model(name, version)
    assert type(found) is kind
    assert found.name == name


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        pytest.param("other", "", "there is no model 'other'", id="no such model"),
        pytest.param("other.detect", "", "there is no model 'other'", id="nor its detector"),
        pytest.param("plain", "2", "'plain' has version 1 only, not '2'", id="another version"),
        pytest.param("plain.native", "", "'plain' is not served by its file's own", id="no tensors of a file"),
        pytest.param("parts", "", "made of several parts and has no tensors: 'parts.detect'", id="no network"),
        pytest.param("plain.detect.detect", "", "there is no model 'plain.detect'", id="twice"),
    ],
)  # fmt: skip
def test_what_there_is_not(name: str, version: str, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        names(PLAIN, PARTS).model(name, version)


def test_a_model_s_own_name_comes_first() -> None:
    found = names(PLAIN, Served("plain.detect"))
    assert type(found.model("plain.detect")) is Network
    assert found.owner("plain.detect") == "plain.detect"
    assert found.of(ModelState("plain", "ready")) == ["plain"]


@pytest.mark.parametrize(
    ("model", "state", "listed"),
    [
        pytest.param(PLAIN, "ready", ["plain", "plain.detect"], id="a network"),
        pytest.param(NATIVE, "ready", ["native", "native.detect", "native.native"], id="with its tensors"),
        pytest.param(PARTS, "ready", ["parts.detect"], id="of several parts"),
        pytest.param(PARTS, "unloaded", ["parts", "parts.detect"], id="not loaded, so all that it may have"),
    ],
)  # fmt: skip
def test_lists(model: Served, state: Any, listed: list[str]) -> None:
    assert names(model).of(ModelState(model.name, state)) == listed

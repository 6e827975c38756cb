"""Second models in a configuration: where they stand, and what does not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.config import Configuration
from sightline.config import file as config_file
from sightline.errors import ConfigError

FILE = Path("/etc/sightline/site.yaml")


def read(text: str) -> Configuration:
    return config_file.parse(text, FILE, {}).configuration


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "models: {a: {model: x, shadow: {model: b}}}",
            "1:40: models.a.shadow.model: there is no model b; there are a", id="no such model",
        ),
        pytest.param(
            "models: {a: {model: x, split: {model: a}}}", "it is the first model itself", id="itself",
        ),
        pytest.param(
            "models: {a: {model: x, shadow: {model: b}, canary: {model: b}}, b: {model: y}}",
            "models.a.canary: this model has a shadow too: leave one of the two out", id="two at once",
        ),
        pytest.param(
            "models: {a: {model: x, shadow: {model: b}}, b: {model: y, split: {model: c}}, c: {model: z}}",
            "b has a split itself", id="a chain",
        ),
        pytest.param(
            "models: {a: {model: x, split: {model: b}}, b: {model: y, task: classify}}",
            "a and b must both be detectors", id="a classifier",
        ),
        pytest.param(
            "models: {a: {model: x, shadow: {model: b}}, b: {model: y}}\nworkers: 2",
            "models.a.shadow: it needs the streams in this process: leave out `workers`", id="workers",
        ),
        pytest.param(
            "models: {a: {model: x, canary: {model: b, steps: [0.5, 0.2]}}, b: {model: y}}",
            "models.a.canary.steps: each share must be greater", id="steps",
        ),
        pytest.param(
            "models: {a: {model: x, shadow: {model: b, share: 0}}, b: {model: y}}",
            "models.a.shadow.share: must be greater than 0", id="no share",
        ),
        pytest.param(
            "models: {a: {model: x, canary: {model: b, class_map: {}}}, b: {model: y}}",
            "models.a.canary.class_map: there is no such key", id="unknown",
        ),
        pytest.param(
            "models: {a: {model: x, split: {model: b, header: 'a b'}}, b: {model: y}}",
            "models.a.split.header", id="header",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert message in str(caught.value)


def test_what_is_only_a_shadow_answers_nobody() -> None:
    found = read("models: {a: {model: x, shadow: {model: b}}, b: {model: y}, c: {model: z}}")
    assert found.served_models == ["a", "c"]
    streams = "\nstreams: {s: {source: street, model: b}}"
    used = read("models: {a: {model: x, shadow: {model: b}}, b: {model: y}}" + streams)
    assert used.served_models == ["a", "b"]
    split = read("models: {a: {model: x, split: {model: b}}, b: {model: y}}")
    assert split.served_models == ["a", "b"]


def test_tiles_and_ensembles_may_have_second_models() -> None:
    found = read(
        "models:\n"
        "  tiled: {kind: tiles, model: x, shadow: {model: both, share: 0.5}}\n"
        "  both: {kind: ensemble, of: [x, y]}\n"
    )
    rollout = found.models["tiled"].rollout
    assert rollout is not None
    assert (rollout[0], rollout[1].model) == ("shadow", "both")
    assert found.models["both"].rollout is None

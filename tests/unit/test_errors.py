"""The tree of errors: what each becomes for a caller and over HTTP."""

from __future__ import annotations

import inspect
import pickle

import pytest

from sightline import errors
from sightline.errors import (
    EngineUnavailable,
    MissingPackage,
    NotFound,
    Overloaded,
    RequestError,
    SightlineError,
)

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_of_one_tree_and_reaches_another_process(kind: type[Exception]) -> None:
    assert issubclass(kind, SightlineError)
    other = pickle.loads(pickle.dumps(kind("gate: it is gone")))
    assert type(other) is kind
    assert str(other) == "gate: it is gone"


def test_the_drawing_in_the_docstring_names_every_error() -> None:
    assert errors.__doc__ is not None
    words = set(errors.__doc__.split())
    assert {kind.__name__ for kind in ALL} <= words


@pytest.mark.parametrize(
    "kind", [kind for kind in ALL if issubclass(kind, RequestError)], ids=lambda k: k.__name__
)
def test_requests_have_a_status_of_their_own(kind: type[RequestError]) -> None:
    assert kind is RequestError or 400 <= kind.status <= 504


def test_when_to_try_again_reaches_another_process() -> None:
    other = pickle.loads(pickle.dumps(Overloaded("full", 2.5)))
    assert (str(other), other.retry_after_s) == ("full", 2.5)


def test_a_missing_package_is_an_import_error_with_a_remedy() -> None:
    error = MissingPackage.of("pandas", "pandas")
    assert isinstance(error, ImportError)
    assert (error.name, str(error)) == (
        "pandas",
        "pandas is not installed: pip install 'sightline[pandas]'",
    )
    assert "'sightline[openvino]'" in str(EngineUnavailable.not_installed("openvino", "openvino"))
    assert NotFound.status == 404

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from sightline.errors import NotFound, Overloaded
from sightline.runtime.repository.classifiers import ClassifierRepository
from sightline.runtime.scheduling.items import Terms


def test_what_is_refused_is_not_decoded() -> None:
    scheduler, classifier = Mock(), Mock()
    scheduler.check.side_effect = Overloaded("busy")
    repository = ClassifierRepository(
        scheduler, lambda name: (f"{name}:classify", classifier), ["a"]
    )
    frame: Any = Mock(spec=[])  # whatever is asked of it fails
    assert (
        repository.loaded("default") is None
    )  # nobody has asked for it, and it is not loaded for this
    with pytest.raises(Overloaded):
        repository.submit("default", frame, Terms("x"), conf=0.5, top=1, started=lambda: None)
    assert scheduler.check.call_args.args[0] == "a:classify" == repository.loaded("default")
    assert not classifier.mock_calls
    with pytest.raises(NotFound):
        repository.loaded("b")

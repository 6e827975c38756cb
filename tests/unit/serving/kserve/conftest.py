"""The protocol around a model that answers at once."""

from __future__ import annotations

import pytest
from tests.unit.serving.kserve.served_stand_in import Repository, Served

from sightline.config import LimitOptions
from sightline.serving.kserve.open_inference import OpenInference


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def service(served: Served) -> OpenInference:
    return OpenInference(Repository(served), LimitOptions(parts=3))  # type: ignore[arg-type]

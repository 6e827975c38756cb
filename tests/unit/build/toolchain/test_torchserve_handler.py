"""What TorchServe is answered with: objects, and whose fault it is where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.build.toolchain import torchserve_handler
from sightline.errors import InferenceError


class Detector:
    """Fails at every picture."""

    def submit(self, frames: Sequence[object]) -> Future[list[Any]]:
        future: Future[list[Any]] = Future()
        future.set_exception(InferenceError("out of memory"))
        return future


def test_a_bad_picture_is_400_and_a_model_that_fails_500(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchserve_handler, "detector", lambda _: Detector())
    statuses: dict[int, int] = {}
    context = SimpleNamespace(
        system_properties={"model_dir": str(tmp_path)},
        set_response_status=lambda code, phrase, number: statuses.update({number: code}),
    )
    _, picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))
    requests = [{"body": b"no picture"}, {"data": picture.tobytes()}]
    bad, failed = torchserve_handler.TorchServeDetector().handle(requests, context)
    assert "is no JPEG, PNG" in bad["error"]
    assert failed == {"error": "out of memory"}
    assert statuses == {0: 400, 1: 500}

"""Endpoints that take pictures and answer with objects."""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.serving.kserve.served_stand_in import Repository, Served, ask

from sightline.config import LimitOptions
from sightline.errors import (
    DecodeError,
    InvalidRequest,
)
from sightline.serving.kserve import endpoints as endpoints_v2
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.tensors import (
    InputTensor,
)


def png(width: int = 20, height: int = 10) -> bytes:
    return cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes()


class TestPictures:
    def image(self, *data: bytes, column: bool = False) -> InputTensor:
        shape = (len(data), 1) if column else (len(data),)
        raw = b"".join(struct.pack("<I", len(d)) + d for d in data)
        return InputTensor("image", "BYTES", shape, raw)

    @pytest.mark.parametrize("column", [False, True])
    def test_objects_of_two_pictures(self, service: OpenInference, column: bool) -> None:
        image = self.image(png(20, 10), png(8, 6), column=column)
        boxes, scores, ids, counts = ask(service, image, model="tiny.detect")
        assert counts.array.tolist() == [1, 2]
        assert boxes.array.tolist() == [[0, 0, 20, 10], [0, 0, 8, 6], [0, 0, 8, 6]]
        assert (scores.datatype, ids.datatype, counts.datatype) == ("FP32", "INT64", "INT64")

    def test_thresholds(self, service: OpenInference, served: Served) -> None:
        wishes = {"conf": 0.5, "iou": 1, "classes": "car, bus"}
        ask(service, self.image(png()), model="tiny.detect", parameters=wishes)
        assert served.wanted == [{"conf": 0.5, "iou": 1.0, "classes": ("car", "bus")}]

    @pytest.mark.parametrize(
        ("parameters", "complaint"),
        [
            ({"conf": 1.5}, "'conf' must be"),
            ({"conf": float("nan")}, "'conf' must be"),
            ({"iou": "high"}, "'iou' must be"),
            ({"iou": True}, "'iou' must be"),
            ({"classes": 3}, "'classes' must be"),
            ({"classes": "dragon"}, "no class 'dragon'"),
        ],
    )
    def test_refused(
        self, service: OpenInference, parameters: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            ask(service, self.image(png()), model="tiny.detect", parameters=parameters)

    def test_no_picture(self, service: OpenInference) -> None:
        with pytest.raises(DecodeError, match="input 'image': picture 1"):
            ask(service, self.image(png(), b"no picture"), model="tiny.detect")

    def test_too_many(self, service: OpenInference) -> None:
        with pytest.raises(InvalidRequest, match="3 pictures at most"):
            ask(service, self.image(*[png()] * 4), model="tiny.detect")

    def test_a_model_of_that_very_name_comes_first(self) -> None:
        repository = Repository(Served(), Served("tiny.detect"))
        service = OpenInference(repository, LimitOptions())  # type: ignore[arg-type]
        assert isinstance(service.model("tiny.detect"), endpoints_v2.Network)
        assert isinstance(service.model("tiny.detect.detect"), endpoints_v2.Pictures)

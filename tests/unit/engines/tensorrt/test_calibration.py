"""INT8 calibration: footage is streamed, scales are kept, and what fails is the error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.tensorrt_stand_in import TensorRtStandIn

from sightline.engines.tensorrt.options import OptimizationProfile
from sightline.errors import ModelError, SourceError

pytest_plugins = ("tests.tensorrt_fixtures",)

MakeModel = Callable[..., Path]


MakeBuild = Callable[..., Any]


ONE = OptimizationProfile((1, 8, 8), (2, 16, 16), (4, 32, 32))


def test_the_calibrator_streams_footage_and_keeps_its_scales(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, street: Any, tmp_path: Path
) -> None:  # fmt: skip
    model, cache = identity_model(), tmp_path / "cache"

    def built(footage: Any, name: str = "street.mp4") -> Any:
        made = make_build(
            model, precision="int8", profile=ONE, cache=cache, pictures=footage.pictures(name)
        )
        made.plan()
        return tensorrt_10.built[-1]

    first = built(street(40))
    assert first.flags == ["FP16", "INT8", "TF32"]
    assert (first.strong, first.scales) == (False, b"EntropyCalibration2 39")
    shown = np.concatenate(tensorrt_10.calibrated)
    assert shown.shape == (40, 16, 16, 3)  # the usual shape of the profile
    assert [int(picture.max()) for picture in shown] == list(range(40))
    again = street(40)
    assert built(again).scales == first.scales
    assert again.read == 0, "the scales were there"
    other = street(60)
    assert built(other, "other.mp4").scales == b"EntropyCalibration2 59"


def test_too_little_footage_is_refused_and_not_kept(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, street: Any, tmp_path: Path
) -> None:  # fmt: skip
    made = make_build(
        identity_model(), precision="int8", profile=ONE, cache=tmp_path, pictures=street(20).pictures()
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"street\.mp4 has 20 pictures .* 32 are the fewest"):
        made.plan()
    assert not list(tmp_path.glob("calibration-*"))


def test_footage_that_breaks_off_is_the_error(
    tensorrt_10: TensorRtStandIn, make_build: MakeBuild, identity_model: MakeModel, street: Any, tmp_path: Path
) -> None:  # fmt: skip
    footage = street(40, breaks=True)
    made = make_build(
        identity_model(), precision="int8", profile=ONE, cache=tmp_path, pictures=footage.pictures()
    )
    with pytest.raises(SourceError, match=r"street\.mp4: broken"):
        made.plan()
    assert not list(tmp_path.glob("calibration-*"))

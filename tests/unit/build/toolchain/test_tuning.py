"""Candidates on footage: their accuracy by agreement, their load, and what is freed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from tests import exported_graphs

from sightline.build.toolchain.tuning import (
    FootageAgreement,
    FootageRunner,
    candidate_options,
    sampled_frames,
    stage_times,
    usable_backends,
)
from sightline.config import ModelOptions
from sightline.errors import ConfigError, EngineError, InferenceError, SightlineError
from sightline.optimize.tuning.candidates import TuningCandidate

STREET = "street://?seed=3&width=320&height=192&density=2&duration=4"
MODEL = ModelOptions(model="street")
NATIVE = TuningCandidate("onnxruntime", "fp32", 320)


def test_accuracy_is_agreement_with_the_native_configuration() -> None:
    frames = sampled_frames(STREET, 6, 5)
    assert [frame.index for frame in frames] == [0, 5, 10, 15, 20, 25]
    agreement = FootageAgreement(candidate_options(MODEL, NATIVE), frames)
    runner = FootageRunner(MODEL, (320, 192), agreement)
    try:
        assert runner.accuracy(NATIVE) == pytest.approx(1)
        small = runner.accuracy(TuningCandidate("onnxruntime", "fp32", 128))
        assert 0 <= small < 0.9
        with pytest.raises(EngineError, match="bf16"):
            runner.accuracy(TuningCandidate("onnxruntime", "bf16", 320))
    finally:
        agreement.close()


def test_frames_are_spread_over_footage_whose_length_is_known() -> None:
    frames = sampled_frames("street://?width=64&height=64&fps=10&duration=6", 6)
    assert [frame.index for frame in frames] == [0, 10, 20, 30, 40, 50]
    frames = sampled_frames("street://?width=64&height=64&fps=10&duration=0", 3)
    assert [frame.index for frame in frames] == [0, 5, 10]


def test_footage_without_objects_tells_nothing(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((96, 128, 3), 114, np.uint8))
    empty = sampled_frames(str(tmp_path), 4, 1)
    with pytest.raises(ConfigError, match="--labels"):
        FootageAgreement(candidate_options(MODEL, NATIVE), empty)


def test_outputs_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    graph = exported_graphs.yolov8()
    rows = onnx.numpy_helper.to_array(graph.weights[-1]).copy()
    rows[..., -1] = np.nan  # of one cell: all others are as before
    graph.weights[-1].CopyFrom(onnx.numpy_helper.from_array(rows, graph.weights[-1].name))
    path = graph.save(tmp_path / "broken.onnx")
    with pytest.raises(InferenceError, match="output output0 of the model is not a number"):
        FootageAgreement(ModelOptions(model=str(path)), sampled_frames(STREET, 2, 1))


def test_loads_are_measured_and_engines_freed() -> None:
    runner = FootageRunner(MODEL, (320, 192), lambda _: 1.0)
    large, small = (
        TuningCandidate("onnxruntime", "fp32", 320),
        TuningCandidate("onnxruntime", "fp32", 128),
    )
    single = TuningCandidate("onnxruntime", "fp32", 128, batch=2, requests=1)
    try:
        rates = {one: runner.load(one, 0.3).pictures_per_s for one in (large, small, single)}
        assert rates[small] > 2 * rates[large]
        assert len(runner._made) == 2
        runner.release([single])
        assert list(runner._made) == [("onnxruntime", "fp32", 0, 1)]
        assert runner.load(small, 0.1).samples_ms  # made anew
    finally:
        runner.close()
    assert not runner._made


def test_runtimes_that_load_a_model() -> None:
    assert usable_backends(MODEL, ["torch", "onnxruntime"]) == ["onnxruntime"]
    with pytest.raises(SightlineError):
        usable_backends(MODEL, ["torch"])


def test_times_of_the_stages() -> None:
    stages, rate = stage_times(candidate_options(MODEL, NATIVE), STREET, frames=10)
    assert rate == 25
    assert all(stages.percentile(stage, 50) > 0 for stage in ("preprocess", "infer", "track"))

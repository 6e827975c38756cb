"""``sightline export`` to engines of TensorRT, on stand-ins: from the command line to a detector that runs them."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from tests.tensorrt_stand_in import TensorRtStandIn
from typer.testing import CliRunner

import sightline
from sightline.build import decoders, detector, runs_here
from sightline.build.toolchain.cards import read_any_card
from sightline.build.toolchain.engine_builds import CalibrationFootage, parsed_profile
from sightline.build.toolchain.export import exporter
from sightline.cli.main import app
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError
from sightline.models.card import read_card
from sightline.models.file import open_model
from sightline.plan_file import read_words, record_of

pytest_plugins = ("tests.tensorrt_fixtures",)
MakeModel = Callable[..., Path]
DATA = "street://?seed=3&width=160&height=96&duration=2"


@pytest.fixture
def model(tmp_path: Path, pyramid_model: MakeModel) -> Path:
    """A detector of two classes that takes any batch and any size of stride 32."""
    path: Path = pyramid_model(6, transposed=True, shape=("batch", 3, "height", "width"), size=(96, 64))  # fmt: skip
    path.with_suffix(".yaml").write_text("class_names: [person, car]\ndecoder: yolov8\nsize: [96, 64]\nmax_batch: 4\n")  # fmt: skip
    return path


def export(*words: str | Path) -> Any:
    """The result of the command; its last line is the file."""
    return CliRunner().invoke(app, ["export", *map(str, words)])


def exported(*words: str | Path) -> Path:
    done = export(*words, "--data", DATA) if "--data" not in words else export(*words)
    assert done.exit_code == 0, done.output
    return Path(done.output.splitlines()[-1])


def refused(*words: str | Path) -> str:
    done = export(*words)
    assert done.exit_code != 0
    return str(done.exception)


@pytest.mark.parametrize("suffix", [".engine", ".plan"])
def test_an_engine_is_compared_and_used_as_any_model(
    tensorrt: TensorRtStandIn, tmp_path: Path, model: Path, suffix: str
) -> None:
    to = exported(model, tmp_path / f"made{suffix}")
    record = record_of(read_words(to), to)
    assert (record is None) == (suffix == ".plan")
    card = yaml.safe_load(to.with_suffix(".yaml").read_text())
    assert (card["size"], card["max_batch"], card["fixed_size"]) == ([96, 64], 4, False)
    (step,) = card["history"]
    assert step["options"]["engine"]["profile"] == "1x32x32,4x96x64,4x96x64"
    assert step["figures"]["largest_difference"]["shape"] == [4, 64, 96]
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    with sightline.load(to, conf=0.001) as one, sightline.load(model, conf=0.001, backend="onnxruntime") as other:  # fmt: skip
        found, wanted = one.detect(picture), other.detect(picture)
    assert len(wanted)
    assert np.abs(found.boxes - wanted.boxes).max() < 0.5
    assert not list(tmp_path.glob(".*"))


def test_the_command_of_an_engine_builds_the_same_again(
    tensorrt: TensorRtStandIn, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorrt.dla_cores = 1
    how = ["--profile", "1x96x64,2x96x64,4x96x64", "--workspace-mb", "64", "--dla", "0"]
    to = exported(model, tmp_path / "made.engine", *how, "--cache", tmp_path / "cache")
    first = record_of(read_words(to), to)
    assert first is not None
    assert first.dla_core == 0
    assert (first.input, first.outputs[0].name) == ((None, 64, 96, 3), "output0")
    assert len(tensorrt.built) == 1
    monkeypatch.chdir(tmp_path)
    command = shlex.split(first.command)
    assert command[:2] == ["sightline", "export"]
    again = exported(*command[2:], "--cache", tmp_path / "cache")
    assert record_of(read_words(again), again) == first
    assert len(tensorrt.built) == 1, "it is taken from the cache"
    sightline.load(to).close()
    assert tensorrt.runtime_dla[-1] == 0


def test_an_engine_that_differs_is_not_kept(
    tensorrt: TensorRtStandIn, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt, "noise", 3.0)
    said = refused(model, tmp_path / "made.engine", "--data", DATA)
    assert "differs from pyramid.onnx by more than 0.5 and was not kept" in said
    assert not list(tmp_path.glob("made*"))


def test_int8_is_calibrated_on_the_user_s_footage(
    tensorrt_10: TensorRtStandIn, tmp_path: Path, model: Path
) -> None:
    assert "INT8 needs footage" in refused(model, tmp_path / "made.engine", "--int8")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for i in range(40):
        cv2.imwrite(str(pictures / f"{i:02}.png"), np.full((64, 96, 3), i, np.uint8))
    to = exported(model, tmp_path / "made.engine", "--int8", "--data", pictures)
    shown = np.concatenate(tensorrt_10.calibrated)
    assert shown.shape == (40, 64, 96, 3)
    assert sorted(int(one.mean()) for one in shown) == list(range(40))
    record = record_of(read_words(to), to)
    assert record is not None
    assert record.precision == "int8"
    assert f"--int8 --data {pictures}" in record.command
    assert "are the fewest" in refused(model, tmp_path / "few.engine", "--int8", "--data", pictures / "0*.png")  # fmt: skip


def test_footage_that_was_changed_is_another(tmp_path: Path, model: Path) -> None:
    card = read_card(open_model(model), decoders()).card
    video = tmp_path / "street.mp4"
    seen = {CalibrationFootage(DATA, card).identity}
    for content in (b"one", b"other"):
        video.write_bytes(content)
        seen.add(CalibrationFootage(str(video), card).identity)
    assert len(seen) == 3
    assert CalibrationFootage(DATA, card).identity in seen


def test_footage_is_prepared_as_the_detector_does(model: Path) -> None:
    card = read_card(open_model(model), decoders()).card
    batches = list(CalibrationFootage(DATA, card).batches((2, 64, 64)))
    assert batches
    assert all(batch.shape == (2, 64, 64, 3) for batch in batches)
    # 160x96 into 64x64: bars above and below, in the card's colour.
    assert (batches[0][:, 0] == card.pad).all()
    assert batches[0][:, 32].std() > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["made.engine", "--profile", "4x96"], "--profile 4x96: give the smallest"),
        (["made.engine", "--profile", "2x96x64,1x96x64,4x96x64"], "smallest shape comes first"),
        (["made.engine", "--int8", "--fp32"], "--int8, --fp32"),
        (["made.engine", "--dla", "0", "--fp32"], "a DLA computes in FP16 and INT8 only"),
        (["made.engine", "--dla", "1"], "DLA core 1: Stand-in GPU"),
        (["made.engine", "--target", "jetson-orn"], "did you mean jetson-orin?"),
        (["made.engine", "--target", "nuc"], "--target nuc: this machine has no TensorRT"),
        (["made.engine", "--target", "jetson-nano", "--int8"], "its GPU has no INT8"),
        (["made.engine", "--target", "jetson-orin", "--dla", "2"], "jetson-orin has 2 DLA cores"),
        (["made.engine", "--output-names", "a"], "keeps the names of its ONNX model"),
        (["made.onnx", "--int8"], "are of TensorRT's engines: write .engine"),
    ],
)
def test_what_cannot_be_built_is_refused(
    tensorrt: TensorRtStandIn, tmp_path: Path, model: Path, words: Sequence[str], said: str
) -> None:
    assert said in refused(model, tmp_path / words[0], *words[1:])
    assert not list(tmp_path.glob("made*"))


def test_a_target_s_values_hold_where_nothing_else_is_said(
    tensorrt: TensorRtStandIn, tmp_path: Path, model: Path
) -> None:
    exported(model, tmp_path / "nano.engine", "--target", "jetson-nano")
    exported(model, tmp_path / "own.engine", "--target", "jetson-nano", "--workspace-mb", "512")
    nano, own = tensorrt.built
    assert nano.profiles[0][2][0] == 2  # its memory is small
    assert [list(built.pools.values()) for built in (nano, own)] == [[256 * 2**20], [512 * 2**20]]


def test_profiles() -> None:
    assert parsed_profile("1x640x384").shapes == ((1, 384, 640),) * 3
    assert str(parsed_profile("1x32x32, 4x640X384,8x1280x768")) == "1x32x32,4x640x384,8x1280x768"


def test_words_of_ultralytics_make_a_card(tmp_path: Path) -> None:
    words = {
        "author": "Ultralytics", "task": "detect", "stride": 32, "batch": 1, "imgsz": [64, 96], "names": {"0": "car"},
        "head": "Detect", "args": {"dynamic": False},
    }  # fmt: skip
    for dynamic, shape in ((False, (1, 3, 64, 96)), (True, (None, 3, None, None))):
        text = json.dumps({**words, "args": {"dynamic": dynamic}}).encode()
        path = tmp_path / "best.engine"
        path.write_bytes(len(text).to_bytes(4, "little", signed=True) + text + b"ftrt")
        file = open_model(path)
        assert (file.format, file.input.shape) == ("tensorrt", shape)
    card = read_any_card(file).card
    assert (card.decoder, card.class_names, card.size) == ("yolov8", ("car",), (96, 64))


def test_an_engine_of_which_nothing_is_told_needs_a_card(tmp_path: Path) -> None:
    path = tmp_path / "bare.plan"
    path.write_bytes(b"ftrt of trtexec")
    with pytest.raises(ModelError, match=r"bare\.plan: an engine of TensorRT does not say what it is: write a card bare\.yaml"):  # fmt: skip
        sightline.load(path)


def test_suffixes_of_engines_are_suggested(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*x\.engine"):
        exporter(tmp_path / "x.engin")


def test_a_runtime_is_here_where_it_can_run(
    tensorrt: TensorRtStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs_here("tensorrt")
    assert CliRunner().invoke(app, ["doctor"]).output.count("Stand-in GPU") == 1
    tensorrt.cuda.devices = 0
    assert not runs_here("tensorrt")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert not runs_here("tensorrt")
    assert runs_here("onnxruntime")


def test_engines_of_onnx_models_are_kept_beside_pulled_models(
    tensorrt: TensorRtStandIn, tmp_path: Path, model: Path
) -> None:
    for _ in range(2):
        options = ModelOptions(model=str(model), backend="tensorrt", models_dir=tmp_path / "models")
        detector(options).close()
    assert len(list((tmp_path / "models" / "engines").glob("*.engine"))) == 1
    assert len(tensorrt.built) == 1

"""Packages: variants until the limits are met, what lies in them, and how they are checked."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import yaml
from tests.command import in_process

from sightline import build
from sightline.build.toolchain import package_subjects, package_trials, package_variants
from sightline.build.toolchain.package import PackageOptions, Packed, package
from sightline.build.toolchain.package_check import verify_package
from sightline.config import ModelOptions, file
from sightline.deploy.package.files import write_checksums
from sightline.deploy.package.targets import Target
from sightline.errors import ConfigError, ModelError, SinkError
from sightline.optimize.variants import int8_search
from sightline.optimize.variants.int8 import QuantizedGraph
from sightline.tables import BUNDLED

DATA = "street://?seed=7&width=640&height=384&duration=0.2"
MakeModel = Callable[..., Path]


@pytest.fixture
def without_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra `optimize` is not installed."""
    monkeypatch.setattr(package_variants.importlib.util, "find_spec", lambda _: None)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short measurements of few frames: what is chosen does not depend on them here."""
    monkeypatch.setattr(package_subjects, "TIMED_S", 0.02)
    monkeypatch.setattr(package_subjects, "WARM_UP_S", 0.0)
    monkeypatch.setattr(package_trials, "FRAMES", 2)


def pack(output: Path, model: str | Path = "street", **limits: Any) -> Packed:
    target = Target(**{"size_mb": 50, "latency_ms": 10_000, **limits})
    missed = limits.pop("missed", False)
    options = PackageOptions(target="gate", limits=target, data=DATA, missed=missed)
    return package(ModelOptions(model=str(model)), output, options, lambda _: None)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_package_runs_where_it_is_checked(tmp_path: Path, runtime: str) -> None:
    packed = pack(tmp_path / "gate", runtime=runtime)
    assert (packed.chosen.variant, packed.missed, len(packed.trials)) == ("fp32", [], 1)
    check = verify_package(tmp_path / "gate", {})
    assert check.objects >= 3
    assert check.limit_ms == 10_000
    configuration = file.read(tmp_path / "gate" / "sightline.yaml", {}).configuration
    assert configuration.models["gate"].files[0].backend == runtime
    card = next(p for p in (tmp_path / "gate").glob("*.yaml") if p.name != "sightline.yaml")
    (step,) = yaml.safe_load(card.read_text())["history"]
    assert (step["tool"], step["options"]["target"]) == ("sightline package", "gate")
    assert not list(tmp_path.glob(".*"))


def test_variants_are_tried_until_the_limits_are_met(tmp_path: Path, data: Path) -> None:
    model = data / "models" / "yolox_nano.onnx"
    packed = pack(tmp_path / "gate.tar.gz", model, size_mb=2, kept=0.5)
    assert [t.variant for t in packed.trials] == ["fp32", "fp16"]
    assert packed.chosen.size_mb < 2
    assert verify_package(tmp_path / "gate.tar.gz", {}).files == 8


def test_int8_gives_layers_back_until_enough_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What NNCF quantises finds nothing here as long as the last layers compute in INT8."""
    pytest.importorskip("nncf", reason="NNCF is not installed")
    pytest.importorskip("onnxslim", reason="onnxslim is not installed")
    monkeypatch.setattr(int8_search, "quantized", ruined_heads(int8_search.quantized))
    packed = pack(tmp_path / "gate", size_mb=1.6)
    assert packed.chosen.variant == "int8"
    assert packed.chosen.kept >= 0.9
    assert verify_package(tmp_path / "gate", {}).objects >= 3
    kept = json.loads((tmp_path / "gate" / "package.json").read_text())["measured"]["in_floats"]
    assert kept == list(packed.chosen.in_floats)
    assert any("kind" in layer for layer in kept)


def ruined_heads(quantized: Callable[..., QuantizedGraph]) -> Callable[..., QuantizedGraph]:
    """Quantises with scales that leave nothing of the classes' layers."""

    def ruin(*arguments: Any, **options: Any) -> QuantizedGraph:
        made = quantized(*arguments, **options)
        scales = {
            node.input[1]
            for layer in made.quantized.graph.node
            if "/kind.1/Conv" in layer.name
            for node in made.quantized.graph.node
            if node.op_type == "DequantizeLinear" and node.output[0] == layer.input[1]
        }
        for entry in made.quantized.graph.initializer:
            if entry.name in scales:
                values = onnx.numpy_helper.to_array(entry) * 0
                entry.CopyFrom(onnx.numpy_helper.from_array(values, entry.name))
        return made

    return ruin


@pytest.mark.parametrize(("limit_ms", "code"), [(10_000, 0), (0.001, 1)])
def test_the_exit_code_of_verify_tells_whether_it_is_fast_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit_ms: float, code: int
) -> None:  # fmt: skip
    pack(tmp_path / "gate")
    manifest = tmp_path / "gate" / "package.json"
    content = json.loads(manifest.read_text())
    content["limits"]["latency_ms"] = limit_ms
    manifest.write_text(json.dumps(content))
    write_checksums(tmp_path / "gate")
    done = in_process(tmp_path, monkeypatch, capsys)("package", "verify", "gate")
    assert done.returncode == code
    assert ("ABOVE" if code else "within") in done.stdout


@pytest.mark.usefixtures("without_int8")
def test_a_smaller_input_is_written_into_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latencies as they are on a machine where they follow the number of pixels."""
    monkeypatch.setattr(
        package_subjects.DetectorSubject,
        "latency_ms",
        lambda _, how: 20.0 if how.size is None else 20.0 * (how.size / 640) ** 2,
    )
    packed = pack(tmp_path / "gate", latency_ms=16, kept=0.1)
    assert packed.chosen.size == 544
    configuration = file.read(tmp_path / "gate" / "sightline.yaml", {}).configuration
    assert configuration.models["gate"].files[0].size == 544
    assert json.loads((tmp_path / "gate" / "package.json").read_text())["measured"]["size"] == 544


@pytest.mark.usefixtures("without_int8")
def test_smaller_inputs_are_not_tried_where_the_file_is_what_is_too_large(tmp_path: Path) -> None:
    told: list[str] = []
    limits = Target(size_mb=0.1, latency_ms=10_000)
    options = PackageOptions(target="gate", limits=limits, data=DATA)
    with pytest.raises(ModelError, match=r"size .* MB above 0\.1"):
        package(ModelOptions(model="street"), tmp_path / "gate", options, told.append)
    assert [line.partition(":")[0] for line in told if "kept" in line] == ["fp32"]


@pytest.mark.usefixtures("without_int8")
def test_limits_that_nothing_meets_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelError, match=r"limits of gate; the nearest is .*size .* MB above 0\.1"):
        pack(tmp_path / "gate", size_mb=0.1)
    assert not list(tmp_path.iterdir())
    assert "no variant in INT8 is tried" in caplog.text


def test_what_is_there_is_not_written_over(tmp_path: Path, constant_model: MakeModel) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "mine").write_text("x")
    with pytest.raises(ConfigError, match="is there already"):
        pack(tmp_path / "gate")
    with pytest.raises(ConfigError, match="/dev/null is there already"):
        pack(Path("/dev/null"))
    (tmp_path / "a.xml").write_text("")
    with pytest.raises(ConfigError, match=r"an \.onnx file is needed"):
        pack(tmp_path / "out", tmp_path / "a.xml")


def test_a_model_that_finds_nothing_sure_is_refused(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    with pytest.raises(ConfigError, match="--data: the model is sure of nothing in it"):
        pack(tmp_path / "gate", pyramid_model(6, transposed=True))


def test_another_model_in_the_package_is_noticed(tmp_path: Path, pyramid_model: MakeModel) -> None:
    pack(tmp_path / "gate")
    model = tmp_path / "gate" / "street.onnx"
    names = {"names": str(dict(enumerate("abcdef")))}
    model.write_bytes(pyramid_model(10, transposed=True, metadata=names).read_bytes())
    with pytest.raises(ModelError, match=r"street\.onnx was changed"):
        verify_package(tmp_path / "gate", {})
    write_checksums(tmp_path / "gate")  # as somebody would who means it
    with pytest.raises(ModelError, match=r"does not find \d+ of the \d+ objects in sample\.png"):
        verify_package(tmp_path / "gate", {})


@pytest.mark.parametrize("content", ["{", "[]", '{"expected": [{}], "limits": {"latency_ms": 1}}'])
def test_a_damaged_manifest_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "package.json").write_text(content)
    (tmp_path / "sightline.yaml").write_text("")
    write_checksums(tmp_path)
    with pytest.raises(ModelError, match=r"package\.json: not as `sightline package` writes it"):
        verify_package(tmp_path, {})


@pytest.mark.parametrize(
    ("wheels", "message"),
    [(("none.whl",), "there is no such"), (("a.whl", "b/a.whl"), "two wheels have this name")],
)
def test_wheels_are_checked_before_anything_is_tried(
    tmp_path: Path, wheels: tuple[str, ...], message: str
) -> None:
    (tmp_path / "b").mkdir()
    for name in ("a.whl", "b/a.whl"):
        (tmp_path / name).touch()
    target = Target(size_mb=50, latency_ms=10_000)
    paths = tuple(tmp_path / wheel for wheel in wheels)
    options = PackageOptions(target="gate", limits=target, data=DATA, wheels=paths)
    tried: list[str] = []
    with pytest.raises(ConfigError, match=message):
        package(ModelOptions(model="street"), tmp_path / "gate", options, tried.append)
    assert not tried


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_variant_that_cannot_be_written_whole_is_told(tmp_path: Path, runtime: str) -> None:
    """A limit of files' sizes fails as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(SinkError, match=r"cannot write .*street"):
            pack(tmp_path / "gate", runtime=runtime)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


CROPS = "street:car,truck,bus"


def pack_crops(output: Path, model: str, **options: Any) -> Packed:
    target = Target(**{"size_mb": 50, "latency_ms": 10_000, **options.pop("limits", {})})
    how = PackageOptions(target="gate", limits=target, data=DATA, **options)
    return package(ModelOptions(model=model), output, how, lambda _: None)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    ("model", "kind"), [("street-attributes", "classify"), ("street-embedder", "embed")]
)
def test_a_model_of_crops_is_packed_with_the_detector_of_its_objects(
    tmp_path: Path, model: str, kind: str, runtime: str
) -> None:
    packed = pack_crops(tmp_path / "gate", model, crops=CROPS, limits={"runtime": runtime})
    assert packed.chosen.kept == pytest.approx(1)
    assert verify_package(tmp_path / "gate", {}).objects >= 2
    configuration = file.read(tmp_path / "gate" / "sightline.yaml", {}).configuration
    (stage,) = configuration.streams["camera"].stages
    assert (stage.kind, stage.model, list(stage.of)) == (kind, "gate", ["car", "truck", "bus"])
    assert configuration.models["objects"].files[0].model == "street"
    assert configuration.models["gate"].files[0].backend == runtime
    assert (configuration.streams["camera"].outputs.database is not None) == (kind == "embed")


def test_int8_of_a_classifier(tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="NNCF is not installed")
    pytest.importorskip("onnxslim", reason="onnxslim is not installed")
    packed = pack_crops(tmp_path / "gate", "street-attributes", crops=CROPS, limits={"size_mb": 0.5})  # fmt: skip
    assert packed.chosen.variant == "int8"
    assert packed.chosen.size_mb < 0.5


def test_a_detector_of_the_user_s_lies_in_the_package(tmp_path: Path) -> None:
    own = tmp_path / "mine.onnx"
    shutil.copy(BUNDLED / "street.onnx", own)
    shutil.copy(BUNDLED / "street.yaml", own.with_suffix(".yaml"))
    pack_crops(tmp_path / "gate", "street-attributes", crops=f"{own}:car,truck,bus")
    own.unlink()
    configuration = file.read(tmp_path / "gate" / "sightline.yaml", {}).configuration
    with closing(build.detector(configuration.models["objects"].files[0])) as detector:
        assert "car" in detector.class_names
    assert (tmp_path / "gate" / "objects-mine.yaml").is_file()


def test_a_classifier_of_whole_pictures_answers_requests(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, colour in enumerate([(40, 40, 200), (220, 220, 220), (30, 30, 30)]):
        cv2.imwrite(str(pictures / f"{number}.png"), np.full((60, 90, 3), colour, np.uint8))
    target = Target(size_mb=50, latency_ms=10_000)
    options = PackageOptions(target="gate", limits=target, data=str(pictures))
    package(ModelOptions(model="street-attributes"), tmp_path / "gate", options, lambda _: None)
    configuration = file.read(tmp_path / "gate" / "sightline.yaml", {}).configuration
    assert not configuration.streams
    assert configuration.models["gate"].task == "classify"  # type: ignore[union-attr]
    assert verify_package(tmp_path / "gate", {}).objects == 1


def test_another_classifier_in_the_package_is_noticed(tmp_path: Path) -> None:
    pack_crops(tmp_path / "gate", "street-attributes", crops=CROPS)
    model = onnx.load(tmp_path / "gate" / "street-attributes.onnx")
    for entry in model.graph.initializer:
        values = onnx.numpy_helper.to_array(entry)
        if values.ndim == 4:
            entry.CopyFrom(onnx.numpy_helper.from_array(values * 0, entry.name))
    onnx.save(model, tmp_path / "gate" / "street-attributes.onnx")
    write_checksums(tmp_path / "gate")
    with pytest.raises(ModelError, match=r"does not find \d+ of the \d+ objects in sample\.png"):
        verify_package(tmp_path / "gate", {})


@pytest.mark.parametrize(
    ("model", "crops", "message"),
    [
        ("street-embedder", None, "--crops street"),
        ("street-attributes", None, "name the detector whose objects"),
        ("street", "street", "it is for classifiers and embedders"),
        ("street-attributes", "street:zebra", "zebra"),
    ],
)
def test_what_is_shown_must_be_said(
    tmp_path: Path, model: str, crops: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        pack_crops(tmp_path / "gate", model, crops=crops)
    assert not list(tmp_path.iterdir())

"""OpenVINO IR: the same work and weights as the ONNX model that it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ModelError
from sightline.optimize.inspection.onnx_layers import inspect_onnx

pytest.importorskip("openvino")

from sightline.engines.openvino_ import save_ir
from sightline.optimize.inspection.openvino_layers import inspect_openvino


@pytest.mark.parametrize(
    ("name", "size"), [("yolox_nano", (416, 416)), ("yolo11n_random", (320, 320))]
)
def test_work_and_weights_are_those_of_the_onnx_model(
    data: Path, tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    source = data / "models" / f"{name}.onnx"
    save_ir(source, tmp_path / "model.xml")
    found, original = inspect_openvino(tmp_path / "model.xml", size), inspect_onnx(source, size)
    assert found.macs == original.macs
    assert found.at == size
    assert found.parameters == pytest.approx(original.parameters, rel=0.001)
    sizes = found.size_at("fp16"), found.size_at("fp32")
    assert sizes[0] == pytest.approx(found.size_bytes, rel=0.01)
    assert sizes[1] is not None
    assert sizes[1] > 1.6 * found.size_bytes


def test_a_broken_ir_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.xml").write_text("<net")
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="not a whole OpenVINO IR"):
        inspect_openvino(tmp_path / "model.xml", None)

"""Files of other programs that are given as a model: what is said of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from sightline.errors import ModelError
from sightline.models.exporters.other_formats import about
from sightline.models.file import open_model


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(
            "best.pt", "`yolo export model={}/best.pt format=onnx dynamic=True`", id="checkpoint"
        ),
        pytest.param("best.safetensors", "weights of PyTorch", id="safetensors"),
        pytest.param("best.mlmodel", "Core ML, which cannot be turned back", id="Core ML"),
        pytest.param("model.ncnn.param", "NCNN, which cannot be turned back", id="NCNN"),
        pytest.param("best.rknn", "Rockchip", id="Rockchip"),
        pytest.param("best.tflite", "`ovc {}/best.tflite` writes best.xml", id="TFLite"),
        pytest.param("frozen.pb", "`ovc {}/frozen.pb` writes frozen.xml", id="frozen graph"),
        pytest.param("best.h5", "model.export('best_saved_model')", id="Keras"),
        pytest.param("m.pdmodel", "--model_dir {} --model_filename m.pdmodel", id="Paddle"),
        pytest.param("yolov4.weights", "Darknet. Convert it to ONNX", id="Darknet"),
        pytest.param("best.bin", "weights of an OpenVINO model best.xml", id="IR weights"),
        pytest.param("big.onnx.data", "give the .onnx file", id="external data"),
        pytest.param("best.zip", "unpack it", id="archive"),
        pytest.param("data.yaml", "a file about a model", id="YAML"),
        pytest.param("BEST.TFLITE", "of TensorFlow Lite", id="capitals"),
        pytest.param("best", "Sightline runs .onnx", id="no suffix"),
    ],
)
def test_what_a_file_of_another_program_is(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(b"\x00" * 40)
    with pytest.raises(ModelError) as caught:
        open_model(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert said.format(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(["saved_model.pb"], "`ovc {}` writes export.xml", id="saved_model"),
        pytest.param(["model.ncnn.param", "model.ncnn.bin"], "for NCNN", id="NCNN"),
        pytest.param(["model.pdmodel"], "--model_filename model.pdmodel", id="Paddle"),
        pytest.param(["last.pt", "best.pt"], "export model={}/best.pt", id="weights"),
        pytest.param(["notes.md"], "no model that is known", id="anything"),
    ],
)
def test_what_a_folder_of_another_program_is(tmp_path: Path, files: list[str], said: str) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    assert said.format(folder) in about(folder)


def test_a_program_that_is_called_as_weights_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "yolo.pt", "w") as archive:
        archive.writestr("yolo/code/__torch__.py", "")
    assert about(tmp_path / "yolo.pt") == "a PyTorch program: call it yolo.torchscript"

"""Model files: what is read from good ones, and how broken ones are refused."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sightline.engines.openvino_ import save_ir
from sightline.errors import ModelError
from sightline.model_inputs import format_shape
from sightline.models.file import onnx_output_shapes, open_model

MakeModel = Callable[..., Path]


def test_a_whole_model_is_read(data: Path) -> None:
    path = data / "models" / "yolox_nano.onnx"
    file = open_model(path)
    assert file.format == "onnx"
    assert (file.input.name, file.input.shape, file.input.dtype) == (
        "images",
        (1, 3, 416, 416),
        "float32",
    )
    assert [(o.name, o.shape) for o in file.outputs] == [("output", (1, 3549, 85))]
    assert file.opset == onnx.load(str(path)).opset_import[0].version
    assert 800_000 < file.parameters < 1_000_000
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.size_bytes == path.stat().st_size
    assert file.content == path


def test_open_dimensions_and_metadata(identity_model: MakeModel, constant_model: MakeModel) -> None:
    file = open_model(identity_model())
    assert file.input.shape == (None, 3, None, None)
    assert format_shape(file.input.shape) == "?×3×?×?"
    told = open_model(constant_model([np.zeros((1, 5, 6))], metadata={"stride": "32"}))
    assert told.metadata == {"stride": "32"}


@pytest.mark.parametrize(
    ("size", "shapes"),
    [
        pytest.param((1, 128, 128), [(1, 336, 8)], id="its own"),
        pytest.param((1, 64, 96), [(1, 126, 8)], id="another size"),
    ],
)
def test_output_shapes_follow_the_input(
    pyramid_model: MakeModel, size: tuple[int, int, int], shapes: list[tuple[int, ...]]
) -> None:
    assert open_model(pyramid_model(8)).output_shapes(*size) == shapes


def test_a_size_that_cannot_run_has_no_output_shapes(data: Path) -> None:
    file = open_model(data / "models" / "yolox_nano.onnx")
    assert file.output_shapes(1, 64, 96) == [(1, 126, 85)]
    assert file.output_shapes(1, 8, 8) is None  # the smallest level would have no cell


def test_shapes_that_the_exporter_left_out_are_inferred(pyramid_model: MakeModel) -> None:
    path = pyramid_model(8)
    model = onnx.load(str(path))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, str(path))
    file = open_model(path)
    assert file.output_shapes(1, 128, 128) == [(1, 336, 8)]
    assert onnx_output_shapes(file.graph, (1, 3, 128, 128)) == [(1, 336, 8)]


def test_asking_leaves_the_graph_as_it_was(pyramid_model: MakeModel) -> None:
    path = pyramid_model(8)
    file = open_model(path)
    file.output_shapes(1, 64, 96)
    assert file.graph.SerializeToString() == onnx.load(str(path)).SerializeToString()


@pytest.mark.parametrize("keep", [0.999, 0.5, 0.01, 1e-6])
def test_a_truncated_model_is_refused(data: Path, tmp_path: Path, keep: float) -> None:
    whole = (data / "models" / "yolox_nano.onnx").read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: max(1, int(len(whole) * keep))])
    with pytest.raises(ModelError, match=r"cut\.onnx.*truncated, or another format"):
        open_model(path)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3800000\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("empty.onnx", b"", "no model, but empty: copy it again", id="empty"),
        pytest.param("lfs.onnx", LFS, "but a pointer of Git LFS: `git lfs pull`", id="pointer"),
        pytest.param("lfs.pt", LFS, "but a pointer of Git LFS", id="pointer as PyTorch's"),
        pytest.param("lfs.engine", LFS, "but a pointer of Git LFS", id="pointer as TensorRT's"),
        pytest.param("page.xml", b"<html/>", "but a web page", id="page"),
        pytest.param("page.onnx", b"<!DOCTYPE html>", "but a web page", id="page as ONNX"),
        pytest.param("all.onnx", b"PK\3\4", "but an archive: unpack it", id="archive"),
        pytest.param("old.onnx", b"\n\0", "it holds no graph", id="no graph"),
        pytest.param("text.onnx", b"hello\n" * 99, "truncated, or another format", id="text"),
        pytest.param("ir.xml", b"<net/>", r"its weights ir\.bin are not beside it", id="no bin"),
    ],
)
def test_what_is_no_model_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        open_model(path)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("<net", "not a whole OpenVINO IR", id="broken"),
        pytest.param("", "no model, but empty", id="empty"),
        pytest.param("<net/>", "one picture input", id="no input"),
        pytest.param("<svg/>", "one picture input", id="other xml"),
        pytest.param(
            '<net><layers><layer id="0" type="Parameter"/></layers></net>',
            "one picture input",
            id="an input without a shape",
        ),
        pytest.param(
            '<net><layers><layer id="0" type="Parameter"><output><port id="0"><dim>x</dim>'
            "</port></output></layer></layers></net>",
            "not a whole OpenVINO IR",
            id="a dimension that is no number",
        ),
        pytest.param(
            '<net><layers><layer id="0" type="Parameter"><output><port id="0"><dim>1</dim>'
            '<dim>3</dim><dim>8</dim><dim>8</dim></port></output></layer><layer id="1" '
            'type="Result"/></layers><edges><edge from-layer="7" from-port="0" to-layer="1" '
            'to-port="0"/></edges></net>',
            "not a whole OpenVINO IR",
            id="an edge from nowhere",
        ),
    ],
)
def test_a_broken_ir_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "ir.bin").write_bytes(b"")
    path = tmp_path / "ir.xml"
    path.write_text(content)
    with pytest.raises(ModelError, match=message):
        open_model(path)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file at .*gone\.onnx.*models list"):
        open_model(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="no model file"):
        open_model(tmp_path)


def save(path: Path, inputs: list[onnx.ValueInfoProto]) -> Path:
    nodes = [
        helper.make_node("Identity", [value.name], [f"o{i}"]) for i, value in enumerate(inputs)
    ]
    outputs = [
        helper.make_tensor_value_info(f"o{i}", TensorProto.FLOAT, None) for i in range(len(nodes))
    ]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", inputs, outputs)), str(path))
    return path


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        pytest.param({"x": [1, 10]}, "its input x is 1×10, and a picture", id="a table"),
        pytest.param({"x": ["n", 3, 4, 8, 8]}, r"its input x is \?×3×4×8×8, and a", id="a clip"),
        pytest.param({"x": [1, 4, 8, 8]}, "its input x is 1×4×8×8, and a", id="four channels"),
        pytest.param(
            {"images": [1, 3, 8, 8], "text": [1, 77]},
            "an input text 1×77 beside the picture.*export the model.*orig_target_sizes",
            id="a text too",
        ),
        pytest.param(
            {"images": [1, 3, 8, 8], "orig_sizes": [1, 3]},
            "its input orig_sizes is 1×3, and 2 numbers",
            id="three sizes",
        ),
        pytest.param({"im_shape": [1, 2]}, "its input im_shape is 1×2", id="no picture"),
    ],
)
def test_inputs_that_cannot_be_filled_are_refused_by_name(
    tmp_path: Path, inputs: dict[str, list[int | str]], message: str
) -> None:
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in inputs.items()
    ]
    with pytest.raises(ModelError, match=f"odd.onnx: .*{message}"):
        open_model(save(tmp_path / "odd.onnx", values))


def test_weights_listed_as_inputs_do_not_count(pyramid_model: MakeModel) -> None:
    path = pyramid_model(8)
    model = onnx.load(str(path))
    for weight in model.graph.initializer:  # as exporters did before ONNX IR version 4
        model.graph.input.insert(
            0, helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims)
        )
    onnx.save(model, str(path))
    assert open_model(path).input.name == "images"


@pytest.fixture
def external(pyramid_model: MakeModel, tmp_path: Path) -> Path:
    """A model with its weights in a file of their own."""
    folder = tmp_path / "inside"
    folder.mkdir()
    path = folder / "model.onnx"
    onnx.save_model(
        onnx.load(str(pyramid_model(8))),
        str(path),
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    return path


def test_external_weights_beside_the_model_are_read(external: Path) -> None:
    assert open_model(external).parameters > 8 * 3 * 32 * 32
    assert (external.parent / "weights.bin").stat().st_size > 4 * 8 * 3 * 32 * 32


@pytest.mark.parametrize("way", ["relative", "absolute", "link"])
def test_external_weights_outside_the_folder_are_refused(
    external: Path, tmp_path: Path, way: str
) -> None:
    outside = tmp_path / "secret.bin"
    shutil.move(external.parent / "weights.bin", outside)
    location = {"relative": "../secret.bin", "absolute": str(outside), "link": "weights.bin"}[way]
    if way == "link":
        (external.parent / "weights.bin").symlink_to(outside)
    model = onnx.load(str(external), load_external_data=False)
    for weight in model.graph.initializer:
        for entry in weight.external_data:
            if entry.key == "location":
                entry.value = location
    onnx.save(model, str(external))
    with pytest.raises(ModelError, match=r"model\.onnx.*(outside|relative path|symbolic link)"):
        open_model(external)


@pytest.mark.parametrize(
    ("key", "value"), [("length", "99999999999"), ("offset", "-4"), ("offset", "99999999")]
)
def test_external_weights_that_are_not_all_there(external: Path, key: str, value: str) -> None:
    model = onnx.load(str(external), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == key:
            entry.value = value
    onnx.save(model, str(external))
    with pytest.raises(ModelError, match=r"model\.onnx: its weights cannot be used: External data"):
        open_model(external)


def test_missing_external_weights_are_named(external: Path) -> None:
    (external.parent / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"weights\.bin"):
        open_model(external)


@pytest.mark.parametrize("fp16", [True, False])
def test_an_openvino_ir_reads_back_as_what_it_was_made_of(
    pyramid_model: MakeModel, tmp_path: Path, fp16: bool
) -> None:
    source = open_model(pyramid_model(8, shape=("batch", 3, "height", "width")))
    path = tmp_path / "ir" / "model.xml"
    save_ir(source.path, path, fp16=fp16)
    file = open_model(path)
    assert file.format == "openvino"
    assert (file.input.name, file.input.shape) == ("images", (None, 3, None, None))
    assert [o.name for o in file.outputs] == ["output0"]
    assert len(file.outputs[0].shape) == 3
    assert file.parameters == pytest.approx(source.parameters, rel=0.01)
    assert file.content == path
    assert file.size_bytes > path.with_suffix(".bin").stat().st_size
    assert file.output_shapes(1, 64, 64) is None


def test_an_ir_with_two_outputs_keeps_their_order(
    constant_model: MakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "detr.xml"
    save_ir(constant_model([np.zeros((1, 20, 7)), np.zeros((1, 20, 4))], size=(64, 32)), path)
    file = open_model(path)
    assert file.input.shape == (1, 3, 32, 64)
    assert [o.shape for o in file.outputs] == [(1, 20, 7), (1, 20, 4)]
    assert file.output_shapes(1, 32, 64) == [(1, 20, 7), (1, 20, 4)]

"""The model card: from its file, from metadata, from shapes; and how a wrong one is refused."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper

from sightline.build import decoders
from sightline.coco import COCO_CATEGORIES, COCO_NAMES
from sightline.engines.openvino_ import save_ir
from sightline.errors import ModelError
from sightline.models.card import CardReading, read_card
from sightline.models.exporters.metadata import from_metadata
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard, write_card

MakeModel = Callable[..., Path]


def read(path: Path) -> CardReading:
    return read_card(open_model(path), decoders())


def beside(path: Path, text: str) -> Path:
    path.with_suffix(".yaml").write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def model(constant_model: MakeModel) -> Path:
    """An end-to-end model of one size, 64 × 64, that says nothing about itself."""
    return constant_model([np.zeros((1, 25, 6))])


def test_yolox_is_inferred_from_its_shapes(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sightline.models.card"):
        reading = read(data / "models" / "yolox_nano.onnx")
    card = reading.card
    assert (card.name, card.decoder, card.size, card.task) == (
        "yolox_nano",
        "yolox",
        (416, 416),
        "detect",
    )
    assert (card.order, card.scale, card.resize, card.pad) == (
        "bgr",
        1.0,
        "letterbox-top-left",
        114,
    )
    assert (card.fixed_size, card.max_batch) == (False, None)
    assert card.class_names == COCO_NAMES
    assert reading.origin["decoder"] == "output shapes"
    assert reading.origin["order"] == "the yolox family"
    (message,) = [r.getMessage() for r in caplog.records if "inferred" in r.getMessage()]
    assert "decoder=yolox" in message
    assert "order=bgr" in message


def test_an_ultralytics_export_is_read_from_its_metadata(
    pyramid_model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    path = pyramid_model(
        6,
        transposed=True,
        shape=("batch", 3, "height", "width"),
        metadata={
            "names": "{0: 'helmet', 1: 'vest'}",
            "stride": "32",
            "task": "detect",
            "imgsz": "[384, 640]",
            "license": "Apache-2.0",
            "author": "nobody",
        },
    )
    with caplog.at_level(logging.INFO, "sightline.models.card"):
        reading = read(path)
    card = reading.card
    assert card.decoder == "yolov8"
    assert card.class_names == ("helmet", "vest")
    assert card.size == (640, 384)  # imgsz is height, width
    assert card.stride == 32
    assert card.licence == "Apache-2.0"
    assert (card.order, card.scale, card.resize) == ("rgb", pytest.approx(1 / 255), "letterbox")
    assert (card.fixed_size, card.max_batch) == (False, None)
    assert reading.origin["class_names"] == "metadata"
    assert " size=" not in caplog.text  # what the metadata say is not inferred


def test_guessed_class_names_are_said_to_be_a_guess(
    model: Path, pyramid_model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    assert read(model).card.class_names == COCO_NAMES
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "which is a guess" in said
    assert f"write into {model.with_suffix('.yaml').name} beside it `class_names: [" in said
    caplog.clear()
    for text, names in (
        ("class_names: coco", COCO_NAMES),
        ("class_names: coco91", COCO_CATEGORIES),
        ("class_names: [helmet]", ("helmet",)),
        ("class_names: []", ()),  # classes are called by their numbers
    ):
        assert read(beside(model, text)).card.class_names == names
    assert read(pyramid_model(84, transposed=True)).card.class_names == COCO_NAMES  # as many
    assert not [r for r in caplog.records if r.levelno == logging.WARNING]


def test_a_card_that_is_nested_too_deeply(model: Path) -> None:
    with pytest.raises(ModelError, match=r"\.yaml: not a model card: it is nested too deeply"):
        read(beside(model, "[" * 5000))


def test_gaps_between_class_ids_are_filled_with_numbers(model: Path) -> None:
    card = read(beside(model, "class_names: {0: person, 3: car}")).card
    assert card.class_names == ("person", "1", "2", "car")


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        pytest.param(85, COCO_NAMES, id="80 classes are COCO's"),
        pytest.param(8, (), id="others are not known"),
    ],
)
def test_names_of_the_classes(
    pyramid_model: MakeModel, columns: int, names: tuple[str, ...]
) -> None:
    assert read(pyramid_model(columns)).card.class_names == names


def test_the_coco_names_are_whole() -> None:
    assert len(set(COCO_NAMES)) == 80
    assert (COCO_NAMES[0], COCO_NAMES[2], COCO_NAMES[5], COCO_NAMES[79]) == (
        "person",
        "car",
        "bus",
        "toothbrush",
    )


def test_the_file_beside_beats_metadata_and_shapes(constant_model: MakeModel) -> None:
    path = constant_model([np.zeros((1, 25, 6))], metadata={"names": "['a', 'b']", "stride": "16"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    beside(
        path,
        f"""
        name: helmets
        class_names: [helmet, vest]
        order: bgr
        scale: 1
        mean: [1, 2, 3]
        std: [4, 5, 6]
        conf: 0.4
        iou: 0.6
        max_detections: 7
        agnostic_nms: true
        pad: 0
        resize: stretch
        licence: MIT
        sha256: {digest}
        """,
    )
    reading = read(path)
    card = reading.card
    assert (card.name, card.class_names, card.order) == ("helmets", ("helmet", "vest"), "bgr")
    assert (card.scale, card.mean, card.std) == (1.0, (1, 2, 3), (4, 5, 6))
    assert card.normalization.std == (4, 5, 6)
    assert (card.conf, card.iou, card.max_detections, card.agnostic_nms) == (0.4, 0.6, 7, True)
    assert (card.pad, card.resize, card.licence, card.sha256) == (0, "stretch", "MIT", digest)
    assert card.stride == 16  # the card says nothing of it
    assert reading.origin["class_names"] == "card"
    assert reading.origin["stride"] == "metadata"
    assert reading.origin["decoder"] == "output shapes"


def test_a_card_names_a_family_that_the_shapes_do_not_tell(constant_model: MakeModel) -> None:
    path = constant_model([np.zeros((1, 2000, 90))])  # too many rows for the DETR family
    with pytest.raises(ModelError, match="known families"):
        read(path)
    assert read(beside(path, "decoder: detr-rows")).card.decoder == "detr-rows"


def test_a_model_of_one_size_says_so(model: Path) -> None:
    card = read(model).card
    assert (card.fixed_size, card.size, card.max_batch) == (True, (64, 64), 1)
    with pytest.raises(ModelError, match=r"tiny\.yaml.*size is 640×640.*takes 64×64 only"):
        read(beside(model, "size: 640"))
    assert read(beside(model, "size: [64, 64]")).card.size == (64, 64)


def test_an_input_of_integers_takes_pixels_as_they_are(constant_model: MakeModel) -> None:
    path = constant_model([np.zeros((1, 25, 6))], dtype=TensorProto.UINT8)
    reading = read(path)
    assert (reading.card.scale, reading.origin["scale"]) == (1, "input type")
    assert read(beside(path, "scale: 1")).card.scale == 1
    with pytest.raises(ModelError, match=r"its input is uint8.*scale: 1"):
        read(beside(path, "scale: 0.0039"))  # 1/255 of a pixel would be 0


def test_an_open_size_is_the_card_s_or_640(pyramid_model: MakeModel) -> None:
    path = pyramid_model(8, shape=("n", 3, "h", "w"))
    assert read(path).card.size == (640, 640)
    assert read(beside(path, "size: 320")).card.size == (320, 320)
    assert read(beside(path, "size: [320, 192]")).card.size == (320, 192)


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param("nmaes: [a]", ["tiny.yaml", "nmaes"], id="unknown key"),
        pytest.param(
            "conf: 2", ["tiny.yaml", "conf", "it must be 1 or less, not 2"], id="out of range"
        ),
        pytest.param("order: gbr", ["tiny.yaml", "order", "'bgr'", "'gbr'"], id="unknown order"),
        pytest.param("mean: [1, 2]", ["tiny.yaml", "mean"], id="two means"),
        pytest.param(
            "mean: [.nan, 0, 0]", ["tiny.yaml", "mean.0", "finite"], id="a mean that is none"
        ),
        pytest.param("std: [1, 0, 1]", ["tiny.yaml", "std.1", "more than 0"], id="deviation 0"),
        pytest.param("scale: .inf", ["tiny.yaml", "scale"], id="a scale without an end"),
        pytest.param("size: wide", ["tiny.yaml", "size", "'wide'"], id="size is a word"),
        pytest.param("size: [640]", ["tiny.yaml", "size"], id="half a size"),
        pytest.param("size: 640.5", ["tiny.yaml", "size"], id="size is a fraction"),
        pytest.param("size: 0", ["tiny.yaml", "size"], id="size is nothing"),
        pytest.param("size: {a: 1}", ["tiny.yaml", "size"], id="size is a mapping"),
        pytest.param("decoder: [yolov8]", ["tiny.yaml", "decoder"], id="decoder is a list"),
        pytest.param("class_names: {a: b}", ["tiny.yaml", "class_names"], id="names by letters"),
        pytest.param("sha256: abc", ["tiny.yaml", "sha256"], id="no checksum"),
        pytest.param("task: semantic", ["tiny.yaml", "task", "'semantic'"], id="another task"),
        pytest.param("1: 2", ["tiny.yaml", "1"], id="a key that is no word"),
        pytest.param("a: [", ["tiny.yaml", "not a model card", "line 1"], id="broken YAML"),
        pytest.param("- yolov8", ["tiny.yaml", "mapping of fields"], id="a list"),
        pytest.param("yolov8", ["tiny.yaml", "mapping of fields"], id="a word"),
        pytest.param("", ["tiny.yaml", "mapping of fields"], id="empty"),
        pytest.param("decoder: yolov99", ["tiny.yaml", "'yolov99'", "yolov8"], id="unknown family"),
        pytest.param(
            f"sha256: {'ab' * 32}", ["tiny.onnx", "ab" * 32, "changed"], id="other file's"
        ),
    ],
)
def test_a_wrong_card_is_refused(model: Path, text: str, messages: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        read(beside(model, text))
    for message in messages:
        assert message in str(caught.value)


def test_bytes_that_are_no_text_are_no_card(model: Path) -> None:
    model.with_suffix(".yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ModelError, match="not a model card"):
        read(model)


def test_a_card_runs_nothing(model: Path) -> None:
    with pytest.raises(ModelError, match="not a model card"):
        read(beside(model, "name: !!python/object/apply:os.getcwd []"))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        pytest.param({"names": "{0: "}, "names=", id="broken names"),
        pytest.param({"names": "open('x')"}, "names=", id="names that call"),
        pytest.param({"names": "3"}, "class_names", id="names are a number"),
        pytest.param({"stride": "wide"}, "stride='wide'", id="stride is a word"),
        pytest.param({"stride": "1e999"}, "stride='1e999'", id="stride is infinite"),
        pytest.param({"imgsz": "640"}, "imgsz='640'", id="one number"),
        pytest.param({"imgsz": "[640]"}, "imgsz=", id="half a size"),
        pytest.param({"imgsz": "[1, 2, 3]"}, "imgsz=", id="three sides"),
        pytest.param({"task": "semantic"}, "'semantic'.*detection", id="semantic segmentation"),
        pytest.param({"kpt_shape": "17"}, "kpt_shape='17'", id="keypoints without values"),
        pytest.param({"kpt_names": "[1]"}, "kpt_names=", id="keypoint names of no class"),
        pytest.param({"task": "classify"}, "'classify'.*detection", id="classification"),
    ],
)
def test_unreadable_metadata_are_refused(
    constant_model: MakeModel, metadata: dict[str, str], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read(constant_model([np.zeros((1, 25, 6))], metadata=metadata))


def test_unknown_outputs_are_listed_with_the_known_families(constant_model: MakeModel) -> None:
    path = constant_model([np.zeros((1, 7, 7)), np.zeros((1, 9))])
    with pytest.raises(ModelError) as caught:
        read(path)
    message = str(caught.value)
    for part in ("tiny.onnx", "output0 1×7×7", "output1 1×9", "64×64", "tiny.yaml", *decoders()):
        assert part in message


def test_an_operator_that_onnx_does_not_know_is_named_with_its_layer(
    pyramid_model: MakeModel, tmp_path: Path
) -> None:
    model = onnx.load(pyramid_model(6, transposed=True))
    (output,) = model.graph.output
    for node in model.graph.node:
        node.output[:] = ["before" if name == output.name else name for name in node.output]
    node = helper.make_node("MyNms", ["before"], [output.name], name="/head/nms", domain="acme")
    model.graph.node.append(node)
    model.opset_import.append(helper.make_opsetid("acme", 1))
    output.type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "custom.onnx")
    with pytest.raises(ModelError, match=r"does not know acme\.MyNms \(layer /head/nms\)"):
        read_card(open_model(tmp_path / "custom.onnx"), decoders())


def test_an_ir_has_a_card_too(pyramid_model: MakeModel, tmp_path: Path) -> None:
    source = read(pyramid_model(8, transposed=True))
    path = tmp_path / "ir" / "pyramid.xml"
    save_ir(pyramid_model(8, transposed=True), path)
    assert read(path).card.decoder == "yolov8"
    write_card(source.card, path)
    reading = read(path)
    assert reading.origin["class_names"] == "card"
    assert reading.file.format == "openvino"


METADATA = """description: Ultralytics YOLO11n
author: Ultralytics
stride: 32
task: {task}
imgsz:
- 64
- 96
names:
  0: helmet
  1: vest
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param(METADATA.format(task="detect"), ("helmet", "vest"), id="Ultralytics'"),
        pytest.param("author: Somebody\nnames: [a, b, c]", (), id="another program's"),
        pytest.param("\xff", (), id="no text"),
        pytest.param(METADATA.format(task="segment"), "task is segment: masks", id="another task"),
        pytest.param("author: Ultralytics\nnames: {0: [", "metadata.yaml: not whole", id="broken"),
    ],
)
def test_an_ir_is_what_the_metadata_beside_it_says(
    pyramid_model: MakeModel, tmp_path: Path, text: str, names: tuple[str, ...] | str
) -> None:
    path = tmp_path / "best_openvino_model" / "best.xml"
    save_ir(pyramid_model(6, transposed=True), path)
    path.with_name("metadata.yaml").write_bytes(text.encode("latin-1"))
    if isinstance(names, str):
        with pytest.raises(ModelError, match=names):
            read(path)
        return
    reading = read(path)
    assert reading.card.class_names == names
    assert (reading.origin["class_names"] == "metadata") is bool(names)


@pytest.mark.parametrize("family", ["end-to-end", "yolox"])
def test_a_written_card_reads_back(data: Path, model: Path, tmp_path: Path, family: str) -> None:
    source = data / "models" / "yolox_nano.onnx" if family == "yolox" else model
    path = tmp_path / "copy" / "copy.onnx"
    path.parent.mkdir()
    shutil.copy(source, path)
    names = ("naïve", "b") if family == "end-to-end" else tuple("abcdefgh" * 10)
    card = read(source).card.model_copy(
        update={"class_names": names, "conf": 0.33, "sha256": "0" * 64}
    )
    write_card(card, path)
    expected: dict[str, Any] = card.model_dump() | {"sha256": None}
    assert read(path).card == ModelCard(**expected)
    assert "sha256" not in yaml.safe_load(path.with_suffix(".yaml").read_text("utf-8"))


def test_a_card_that_names_another_family_than_its_model(data: Path, tmp_path: Path) -> None:
    model = tmp_path / "nano.onnx"
    model.write_bytes((data / "models" / "yolox_nano.onnx").read_bytes())
    model.with_suffix(".yaml").write_text("decoder: yolov8")
    with pytest.raises(ModelError, match=r"nano\.yaml: decoder is yolov8.*those of yolox"):
        read(model)
    model.with_suffix(".yaml").write_text("decoder: yolox-decoded")
    assert read(model).card.decoder == "yolox-decoded"


def test_a_torch_program_is_what_its_card_says(tmp_path: Path) -> None:
    program = tmp_path / "yolo.torchscript"
    program.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match=r"write a card yolo\.yaml beside it"):
        read_card(open_model(program), decoders())
    (tmp_path / "yolo.yaml").write_text(
        "decoder: yolov8\nsize: [640, 384]\nclass_names: [car, bus]\n", encoding="utf-8"
    )
    reading = read_card(open_model(program), decoders())
    assert reading.file.content == program
    assert (reading.card.decoder, reading.card.size) == ("yolov8", (640, 384))
    assert reading.card.class_names == ("car", "bus")


@pytest.mark.parametrize(
    ("said", "decoder"),
    [({}, "yolov8"), ({"args": {"nms": True}}, "end-to-end"), ({"end2end": True}, "end-to-end")],
)
def test_a_torch_program_of_ultralytics_says_what_it_is(
    tmp_path: Path, said: dict[str, Any], decoder: str
) -> None:
    program = tmp_path / "yolo.torchscript"
    words = {
        "author": "Ultralytics", "head": "Detect", "task": "detect", "stride": 32, "batch": 1,
        "imgsz": [384, 640], "names": {"0": "helmet", "1": "vest"},
    }  # fmt: skip
    with zipfile.ZipFile(program, "w") as archive:
        archive.writestr("yolo/extra/config.txt", json.dumps(words | said))
    reading = read_card(open_model(program), decoders())
    assert (reading.card.decoder, reading.card.size) == (decoder, (640, 384))
    assert reading.card.class_names == ("helmet", "vest")
    assert (reading.card.fixed_size, reading.card.max_batch) == (True, 1)


@pytest.mark.parametrize("key", ["names", "imgsz", "stride", "attributes"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * 5000, id="brackets"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="lists"),
        pytest.param("-" * 100_000 + "1", id="signs"),
        pytest.param("'a'+" * 100_000 + "'a'", id="sums"),
    ],
)
def test_metadata_that_is_nested_too_deeply_is_unreadable(key: str, text: str) -> None:
    with pytest.raises(
        ModelError, match=rf"^a\.onnx: .* metadata {key}=.* is unreadable"
    ) as raised:
        from_metadata({key: text}, ("detect",), Path("a.onnx"))
    assert len(str(raised.value)) < 300  # it does not repeat all of it


def test_a_class_id_that_would_take_all_memory_is_refused(constant_model: MakeModel) -> None:
    path = constant_model([np.zeros((1, 25, 6))], metadata={"names": "{0: 'a', 2000000000: 'b'}"})
    with pytest.raises(ModelError, match=r"class_names: .*class id 2000000000 is above 100000"):
        read(path)


@pytest.mark.parametrize(
    ("levels", "said"),
    [(9, "class_names: the name of a class must be text"), (19, "holds more than 200000 values")],
)
def test_aliases_in_class_names_are_not_written_out(model: Path, levels: int, said: str) -> None:
    lines = ["class_names:", "  0: &a0 [x, x]"]
    lines += [f"  {i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, levels)]  # 2 ** 19 letters
    beside(model, "\n".join(lines))
    with pytest.raises(ModelError, match=said) as raised:
        read(model)
    assert len(str(raised.value)) < 300


def test_class_names_have_no_control_characters(constant_model: MakeModel) -> None:
    names = "{0: 'a\\x1b[31m', 1: 'two\\nlines', 2: '\\u202eright', 3: 'Fußgänger 行人'}"
    card = read(constant_model([np.zeros((1, 25, 6))], metadata={"names": names})).card
    assert card.class_names == ("a [31m", "two lines", "right", "Fußgänger 行人")


def test_attributes_and_their_labels_have_none_either() -> None:
    attributes = {"co\x1b]0;lour": ["re\u202ed", "li\u200ft\r\ngreen", "dark  blue"]}
    card = ModelCard(name="c", task="classify", size=(8, 8), fixed_size=True, attributes=attributes)
    assert card.attributes == {"co ]0;lour": ("re d", "li t green", "dark  blue")}

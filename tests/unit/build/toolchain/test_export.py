"""Models in other formats: each source in each target, compared, written whole, with its history."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import yaml

import sightline
from sightline.build.toolchain import export as exporting
from sightline.build.toolchain.export_sources import ExportOptions
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError, SinkError
from sightline.models.file import open_model

DATA = "street://?seed=3&width=160&height=96&duration=2"
MakeModel = Callable[..., Path]

NETS = """
import torch
class Detector(torch.nn.Module):
    '''The outputs of YOLOv8 with two classes, for any batch and size.'''
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.heads = torch.nn.ModuleList(torch.nn.Conv2d(3, 6, s, s) for s in (8, 16, 32))
    def forward(self, x):
        return torch.cat([head(x).flatten(2) for head in self.heads], 2)
class Baked(Detector):
    '''As some write it: the number of cells is a number, so that only one size can run.'''
    def forward(self, x):
        return super().forward(x) + torch.zeros(1, 6, (64 * 96) // 64 + (64 * 96) // 256 + 6)
class Layer(torch.nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x)
class Unusual(Detector):
    def __init__(self):
        super().__init__()
        self.unusual = Layer()
    def forward(self, x):
        return super().forward(self.unusual(x))
class Turned(Detector):
    '''With an operator that ONNX has since opset 20.'''
    def forward(self, x):
        turn = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]) + 0 * x.mean()
        grid = torch.nn.functional.affine_grid(turn, [1, 3, 64, 96], align_corners=False)
        return super().forward(torch.nn.functional.grid_sample(x, grid, align_corners=False))
class NotANumber(Detector):
    def forward(self, x):
        return super().forward(x) * float('nan')
class Deciding(Detector):
    def forward(self, x):
        return super().forward(x) * 2 if x.mean() > 0.9 else super().forward(x)
class InDicts(torch.nn.Module):
    '''As the detectors of torchvision: a list of dicts, one for each picture.'''
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.head = torch.nn.Conv2d(3, 6, 32, 32)
    def forward(self, images):
        rows = [self.head(one[None]).flatten(2)[0].T for one in images]
        return [{'boxes': r[:, :4], 'labels': r[:, 4].long(), 'scores': r[:, 5]} for r in rows]
class Attending(torch.nn.Module):
    '''A transformer: PyTorch runs a layer of it as one operator, which no other format has.'''
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.patches = torch.nn.Conv2d(3, 16, 32, 32)
        layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.layers = torch.nn.TransformerEncoder(layer, 1)
        self.head = torch.nn.Linear(16, 3)
    def forward(self, x):
        return self.head(self.layers(self.patches(x).flatten(2).transpose(1, 2)).mean(1))
class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Conv2d(3, 2, 3)
    def forward(self, x):
        return self.body(x).mean((2, 3))
"""


@pytest.fixture(scope="module", autouse=True)
def user_nets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    folder = tmp_path_factory.mktemp("nets")
    (folder / "exported_nets.py").write_text(NETS)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("exported_nets", None)


def export(model: str | Path, to: Path, **options: Any) -> Any:
    options = {"data": DATA, **options}
    return exporting.export(ModelOptions(model=str(model)), to, ExportOptions(**options))


def card_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.with_suffix(".yaml").read_text())
    return content


@pytest.fixture
def network_card(tmp_path: Path) -> Path:
    path = tmp_path / "told.yaml"
    path.write_text("class_names: [person, car]\nconf: 0.4\ndecoder: yolov8\n")
    return path


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".torchscript", ".pt2"])
def test_a_module_in_each_format_is_used_as_any_model(
    tmp_path: Path, suffix: str, network_card: Path
) -> None:
    to = tmp_path / f"made{suffix}"
    done = export("exported_nets:Detector", to, size=(96, 64), card=network_card, dynamic=frozenset({"batch", "size"}))  # fmt: skip
    assert 0 <= done.comparison.difference.distance < 1e-3
    card = card_of(to)
    assert (card["decoder"], card["size"], card["fixed_size"]) == ("yolov8", [96, 64], False)
    assert (card["class_names"], card["conf"]) == (["person", "car"], 0.4)
    (step,) = card["history"]
    assert step["tool"] == "sightline export"
    assert step["source"] == "exported_nets:Detector"
    assert step["figures"]["largest_difference"]["distance"] == done.comparison.difference.distance
    with sightline.load(to) as model:
        for height, width in ((64, 96), (96, 128)):
            model.detect(np.full((height, width, 3), 90, np.uint8))
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("first", "second"),
    [(".torchscript", ".onnx"), (".torchscript", ".xml"), (".pt2", ".onnx"), (".pt2", ".xml"), (".onnx", ".xml"), (".xml", ".xml")],
)  # fmt: skip
def test_what_was_exported_is_exported_again(
    tmp_path: Path, first: str, second: str, network_card: Path
) -> None:
    one, two = tmp_path / f"one{first}", tmp_path / f"two{second}"
    export("exported_nets:Detector", one, size=(96, 64), card=network_card)
    export(one, two)
    sources = [step["source"] for step in card_of(two)["history"]]
    assert sources == ["exported_nets:Detector", one.name]
    assert card_of(two)["history"][1]["source_sha256"] == open_model(one).sha256


def test_an_onnx_file_gets_another_opset_a_fixed_input_and_other_names(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    model = pyramid_model(6, transposed=True)
    to = tmp_path / "made.onnx"
    export(
        model, to, opset=19, size=(64, 32), batch=2, input_name="pixels", output_names=("found",)
    )
    graph = onnx.load(to)
    assert graph.opset_import[0].version == 19
    (given,), (found,) = graph.graph.input, graph.graph.output
    assert (given.name, found.name) == ("pixels", "found")
    assert [d.dim_value for d in given.type.tensor_type.shape.dim] == [2, 3, 32, 64]
    assert [d.dim_value for d in found.type.tensor_type.shape.dim] == [2, 6, 42]
    card = card_of(to)
    assert (card["fixed_size"], card["max_batch"], card["outputs"]) == (True, 2, ["found"])


@pytest.mark.parametrize(
    ("model", "name", "options", "error", "message"),
    [
        pytest.param("Detector", "a.onx", {}, ConfigError, r"did you mean .*a\.onnx", id="suffix"),
        pytest.param("Detector", "a", {}, ConfigError, r"\.onnx \(ONNX\), \.xml", id="no suffix"),
        pytest.param("NotANumber", "a.onnx", {}, ModelError, r"itself answers with nan in output\[", id="NaN"),
        pytest.param("Unusual", "a.onnx", {}, ModelError, "no operator for aten::special_bessel_j0, in the layer unusual", id="operator of ONNX"),
        pytest.param("Unusual", "a.xml", {}, ModelError, "OpenVINO IR, which has no operator for aten::special_bessel_j0, in the layer unusual", id="operator of OpenVINO"),
        pytest.param("Turned", "a.onnx", {"batch": 1, "opset": 17}, ModelError, "aten::affine_grid_generator, .*: `--opset 20` has one", id="newer opset"),
        pytest.param("Baked", "a.torchscript", {"dynamic": frozenset({"size"})}, ModelError, r"does not run on 1 pictures of 128×64", id="fixed inside"),
        pytest.param("Detector", "a.onnx", {"output_names": ("a", "b")}, ConfigError, "2 names are given, and the model has 1", id="names"),
        pytest.param("Detector", "a.onnx", {"tolerance": 0.0}, ModelError, r"more than 0 and was not kept: output\[\d+, \d+, \d+\] is", id="tolerance"),
        pytest.param("Detector", "a.onnx", {"opset": 99}, ConfigError, "--opset 99: the newest", id="opset"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_and_leaves_nothing(
    tmp_path: Path, model: str, name: str, options: dict[str, Any], error: Any, message: str
) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(error, match=message):
        export(f"exported_nets:{model}", tmp_path / name, **{"size": (96, 64), **options})
    assert set(tmp_path.iterdir()) == before


def test_a_network_that_bears_one_size_is_exported_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    card = tmp_path / "fields.yaml"
    card.write_text("decoder: yolov8\nclass_names: [a, b]\nsize: [96, 64]\n")
    to = tmp_path / "a.onnx"
    export("exported_nets:Baked", to, card=card)
    (given,) = onnx.load(to).graph.input
    batch, *rest = given.type.tensor_type.shape.dim
    assert (batch.dim_value, [d.dim_value for d in rest]) == (0, [3, 64, 96])
    assert card_of(to)["fixed_size"] is True
    assert "pictures of 128×64" in caplog.text
    assert "so a.onnx has a fixed size of 96×64" in caplog.text


def test_a_graph_goes_where_it_can_only(tmp_path: Path, pyramid_model: MakeModel) -> None:
    with pytest.raises(ConfigError, match=r"an ONNX file, which cannot be turned into TorchScript"):
        export(pyramid_model(6, transposed=True), tmp_path / "a.torchscript")
    baked = pyramid_model(6, transposed=True, baked=True, name="baked")
    with pytest.raises(ConfigError, match="has a fixed batch and size"):
        export(baked, tmp_path / "a.xml", dynamic=frozenset({"batch", "size"}))
    with pytest.raises(ConfigError, match="--batch: baked takes a batch of 1 only, not 3"):
        export(baked, tmp_path / "a.xml", batch=3)


def test_the_history_of_a_sibling_is_not_that_of_the_model(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    """``best.yaml`` is written for ``best.xml``, and read for ``best.onnx`` as well."""
    model = pyramid_model(6, transposed=True, name="best")
    export(model, tmp_path / "best.xml")
    export(model, tmp_path / "other.onnx")
    (step,) = card_of(tmp_path / "other.onnx")["history"]
    assert (step["source"], step["options"]["to"]) == ("best.onnx", "onnx")


def test_the_model_itself_is_never_overwritten(tmp_path: Path, pyramid_model: MakeModel) -> None:
    model = pyramid_model(6, transposed=True)
    content = model.read_bytes()
    with pytest.raises(ConfigError, match="would be overwritten"):
        export(model, model)
    assert model.read_bytes() == content


def test_a_card_of_both_is_kept_as_it_is(
    tmp_path: Path, pyramid_model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    model = pyramid_model(6, transposed=True, name="best")
    (tmp_path / "best.yaml").write_text("class_names: [a, b]\n")
    export(model, tmp_path / "best.xml")
    assert (tmp_path / "best.yaml").read_text() == "class_names: [a, b]\n"
    assert "is the card of both" in caplog.text
    (tmp_path / "best.yaml").write_text(f"sha256: {open_model(model).sha256}\n")
    with pytest.raises(ConfigError, match=r"best\.yaml is the card of .* and holds its checksum"):
        export(model, tmp_path / "best.xml")


def test_a_card_that_says_something_else_of_a_sibling_is_kept(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    model = pyramid_model(6, transposed=True, name="net")
    export(model, tmp_path / "best.onnx")
    export(model, tmp_path / "best.onnx", size=(96, 96))  # nobody else has its card
    export(model, tmp_path / "best.xml", size=(96, 96))  # the same in all that matters
    with pytest.raises(ConfigError, match=r"best\.yaml is the card of best\.onnx too, .* size"):
        export(model, tmp_path / "best.xml", size=(64, 64))
    assert card_of(tmp_path / "best.onnx")["size"] == [96, 96]
    (tmp_path / "other.xml").write_text("")
    (tmp_path / "other.yaml").write_text("conf: 0.7\n")
    with pytest.raises(ConfigError, match=r"says another conf: 0\.7"):
        export(model, tmp_path / "other.onnx")
    assert (tmp_path / "other.yaml").read_text() == "conf: 0.7\n"


def test_weights_outside_of_the_model_s_folder_are_refused(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    graph = onnx.load(pyramid_model(6, transposed=True))
    (tmp_path / "in").mkdir()
    onnx.save(graph, tmp_path / "in" / "a.onnx", save_as_external_data=True, location="w.data", size_threshold=0)  # fmt: skip
    moved = onnx.load(tmp_path / "in" / "a.onnx", load_external_data=False)
    for weight in moved.graph.initializer:
        weight.external_data[0].value = "../w.data"
    (tmp_path / "in" / "b.onnx").write_bytes(moved.SerializeToString())
    (tmp_path / "in" / "w.data").rename(tmp_path / "w.data")
    with pytest.raises(ModelError, match=r"b\.onnx.*w\.data"):
        export(tmp_path / "in" / "b.onnx", tmp_path / "out.onnx")


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, pyramid_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, real = pyramid_model(6, transposed=True), os.open

    def full(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".0.part"):
            raise OSError(28, "No space left on device")
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(SinkError, match="the disk is full"):
        export(model, tmp_path / "out" / "a.onnx")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_export_leaves_the_old_file(
    tmp_path: Path, pyramid_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, to = pyramid_model(6, transposed=True), tmp_path / "out" / "a.onnx"
    export(model, to)
    before = {path.name: path.read_bytes() for path in to.parent.iterdir()}

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "compare_export", stopped)
    with pytest.raises(KeyboardInterrupt):
        export(model, to, opset=19)
    assert {path.name: path.read_bytes() for path in to.parent.iterdir()} == before


def test_a_classifier_is_told_by_its_card(tmp_path: Path) -> None:
    (tmp_path / "told.yaml").write_text("task: classify\nclass_names: [day, night]\nsize: 32\n")
    to = tmp_path / "made.onnx"
    export("exported_nets:Classifier", to, card=tmp_path / "told.yaml")
    assert card_of(to)["attributes"] == {"class": ["day", "night"]}
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 40, 3), np.uint8))
    (answer,) = sightline.classify(tmp_path / "a.png", to)
    assert {label.value for label in answer.labels} == {"day", "night"}


def test_without_a_word_about_its_outputs_the_card_holds_the_input(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    to = tmp_path / "made.onnx"
    export("exported_nets:Classifier", to, size=(32, 32))
    assert "--card FILE can tell" in caplog.text
    card = card_of(to)
    assert (card["size"], card["decoder"]) == ([32, 32], "")
    assert card["history"]


ULTRALYTICS = """
import shutil
class YOLO:
    def __init__(self, path): self.path = path
    def export(self, format, dynamic):
        assert (format, dynamic) == ('onnx', True)
        made = self.path.replace('.pt', '.onnx')
        shutil.copyfile({model!r}, made)
        return made
"""


def test_a_checkpoint_of_ultralytics(
    tmp_path: Path, pyramid_model: MakeModel, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """That package is not a dependency, so one that answers as it does stands in for it."""
    import torch

    package = tmp_path / "site" / "ultralytics"
    package.mkdir(parents=True)
    names = {"names": "{0: 'a', 1: 'b'}", "license": "AGPL-3.0", "task": "detect"}
    model = pyramid_model(6, transposed=True, metadata=names)
    (package / "__init__.py").write_text(ULTRALYTICS.format(model=str(model)))
    (package / "tasks.py").write_text("class DetectionModel: pass")
    checkpoint, to = tmp_path / "best.pt", tmp_path / "best.xml"
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "site"))
        from ultralytics.tasks import DetectionModel  # type: ignore[import-not-found]

        torch.save({"model": DetectionModel()}, checkpoint)
    for module in ("ultralytics", "ultralytics.tasks"):
        monkeypatch.delitem(sys.modules, module)
    command = f"yolo export model={checkpoint} format=onnx dynamic=True"
    with pytest.raises(ConfigError, match=f"--trust-pickle; or .*`{command}`"):
        export(checkpoint, to)
    with pytest.raises(ModelError, match=f"not installed: export it where it is: `{command}`"):
        export(checkpoint, to, trust_pickle=True)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    export(checkpoint, to, trust_pickle=True)
    assert "AGPL-3.0" in caplog.text
    assert card_of(to)["licence"] == "AGPL-3.0"
    assert not list(tmp_path.glob(".*"))


def test_what_a_network_decides_by_its_picture_is_told_with_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    export("exported_nets:Deciding", tmp_path / "it.onnx", size=(96, 64))
    line = 1 + NETS.splitlines().index(
        "        return super().forward(x) * 2 if x.mean() > 0.9 else super().forward(x)"
    )
    assert f"exported_nets.py:{line} decides by its input, and the export always" in caplog.text
    capfd.readouterr()
    with pytest.raises(ModelError, match=rf"it decides .* \(exported_nets\.py:{line}\)"):
        export("exported_nets:Deciding", tmp_path / "it.pt2", size=(96, 64))
    assert capfd.readouterr().err == ""  # PyTorch prints the whole graph


@pytest.mark.parametrize("suffix", [".onnx", ".torchscript", ".xml"])
def test_outputs_in_dicts_are_outputs_by_name(
    suffix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"boxes{suffix}"
    made = export("exported_nets:InDicts", path, size=(96, 64), batch=1, fp32=True)
    assert made.card.decoder == "torchvision"
    assert "write into boxes.yaml beside it `class_names:" in caplog.text  # a place that lasts
    if suffix == ".onnx":
        assert [one.name for one in open_model(path).outputs] == ["boxes", "labels", "scores"]


@pytest.mark.parametrize("suffix", [".onnx", ".torchscript", ".pt2", ".xml"])
def test_a_transformer_is_exported(suffix: str, tmp_path: Path) -> None:
    made = export("exported_nets:Attending", tmp_path / f"it{suffix}", size=(96, 64), fp32=True)
    assert made.comparison is not None
    assert made.comparison.figures()["largest_difference"]["distance"] < 1e-3


def test_a_file_whose_card_holds_its_input_only_is_exported_again(tmp_path: Path) -> None:
    export("exported_nets:Attending", tmp_path / "it.torchscript", size=(96, 64))
    made = export(tmp_path / "it.torchscript", tmp_path / "again.xml")
    assert (made.card.size, made.card.decoder) == ((96, 64), "")


def test_an_operator_that_no_older_opset_has_is_named(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    model = onnx.load(pyramid_model(6, transposed=True))
    model.graph.node.append(onnx.helper.make_node("Identity", [model.graph.output[0].name], ["i"]))
    model.graph.node.append(onnx.helper.make_node("HardSwish", ["i"], ["swish"]))
    model.graph.output[0].name = "swish"
    onnx.save(model, tmp_path / "new.onnx")
    with pytest.raises(ModelError, match="ONNX's converter knows no other form of"):
        export(tmp_path / "new.onnx", tmp_path / "old.onnx", opset=9)


def test_an_input_larger_than_memory_is_refused(tmp_path: Path) -> None:
    to = tmp_path / "large.onnx"
    with pytest.raises(ConfigError, match="--size: an input has at most 8192 pixels a side"):
        exporting.export(ModelOptions(model="street"), to, ExportOptions(size=(100_000, 64)))
    assert not to.exists()

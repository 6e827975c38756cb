"""Files of PyTorch that are refused before anything in them is loaded."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.engines.pytorch.small_programs import exported, scripted

from sightline.engines.pytorch.archive import archive_kind
from sightline.engines.pytorch.engine import TorchEngine
from sightline.errors import ModelError
from sightline.types import Normalization

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


PLAIN = Normalization()


class Payload:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Path]:
    """A file that must not be there in the end."""
    path = tmp_path / "trap"
    yield path
    assert not path.exists(), "something in the model was run"


def test_pickled_checkpoints_are_refused_and_not_loaded(tmp_path: Path, trap: Path) -> None:
    checkpoint, bare = tmp_path / "model.pt", tmp_path / "old.pt"
    torch.save({"weights": Payload(trap)}, checkpoint)
    bare.write_bytes(pickle.dumps(Payload(trap)))
    with pytest.raises(ModelError, match=r"model\.pt is a pickled checkpoint.*torch\.jit\.trace"):
        TorchEngine(checkpoint, PLAIN)
    with pytest.raises(ModelError, match=r"old\.pt is no TorchScript"):
        TorchEngine(bare, PLAIN)
    with pytest.raises(ModelError, match="the model is a pickled checkpoint"):
        TorchEngine(checkpoint.read_bytes(), PLAIN)


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"no model" * 99, id="text")]
)
def test_broken_files_are_model_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pt2"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.pt2"):
        TorchEngine(path, PLAIN)
    with pytest.raises(ModelError, match=r"gone\.pt2"):
        TorchEngine(tmp_path / "gone.pt2", PLAIN)


def test_a_truncated_program_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.torchscript"
    whole = zipfile.ZipFile(scripted(tmp_path / "whole.torchscript"))
    with whole, zipfile.ZipFile(path, "w") as cut:
        for name in whole.namelist():
            if not name.endswith("data/0"):
                cut.writestr(name, whole.read(name))
    with pytest.raises(ModelError, match=r"PyTorch cannot load .*cut\.torchscript"):
        TorchEngine(path, PLAIN)


def edited(path: Path, out: Path, edit: Callable[[str, bytes], bytes], **more: bytes) -> Path:
    """A copy of an archive with members changed and others put in."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, edit(name, old.read(name)))
        folder = old.namelist()[0].partition("/")[0]
        for name, content in more.items():
            new.writestr(f"{folder}/{name}", content)
    return out


def same(_: str, content: bytes) -> bytes:
    return content


def pickled_weights(name: str, content: bytes) -> bytes:
    if not name.endswith("weights_config.json"):
        return content
    config = json.loads(content)
    next(iter(config["config"].values()))["use_pickle"] = True
    return json.dumps(config).encode()


def in_graph(edit: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("models/model.json"):
            return content
        graph = json.loads(content)
        edit(graph)
        return json.dumps(graph).encode()

    return change


def first_size(graph: dict[str, Any], text: str) -> None:
    values = graph["graph_module"]["graph"]["tensor_values"]
    sizes = [s for value in values.values() for s in value["sizes"] if "as_expr" in s]
    sizes[0]["as_expr"]["expr_str"] = text


EVIL_SIZES = [
    "__import__('os').system('true')",
    "Symbol('s0').__class__.__mro__",
    "exec('1')",
    "Symbol(\"__import__('os')\")",
    "(lambda: 1)()",
    "[x for x in (1,)]",
]


@pytest.mark.parametrize(
    ("edit", "more", "message"),
    [
        pytest.param(same, {"data/aotinductor/model/x.so": b"x"}, "aotinductor", id="native code"),
        pytest.param(same, {"data/weights/model.pt": b"x"}, r"weights/model\.pt", id="old pickle"),
        pytest.param(same, {"data/constants/custom_obj_0": b"x"}, "custom_obj", id="object"),
        pytest.param(same, {"models/MODEL.json": b"{}"}, "one name", id="name told twice"),
        pytest.param(pickled_weights, {}, "pickled tensors", id="pickled weights"),
        *(
            pytest.param(
                in_graph(lambda g, t=text: first_size(g, t)),
                {},
                "no arithmetic",
                id=f"size: {text}",
            )
            for text in EVIL_SIZES
        ),
        pytest.param(
            in_graph(lambda g: g["guards_code"].append("print(1)")), {}, "arithmetic", id="guard"
        ),
        pytest.param(
            in_graph(
                lambda g: g["graph_module"]["graph"]["nodes"][0].update(target="torch.hub.load")
            ),
            {},
            r"torch\.hub\.load.* no operator",
            id="operator",
        ),
    ],
)
def test_an_exported_program_with_more_than_tensors_and_arithmetic_is_refused(
    tmp_path: Path, edit: Any, more: dict[str, bytes], message: str
) -> None:
    shapes = ({0: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO},)
    good = exported(tmp_path / "good.pt2", dynamic_shapes=shapes)
    assert archive_kind(good) == "exported"
    with pytest.raises(ModelError, match=message):
        archive_kind(edited(good, tmp_path / "evil.pt2", edit, **more))


def test_sample_inputs_that_are_a_pickle_are_refused_and_not_loaded(
    tmp_path: Path, trap: Path
) -> None:
    buffer = io.BytesIO()
    torch.save((Payload(trap),), buffer)

    def edit(name: str, content: bytes) -> bytes:
        return buffer.getvalue() if name.endswith("sample_inputs/model.pt") else content

    path = edited(exported(tmp_path / "good.pt2"), tmp_path / "evil.pt2", edit)
    with pytest.raises(ModelError, match="sample inputs"):
        TorchEngine(path, PLAIN)


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_a_graph_of_another_format_is_no_pickle(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x08\x07")
    for content in (path, path.read_bytes()):
        with pytest.raises(ModelError, match="PyTorch does not run this format: use another"):
            archive_kind(content)

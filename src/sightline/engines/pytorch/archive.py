"""What is in a PyTorch file, found out without unpickling anything.

A checkpoint (``torch.save``) is a pickle, and a pickle is a program that runs while it is loaded:
refused. TorchScript is read by its own interpreter, which makes tensors and nothing else. An
exported program (``torch.export.save``) is JSON beside raw tensors, but its reader falls back to
pickles that an archive may bring, and evaluates expressions for sizes that stand in the JSON as
text: an archive with the former, or with anything else than arithmetic in the latter, is refused.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sightline.errors import ModelError
from sightline.foreign_files.archives import read_member

MEMBERS = re.compile(
    r"models/model\.json|archive_format|archive_version|byteorder|\.data/(version|serialization_id)"
    r"|\.format_version|\.storage_alignment"
    r"|data/(weights/weight|constants/tensor)_\d+"
    r"|data/(weights/model_weights|constants/model_constants)_config\.json"
    r"|data/sample_inputs/model\.pt|extra/.*"
)
"""All that an exported program may have. Compiled code and custom objects are not among it."""

OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|prim|higher_order)\.\w+(\.\w+)?|torch\.sym_\w+|math\.\w+"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_|not_)"
)
ARITHMETIC = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Load,
    ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip
FUNCTIONS = re.compile(r"[A-Z][A-Za-z]*")  # SymPy's: Symbol, Integer, Add, FloorDiv
METHODS = {"size", "stride", "storage_offset", "dim", "numel", "ndim", "shape"}
TEXT = re.compile(r"[\w.+-]*")


GRAPHS = {".onnx", ".xml"}
"""Suffixes of formats that PyTorch writes, and does not run."""


def archive_kind(content: Path | bytes) -> Literal["torchscript", "exported"]:
    """Which of the two formats a file holds.

    Raises:
        ModelError: it is missing, broken, a pickled checkpoint, or an exported program with more in
            it than tensors and arithmetic.
    """
    name = str(content) if isinstance(content, Path) else "the model"
    try:
        with zipfile.ZipFile(content if isinstance(content, Path) else io.BytesIO(content)) as file:
            members = _members(file)
            if "constants.pkl" in members and any(m.startswith("code/") for m in members):
                return "torchscript"
            if "models/model.json" in members:
                _check_exported(file, members, name)
                return "exported"
            pickled = "data.pkl" in members
    except zipfile.BadZipFile as exc:
        # Before PyTorch 1.6 a checkpoint was a bare pickle, which cannot be told from anything else.
        graph = not isinstance(content, Path) or content.suffix.lower() in GRAPHS
        text = (
            _of_graph(name) if graph else _refusal(name, "no TorchScript and no exported program")
        )
        raise ModelError(text) from exc
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        SyntaxError,
    ) as exc:
        raise ModelError(f"{name} cannot be read: {exc}") from exc
    what = "a pickled checkpoint" if pickled else "no TorchScript and no exported program"
    raise ModelError(_refusal(name, what))


def _of_graph(name: str) -> str:
    """What to say of a graph: bytes that are no archive are one, too, which was changed in memory."""
    return (
        f"{name}: PyTorch does not run this format: use another backend, or export the network that it was made of as "
        ".torchscript or .pt2"
    )


def _refusal(name: str, what: str) -> str:
    return (
        f"{name} is {what}. Loading a pickle runs whatever is in it, so save the model as a "
        "program: torch.jit.trace(model.eval(), example).save('model.torchscript'), or "
        "torch.export.save(torch.export.export(model.eval(), (example,)), 'model.pt2')"
    )


def _members(file: zipfile.ZipFile) -> dict[str, str]:
    """Member names without the archive's own folder, each with its full name."""
    names = file.namelist()
    # PyTorch's reader finds members without regard to case: two of one name may be told apart here
    # and not there.
    if len({name.lower() for name in names}) < len(names):
        raise ValueError("it has two members of one name")
    return {name.partition("/")[2]: name for name in names}


def _check_exported(file: zipfile.ZipFile, members: dict[str, str], name: str) -> None:
    import torch

    for member in members:
        if not MEMBERS.fullmatch(member):
            raise ModelError(f"{name} has {member} in it, and only a graph and tensors are loaded")
        if member.endswith("_config.json"):
            config = json.loads(read_member(file, members[member]))["config"]
            if any(entry["use_pickle"] for entry in config.values()):
                raise ModelError(f"{name} has pickled tensors in it: export the model again")
    if "data/sample_inputs/model.pt" in members:
        sample = io.BytesIO(read_member(file, members["data/sample_inputs/model.pt"]))
        try:
            torch.load(sample, weights_only=True)
        except Exception as exc:  # any error means that these are no tensors
            raise ModelError(f"the sample inputs in {name} are no plain tensors") from exc
    graph = json.loads(read_member(file, members["models/model.json"]))
    for key, text in _strings(graph):
        if key in {"expr_str", "guards_code"} and not _is_arithmetic(text):
            raise ModelError(f"{name} has a size in it that is no arithmetic: {text[:80]!r}")
        if key == "target" and not OPERATORS.fullmatch(text):
            raise ModelError(f"{name} calls {text[:80]}, which is no operator of PyTorch's")


def _strings(node: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON document, with the key it stands under."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from _strings(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value, key)
    elif isinstance(node, str):
        yield key, node


def _is_arithmetic(text: str) -> bool:
    """``Add(Symbol('s0', positive=True), Integer(-2))`` is, and ``L['x'].size()[2] >= 3``."""
    return all(_is_harmless(node) for node in ast.walk(ast.parse(text, mode="eval")))


def _is_harmless(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return bool(TEXT.fullmatch(text))
        case ast.Name(id=name):
            return name == "L" or bool(FUNCTIONS.fullmatch(name))
        case ast.Call(func=ast.Name() | ast.Attribute()) | ast.Subscript() | ast.keyword():
            return True
        case ast.Attribute(attr=name):
            return name in METHODS
        case _:
            return isinstance(node, ARITHMETIC)

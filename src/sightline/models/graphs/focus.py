"""The Focus stem of YOLOX and of early YOLOv5, written as the convolution that it is.

Focus sorts the pixels of every 2×2 cell into twelve channels, by four strided slices and a Concat, and a
convolution follows. One convolution of twice the kernel and twice the stride gives the same sums from the
picture itself, and runtimes run it faster: slices of stride 2 are among their slowest nodes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sightline.models.file import ModelFile, copied
from sightline.types import Floats, Ints

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

CELL = 2
TO_THE_END = 2**31 - 1
"""The end of a slice that goes up to the last element: exporters write at least this."""


class _Stem(NamedTuple):
    conv: NodeProto  # the ONNX node that follows the sorting
    sorting: list[NodeProto]  # the nodes that it makes needless
    origins: list[tuple[int, int, int]]  # for each input channel: channel, row, column in a cell


def fold_focus(file: ModelFile) -> ModelFile:
    """The model without Focus, or as it is where it has none. The file's own graph is not touched."""
    if file.graph is None or _stem(file) is None:
        return file
    changed = replace(file, graph=copied(file.graph), changed=True)
    stem = _stem(changed)
    assert stem is not None  # found in the graph that this one is a copy of
    graph = changed.graph.graph
    weights = next(w for w in graph.initializer if w.name == stem.conv.input[1])
    _replace(stem, file.input.name, weights)
    _add_weights(graph, weights, stem)
    sorted_ = {name for node in stem.sorting for name in node.output}
    for node in stem.sorting:
        graph.node.remove(node)
    _drop(graph.value_info, sorted_)
    _drop(graph.initializer, {w.name for w in graph.initializer} - _used(graph))
    return changed


def _stem(file: ModelFile) -> _Stem | None:
    """Focus and its convolution, if the graph starts with them."""
    graph = file.graph.graph
    weights = {w.name: w for w in graph.initializer}
    constants = {
        node.output[0]: attribute.t
        for node in graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"  # one of several ways to write it, and the usual one
    }
    height, width = 2 * CELL, 3 * CELL  # any picture shows where each pixel goes
    ids = np.arange(3 * height * width).reshape(3, height, width)
    moved: dict[str, Ints] = {file.input.name: ids}
    sorting: list[object] = []
    for node in graph.node:
        if not any(name in moved for name in node.input):
            continue
        if node.op_type == "Conv":
            origins = _origins(ids, moved[node.input[0]]) if node.input[0] in moved else None
            kernel = weights.get(node.input[1])
            alone = _only_reader(graph, sorting, node)
            if origins and kernel is not None and _plain(node, tuple(kernel.dims)) and alone:
                return _Stem(node, sorting, origins)
            return None
        values = _moved(node, moved, weights | constants)
        if values is None:
            return None
        moved[node.output[0]] = values
        sorting.append(node)
    return None


def _moved(node: NodeProto, moved: dict[str, Ints], constants: dict[str, Any]) -> Ints | None:
    """What a Slice or a Concat makes of pixels; None for another node, or slices of a certain size."""
    import onnx

    if node.op_type == "Concat":
        parts = [moved.get(name) for name in node.input]
        axis = onnx.helper.get_attribute_value(node.attribute[0])
        if axis not in {1, -3} or any(p is None or p.ndim != 3 for p in parts):
            return None
        whole = [p for p in parts if p is not None]
        same = all(p.shape[1:] == whole[0].shape[1:] for p in whole)
        return np.concatenate(whole) if same else None
    if node.op_type != "Slice" or node.input[0] not in moved:
        return None
    values = [constants.get(name) for name in node.input[1:]]
    if len(values) < 2 or any(v is None for v in values):
        return None  # opset 9 has attributes here; it is eight years old
    arrays = [onnx.numpy_helper.to_array(v).ravel().tolist() for v in values]
    starts, ends = arrays[:2]
    axes = arrays[2] if len(arrays) > 2 else list(range(len(starts)))
    steps = arrays[3] if len(arrays) > 3 else [1] * len(starts)
    same_length = len(starts) == len(ends) == len(axes) == len(steps)
    if not starts or not same_length or min(starts) < 0 or min(ends) < TO_THE_END or min(steps) < 1:
        return None
    cut = {axis % 4: slice(s, None, t) for s, axis, t in zip(starts, axes, steps, strict=True)}
    rest = tuple(cut.get(axis, slice(None)) for axis in range(1, 4))
    return moved[node.input[0]][rest] if 0 not in cut else None


def _origins(ids: Ints, moved: Ints) -> list[tuple[int, int, int]] | None:
    """Where in a cell each channel of sorted pixels comes from; None if it is no such sorting."""
    _, height, width = ids.shape
    if moved.shape != (3 * CELL * CELL, height // CELL, width // CELL):
        return None
    origins = []
    for channel in moved:
        c, place = divmod(int(channel[0, 0]), height * width)
        y, x = divmod(place, width)
        if y >= CELL or x >= CELL or not np.array_equal(channel, ids[c, y::CELL, x::CELL]):
            return None
        origins.append((c, y, x))
    return origins


def _plain(conv: NodeProto, kernel: tuple[int, ...]) -> bool:
    """Whether it reads all sorted channels, with stride 1, no dilation, one group, and says its padding."""
    import onnx

    said = {a.name: onnx.helper.get_attribute_value(a) for a in conv.attribute}
    return (
        len(kernel) == 4
        and kernel[1] == 3 * CELL * CELL
        and set(said.get("strides", [1])) == {1}
        and set(said.get("dilations", [1])) == {1}
        and said.get("group", 1) == 1
        and said.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _only_reader(graph: GraphProto, sorting: list[NodeProto], conv: NodeProto) -> bool:
    """Whether sorted pixels go to this convolution and nowhere else."""
    inner = {name for node in sorting for name in node.output}
    readers = [n for n in graph.node if inner.intersection(n.input) and inner.isdisjoint(n.output)]
    return readers == [conv] and inner.isdisjoint(o.name for o in graph.output)


def _replace(stem: _Stem, picture: str, weights: Any) -> None:
    """Let the convolution read the picture: kernel, stride and padding are doubled."""
    import onnx

    said = {a.name: onnx.helper.get_attribute_value(a) for a in stem.conv.attribute}
    doubled = {
        "kernel_shape": [CELL * k for k in weights.dims[2:]],  # a node need not say it
        "strides": [CELL, CELL],
        "pads": [CELL * p for p in said.get("pads", [0] * 4)],
    }
    _drop(stem.conv.attribute, set(doubled))
    stem.conv.attribute.extend(onnx.helper.make_attribute(k, v) for k, v in doubled.items())
    stem.conv.input[0] = picture
    stem.conv.input[1] = f"{weights.name}_unfocused"


def _add_weights(graph: GraphProto, old: object, stem: _Stem) -> None:
    """Put every weight where its pixel is in the picture."""
    import onnx

    kernel: Floats = onnx.numpy_helper.to_array(old)
    out, _, height, width = kernel.shape
    spread = np.zeros((out, 3, CELL * height, CELL * width), kernel.dtype)
    for channel, (c, y, x) in enumerate(stem.origins):
        spread[:, c, y::CELL, x::CELL] = kernel[:, channel]
    graph.initializer.append(onnx.numpy_helper.from_array(spread, stem.conv.input[1]))


def _used(graph: GraphProto) -> set[str]:
    """Names that a graph reads, those of the branches and loops within it among them."""
    names = {o.name for o in graph.output}
    for node in graph.node:
        names.update(node.input)
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else ())):
                names |= _used(inner)
    return names


def _drop(entries: Any, names: set[str]) -> None:
    """Remove the named entries of a repeated field."""
    for entry in [e for e in entries if e.name in names]:
        entries.remove(entry)

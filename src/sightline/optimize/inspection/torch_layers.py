"""The layers of a PyTorch program: what it calls while it runs once on an empty picture.

Only files that may be run are: see ``engines.torch_archive``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sightline.engines.pytorch.archive import archive_kind
from sightline.errors import EngineUnavailable, ModelError
from sightline.optimize.inspection.layers import Inspection, Layer, Weight
from sightline.types import TensorSpec


def inspect_torch(path: Path, size: tuple[int, int] | None) -> Inspection:
    """What TorchScript or an exported program holds. See ``inspect_onnx``.

    Raises:
        EngineUnavailable: PyTorch is not installed.
        ModelError: the file is missing, broken or a pickled checkpoint.
    """
    try:
        import torch
    except ImportError as exc:
        raise EngineUnavailable.not_installed("PyTorch", "torch") from exc
    kind = archive_kind(path)
    own: tuple[int | None, ...] = (None, 3, None, None)
    network: Any
    try:
        if kind == "torchscript":
            network = torch.jit.load(str(path), map_location="cpu").eval()
        else:
            program = torch.export.load(str(path))
            own = _input_shape(program)
            network = program.module()
    except Exception as exc:  # its readers raise whatever comes along
        raise ModelError(f"PyTorch cannot load {path}: {str(exc).splitlines()[0]}") from exc
    weights = dict(network.named_parameters()) | dict(network.named_buffers())
    layers, at, note = _traced(torch, network, weights, own, size)
    if not layers:
        layers = _by_module(weights)
    return Inspection(
        format="torch",
        producer=kind,
        opsets={},
        metadata={},
        inputs=(TensorSpec("pixels", own),),
        outputs=(),
        layers=tuple(layers),
        size_bytes=path.stat().st_size,
        at=at,
        notes=(note,) if note else (),
    )


def _input_shape(program: Any) -> tuple[int | None, ...]:
    names = program.graph_signature.user_inputs
    (given,) = (n.meta["val"] for n in program.graph.nodes if n.name == names[0])
    return tuple(side if isinstance(side, int) else None for side in given.shape)


def _traced(
    torch: Any,
    network: Any,
    weights: dict[str, Any],
    own: tuple[int | None, ...],
    size: tuple[int, int] | None,
) -> tuple[list[Layer], tuple[int, int] | None, str | None]:
    """The operators that one empty picture goes through, its size, and why there are none."""
    sides = [n or asked for n, asked in zip(own[2:], (size or (None, None))[::-1], strict=False)]
    if len(own) != 4 or None in sides:
        return [], None, "the work is not known: give the input that it is counted for with --size"
    found: list[Layer] = []
    picture = torch.zeros((own[0] or 1, own[1] or 3, *sides))
    try:
        with torch.no_grad(), _recorder(torch, weights, found):
            network(picture)
    except Exception as exc:  # noqa: BLE001 - a network raises whatever it is written to raise
        said = [type(exc).__name__, *str(exc).strip().splitlines()][-1][:200]
        return [], None, f"the work is not known: it does not run on an empty picture: {said}"
    return found, (int(sides[1] or 0), int(sides[0] or 0)), None


def _recorder(torch: Any, weights: dict[str, Any], found: list[Layer]) -> Any:
    """A context in which every operator that PyTorch runs is added to ``found``."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    names = {tensor.data_ptr(): name for name, tensor in weights.items()}

    class Recorder(TorchDispatchMode):  # type: ignore[misc]
        """Notes every operator with its weights and its work."""

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            """Run an operator, and note it."""
            out = func(*args, **(kwargs or {}))
            packet = func.overloadpacket
            count = flop_registry.get(packet)
            macs = count(*args, **(kwargs or {}), out_val=out) // 2 if count else None
            taken = [a.data_ptr() for a in args if isinstance(a, torch.Tensor)]
            viewed = out.data_ptr() if isinstance(out, torch.Tensor) else None
            # A view of a weight only hands it on. Each weight counts once.
            held = [names.pop(one) for one in taken if one != viewed and one in names]
            name = held[0].rpartition(".")[0] if held else f"{packet.__name__}_{len(found)}"
            operator = str(packet).removeprefix("aten.")
            tensors = tuple(_weight(weights[one]) for one in held)
            found.append(Layer(name, operator, tensors, macs, counted=count is not None))
            return out

    return Recorder()


def _weight(tensor: Any) -> Weight:
    return Weight(
        tuple(tensor.shape), tensor.element_size() * 8, convertible=tensor.is_floating_point()
    )


def _by_module(weights: dict[str, object]) -> list[Layer]:
    """The modules that have weights, where nothing is known of how they are used."""
    modules: dict[str, list[Weight]] = {}
    for name, tensor in weights.items():
        modules.setdefault(name.rpartition(".")[0], []).append(_weight(tensor))
    return [Layer(name, "module", tuple(held)) for name, held in modules.items()]

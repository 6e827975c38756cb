"""The tests' ONNX models as PyTorch programs. A pytest plugin."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

ToTorch = Callable[..., Path]


@pytest.fixture(scope="session")
def to_torch(tmp_path_factory: pytest.TempPathFactory) -> ToTorch:
    """A factory: an ONNX file (path or bytes) as TorchScript, or as an exported program.

    Its answer is a dict by the names of the ONNX model's outputs. Sides that are open in the ONNX
    model are open in an exported program.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from sightline.optimize.export.onnx_network import OnnxNetwork

    folder = tmp_path_factory.mktemp("torch")

    class Named(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, model: bytes, names: list[str]) -> None:
            super().__init__()
            self.network, self.names = OnnxNetwork(model), names

        def forward(self, images: object) -> object:
            outputs = self.network(images)
            several = outputs if isinstance(outputs, tuple) else (outputs,)
            return dict(zip(self.names, several, strict=True))

    def convert(model: Path | bytes, kind: str = "torchscript") -> Path:
        content = model.read_bytes() if isinstance(model, Path) else model
        suffix = {"torchscript": "torchscript", "export": "pt2"}[kind]
        path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.{suffix}"
        if path.exists():
            return path
        graph = onnx.load_from_string(content).graph
        module = Named(content, [o.name for o in graph.output]).eval()
        weights = {w.name for w in graph.initializer}
        (given,) = [i for i in graph.input if i.name not in weights]
        dims = [d.dim_value for d in given.type.tensor_type.shape.dim]
        example = torch.zeros([own or side for own, side in zip(dims, (2, 3, 64, 96), strict=True)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of every size that becomes a number
            if kind == "torchscript":
                traced = torch.jit.trace(module, example, strict=False, check_trace=False)
                traced.save(str(path))
            else:
                open_sides = {i: torch.export.Dim.AUTO for i, own in enumerate(dims) if not own}
                shapes = (open_sides,) if open_sides else None
                program = torch.export.export(module, (example,), dynamic_shapes=shapes)
                torch.export.save(program, str(path))
        return path

    return convert

"""Networks whose outputs are dicts, or lists of them, as networks of plain tensors: formats know nothing else."""

from __future__ import annotations

from typing import Any

from sightline.engines.pytorch.engine import named


def is_plain(outputs: object) -> bool:
    """Whether these are a tensor, or a flat list or tuple of tensors."""
    parts = outputs if isinstance(outputs, list | tuple) else [outputs]
    return all(hasattr(part, "ndim") for part in parts)


def flattened(network: Any, *, keep_names: bool) -> Any:
    """A module that answers with a network's tensors in the order of ``named``.

    Args:
        network: a ``torch.nn.Module``.
        keep_names: answer with one dict of them, else with a tuple.
    """
    import torch

    class Flattened(torch.nn.Module):  # type: ignore[misc]  # torch is seen as untyped
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: Any) -> Any:
            found = named(self.network(images))
            return dict(found) if keep_names else tuple(value for _, value in found)

    return Flattened().eval()

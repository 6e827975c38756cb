"""The random numbers of a training: where they begin, and where they stand.

Tasks draw from PyTorch (dropout, augmentation), from NumPy and from Python's own generator.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed(number: int) -> None:
    """Begin with the numbers of a seed, from 0 to 2**32 - 1, in every generator."""
    torch.manual_seed(number)  # also of CUDA devices
    np.random.seed(number)  # noqa: NPY002 - the generator that tasks of others draw from
    random.seed(number)


def random_state() -> dict[str, Any]:
    """Where all generators stand, in types that a checkpoint can be read with ``weights_only``."""
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - as above
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "torch": torch.get_rng_state(), "cuda": devices,
        "numpy": (str(kind), np.asarray(keys).tolist(), position, has_gauss, cached),
        "python": random.getstate(),
    }  # fmt: skip


def restore_random_state(state: dict[str, Any]) -> None:
    """Go on from where the generators stood; ``state`` is of ``random_state``."""
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count() > 0:  # those of another machine say nothing
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, keys, *more = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *more))  # noqa: NPY002 - as above
    random.setstate(state["python"])

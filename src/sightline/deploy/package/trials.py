"""What was tried to meet a machine's limits, and which of it is packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightline.deploy.package.targets import Target


@dataclass(frozen=True)
class PackageTrial:
    """A variant of a model at an input size, measured on this machine.

    Args:
        variant: ``fp32``, ``fp16`` (weights) or ``int8``; ``pruned-0.3``, ``pruned-0.3-fp16`` and so on of
            networks that were taught.
        path: of its file.
        size: longer side of the input; None: the model's own.
        size_mb: of its files.
        latency_ms: the median of one picture.
        kept: the share of what the original is sure of that it finds.
        in_floats: the layers of an INT8 variant that do not compute in INT8.
        training: how the network was taught; empty: it was not.
    """

    variant: str
    path: Path
    size: int | None
    size_mb: float
    latency_ms: float
    kept: float
    in_floats: tuple[str, ...] = ()
    training: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        size = f" at {self.size}" if self.size else ""
        floats = f" with {len(self.in_floats)} layers in floats" if self.in_floats else ""
        return (
            f"{self.variant}{floats}{size}: {self.size_mb:.2f} MB, {self.latency_ms:.1f} ms, "
            f"{self.kept:.3f} kept"
        )

    def figures(self) -> dict[str, Any]:
        """For the package's own file."""
        return {
            "variant": self.variant,
            "size": self.size,
            "size_mb": round(self.size_mb, 3),
            "latency_ms": round(self.latency_ms, 2),
            "kept": round(self.kept, 4),
            "in_floats": list(self.in_floats),
            "training": {name: round(value, 4) for name, value in self.training.items()} or None,
        }


def missed(trial: PackageTrial, target: Target) -> list[str]:
    """The limits that a variant does not meet, each with how much is missing."""
    found = []
    if trial.size_mb > target.size_mb:
        over = trial.size_mb - target.size_mb
        found.append(f"size {trial.size_mb:.2f} MB is {over:.2f} MB above {target.size_mb:g}")
    if trial.latency_ms > target.latency_ms:
        over = trial.latency_ms - target.latency_ms
        found.append(
            f"latency {trial.latency_ms:.1f} ms is {over:.1f} ms above {target.latency_ms:g}"
        )
    if not trial.kept >= target.kept:
        found.append(
            f"kept {trial.kept:.3f} is {target.kept - trial.kept:.3f} below {target.kept:g}"
        )
    return found


def tried(trials: Iterable[PackageTrial], target: Target) -> Iterator[PackageTrial]:
    """Trials in the order in which they lose more, up to the first that meets all limits."""
    for trial in trials:
        yield trial
        if not missed(trial, target):
            return


def best(trials: list[PackageTrial], target: Target) -> PackageTrial:
    """The one that meets all limits, else the one that is nearest to them."""

    def excess(trial: PackageTrial) -> float:
        """How far it is above the limits, as a share of them, all together."""
        over = max(0.0, trial.size_mb / target.size_mb - 1)
        over += max(0.0, trial.latency_ms / target.latency_ms - 1)
        # What is lost weighs most: a small model that finds nothing is no use.
        return over + 10 * max(0.0, target.kept - trial.kept)

    return min(trials, key=excess)

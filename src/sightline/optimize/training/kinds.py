"""The variants that are trained, by name: ``pruned-0.3`` lacks three tenths of its channels."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.errors import ConfigError

SHARES: dict[str, float | None] = {"pruned": 0.3, "distilled": 0.5, "sparse": 0.5, "qat": None}
"""The kinds and their shares: of channels that are removed, of channels that a student has, of weights
that become zero; a network that is taught for INT8 keeps them all."""


@dataclass(frozen=True)
class TrainedVariant:
    """A variant that is trained: its kind, and the share of ``SHARES`` where there is one."""

    kind: str
    share: float | None = None

    @property
    def name(self) -> str:
        """``pruned-0.3``, ``qat``."""
        return self.kind if self.share is None else f"{self.kind}-{self.share:g}"


def trained_variant(text: str) -> TrainedVariant | None:
    """The variant of a name, with or without its share; None: no variant of this name is trained.

    Raises ConfigError: the share cannot be.
    """
    kind, _, number = text.partition("-")
    if kind not in SHARES:
        return None
    usual = SHARES[kind]
    if not number:
        return TrainedVariant(kind, usual)
    if usual is None:
        raise ConfigError(f"--variants {text}: {kind} has no share: say {kind}")
    try:
        share = float(number)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ConfigError(
            f"--variants {text}: a share between 0 and 1 is needed, such as {kind}-{usual:g}"
        )
    return TrainedVariant(kind, share)


@dataclass(frozen=True)
class TrainingLength:
    """How long each variant is taught: ``steps``, which can be repeated, or else ``minutes``."""

    minutes: float = 20.0
    steps: int | None = None

    def progress(self, step: int, seconds: float) -> float:
        """From 0 to 1."""
        return step / self.steps if self.steps else seconds / (60 * self.minutes)

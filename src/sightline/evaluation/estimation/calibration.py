"""What was learnt of a model where there were labels, kept as a file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.errors import ConfigError
from sightline.evaluation.comparison import Reals
from sightline.evaluation.estimation.evidence import ALONE, MISSED, WITH_REFERENCE
from sightline.replaced_files import FileKind
from sightline.whole_files import write_whole

_VERSION = 1
_LARGEST = 1 << 20


FILE_KIND = FileKind("a calibration", re.compile(rb'\{\s*"sightline_calibration"'))
"""What `save` writes: nothing else is written over."""


def _number(value: object) -> float:
    """A number that was read from JSON. Raises ValueError: it is another thing, or not finite."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.20} is no number")
    return float(value)


@dataclass(frozen=True, eq=False)
class Weights:
    """How evidence becomes probabilities, and these an estimate.

    Attributes:
        right: (F,) of the features of a detection.
        missed: (3,) of the features of what only the reference has found; None: there is no reference.
        unseen: true objects over those that are expected from what was found.
        offset, slope: the estimate is offset + slope × the expected mAP.
        spread: nine of ten estimates are off by less.
    """

    right: Reals
    missed: Reals | None
    unseen: float
    offset: float = 0.0
    slope: float = 1.0
    spread: float = 1.0

    def corrected(self, expected: float) -> float:
        """The estimate, 0 to 1, of an expected mAP; NaN of NaN."""
        estimate = self.offset + self.slope * expected
        return estimate if math.isnan(estimate) else min(1.0, max(0.0, estimate))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "right": [round(float(one), 6) for one in self.right],
            "missed": None
            if self.missed is None
            else [round(float(one), 6) for one in self.missed],
            **{
                name: round(getattr(self, name), 6)
                for name in ("unseen", "offset", "slope", "spread")
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Weights:
        """What ``to_dict`` gave. Raises KeyError, TypeError, ValueError: it is something else."""
        missed = values["missed"]
        made = cls(
            np.array([_number(one) for one in values["right"]]),
            None if missed is None else np.array([_number(one) for one in missed]),
            *(_number(values[name]) for name in ("unseen", "offset", "slope", "spread")),
        )
        sizes = (ALONE,) if made.missed is None else (WITH_REFERENCE, MISSED)
        have = (made.right.shape,) if made.missed is None else (made.right.shape, made.missed.shape)
        if have != tuple((size,) for size in sizes):
            raise ValueError("its weights are others")
        return made


@dataclass(frozen=True, eq=False)
class AccuracyCalibration:
    """What was learnt of one model, alone and, where there was one, with a reference.

    ``model`` and ``reference`` name them with their content, ``conditions`` is how many labelled sets there were.
    ``interval_s`` are the seconds between frames that followed one another in them: what an object that stays says
    depends on it. None: they were pictures, or nobody knows.
    """

    model: str
    reference: str | None
    conditions: int
    alone: Weights
    referred: Weights | None = None
    interval_s: float | None = None

    def check_fits(self, model: str, reference: str | None) -> None:
        """Raise ConfigError where it is of another model or another reference."""
        if model != self.model:
            raise ConfigError(
                f"the calibration is of the model {self.model}, not of {model}: scores of two models mean "
                "different things. Learn it again with `sightline evaluate calibrate`"
            )
        if reference is not None and self.reference not in (None, reference):
            raise ConfigError(
                f"the calibration was learnt with the reference {self.reference}, not with {reference}: give that "
                "one, or learn it again"
            )

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all. Raises SinkError."""
        values = {
            "sightline_calibration": _VERSION,
            "model": self.model,
            "reference": self.reference,
            "conditions": self.conditions,
            "interval_s": self.interval_s,
            "alone": self.alone.to_dict(),
            "referred": None if self.referred is None else self.referred.to_dict(),
        }
        write_whole(path, json.dumps(values, indent=1).encode())

    @classmethod
    def load(cls, path: Path) -> AccuracyCalibration:
        """Read what ``save`` wrote. Raises ConfigError: it is something else."""
        try:
            if path.stat().st_size > _LARGEST or not path.is_file():
                raise ConfigError(
                    f"{path} is no calibration: it is no file, or one of more than 1 MiB"
                )
            values = json.loads(path.read_bytes())
        except FileNotFoundError as exc:
            raise ConfigError(
                f"there is no calibration {path}: `sightline evaluate calibrate` makes one"
            ) from exc
        except OSError as exc:
            raise ConfigError(f"cannot read the calibration {path}: {exc.strerror}") from exc
        except (ValueError, RecursionError) as exc:
            raise ConfigError(f"{path} is no calibration: it is not JSON") from exc
        if not isinstance(values, dict) or values.get("sightline_calibration") != _VERSION:
            raise ConfigError(
                f"{path} is no calibration of this version: make one with `sightline evaluate calibrate`"
            )
        try:
            alone = Weights.from_dict(values["alone"])
            referred = values["referred"]
            weights = None if referred is None else Weights.from_dict(referred)
            if alone.missed is not None or (weights is not None and weights.missed is None):
                raise ValueError("its weights are in each other's places")
            interval = values.get("interval_s")  # files of before have none
            return cls(
                str(values["model"]),
                None if values["reference"] is None else str(values["reference"]),
                int(values["conditions"]),
                alone,
                weights,
                None if interval is None else _positive(interval),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise ConfigError(f"{path} is damaged: {exc!r}: learn the calibration again") from exc


def _positive(value: object) -> float:
    """Raises ValueError, TypeError: it is no positive finite number."""
    number = _number(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{value!r} is no time between two frames")
    return number

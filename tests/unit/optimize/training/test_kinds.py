"""The names of variants that are trained, and how long they are."""

from __future__ import annotations

import pytest

from sightline.errors import ConfigError
from sightline.optimize.training.kinds import TrainingLength, trained_variant


@pytest.mark.parametrize(
    ("text", "name", "share"),
    [
        ("pruned", "pruned-0.3", 0.3),
        ("pruned-0.30", "pruned-0.3", 0.3),
        ("distilled", "distilled-0.5", 0.5),
        ("sparse-0.75", "sparse-0.75", 0.75),
        ("qat", "qat", None),
    ],
)
def test_names(text: str, name: str, share: float | None) -> None:
    variant = trained_variant(text)
    assert variant is not None
    assert (variant.name, variant.share) == (name, share)


@pytest.mark.parametrize("text", ["int8", "int8-dynamic", "prune-0.3", ""])
def test_others_are_not_trained(text: str) -> None:
    assert trained_variant(text) is None


@pytest.mark.parametrize("text", ["pruned-1", "pruned-0", "sparse-half", "qat-0.5", "pruned-nan"])
def test_shares_that_cannot_be(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--variants {text}"):
        trained_variant(text)


def test_steps_count_before_minutes() -> None:
    assert TrainingLength(10.0, 40).progress(10, 9999) == 0.25
    assert TrainingLength(10.0).progress(10, 150) == 0.25

"""The names of variants and of ways to find ranges, as they are typed."""

from __future__ import annotations

import re

import pytest

from sightline.cli.toolchain.optimize_request import VARIANTS, range_kind, variant_names
from sightline.errors import ConfigError
from sightline.optimize.training.kinds import SHARES


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("fp16", ("fp16",)),
        (" int8 ,fp16,, int8", ("int8", "fp16")),
        (",".join(VARIANTS), VARIANTS),
    ],
)
def test_each_variant_is_made_once_in_the_order_given(text: str, names: tuple[str, ...]) -> None:
    assert variant_names(text) == names


@pytest.mark.parametrize("name", SHARES)
def test_trained_variants_are_known(name: str) -> None:
    (found,) = variant_names(f"{name},{name}")
    assert found.startswith(name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--variants: name at least one of clean, fp16"),
        (" , ", "--variants: name at least one of clean, fp16"),
        ("int", "there is no variant 'int': did you mean int8?"),
        ("FP16", "there is no variant 'FP16'"),
        ("fp16,ßß", "there is no variant 'ßß': there are clean, fp16"),
    ],
)
def test_no_variant(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        variant_names(text)


def test_ranges() -> None:
    with pytest.raises(ConfigError, match=r"^--ranges most: there are ") as info:
        range_kind("most")
    kinds = str(info.value).partition("there are ")[2].split(", ")
    assert len(kinds) >= 2
    assert [range_kind(kind) for kind in kinds] == kinds

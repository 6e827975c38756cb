"""What a card keeps of how its file was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ModelError
from sightline.models.history import made_by
from sightline.models.model_card import ModelCard, card_beside, validated_card, write_card

SHA = "ab" * 32


def test_a_step_names_the_versions_of_what_is_installed() -> None:
    step = made_by(
        "sightline export", "numpy", "no-such-package", source="a.onnx", source_sha256=SHA
    )
    assert set(step.versions) == {"sightline", "numpy"}


def test_a_card_with_its_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = ModelCard(name="a", size=(64, 32), fixed_size=False)
    first = made_by(
        "sightline export", source="a.onnx", source_sha256=SHA, options={"opset": 17, "to": "b"}
    )
    second = made_by(
        "sightline optimize", source="b.onnx", source_sha256=None, figures={"kept": 0.99}
    )
    made = card.after(first).after(second)
    assert not card.history
    write_card(made, tmp_path / "c.onnx")
    read = validated_card(tmp_path / "c.onnx", card_beside(tmp_path / "c.onnx"))
    assert read.history == (first, second)


def test_a_key_of_a_step_that_is_misspelt_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("history: [{tool: x, optoins: {}}]\n")
    with pytest.raises(ModelError, match=r"c\.yaml: history\.0\.optoins: there is no such key"):
        card_beside(tmp_path / "c.onnx")

"""Labelled pictures as a classifier or an embedder is shown them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline.build.toolchain.cards import onnx_card
from sightline.build.toolchain.crop_labels import labelled_crops
from sightline.errors import ConfigError, SourceError
from sightline.evaluation.notes import Notes
from sightline.models.model_card import ModelCard
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.tables import BUNDLED

STREET = "street://?seed=10003&duration=2&fps=2&width=640&height=384"


@pytest.fixture
def attributes() -> ModelCard:
    return onnx_card(BUNDLED / "street-attributes.onnx").card


def folder(root: Path, *labels: str) -> Path:
    for label in labels:
        (root / label).mkdir()
        cv2.imwrite(str(root / label / "1.png"), np.full((30, 40, 3), 200, np.uint8))
    return root


def read(labels: str, card: ModelCard) -> tuple[dict[str, list[int]], int, tuple[str, ...]]:
    notes = Notes()
    with closing(NetworkPictures()) as pictures:
        found = labelled_crops(labels, card, pictures, notes)
        assert all(pictures[place].shape == (48, 48, 3) for place in range(len(pictures)))
        return {n: one.tolist() for n, one in found.items()}, len(pictures), notes.lines()


def test_folders_tell_the_attribute_that_has_these_values(
    tmp_path: Path, attributes: ModelCard
) -> None:
    found, count, notes = read(str(folder(tmp_path, "red", "Blue")), attributes)
    assert found == {"colour": [4, 3]}
    assert count == 2
    assert "blue is taken as Blue" in notes[0]


def test_folders_are_identities_of_an_embedder(tmp_path: Path) -> None:
    card = onnx_card(BUNDLED / "street-embedder.onnx").card
    assert read(str(folder(tmp_path, "a", "b")), card)[0] == {"identity": [0, 1]}


def test_values_that_the_model_does_not_have(tmp_path: Path, attributes: ModelCard) -> None:
    with pytest.raises(ConfigError, match="the model names nothing pink; it knows white, grey"):
        read(str(folder(tmp_path, "red", "pink")), attributes)


def test_pictures_that_cannot_be_read(tmp_path: Path, attributes: ModelCard) -> None:
    root = folder(tmp_path, "red")
    (root / "red" / "2.jpg").write_text("no picture")
    found, count, notes = read(str(root), attributes)
    assert (found, count) == ({"colour": [3]}, 1)
    assert "left out" in notes[0]
    (root / "red" / "1.png").unlink()
    with pytest.raises(SourceError, match="none of its 1 pictures can be read"):
        read(str(root), attributes)


def test_a_street_tells_type_and_colour_and_who_is_who(attributes: ModelCard) -> None:
    found, count, _ = read(STREET, attributes)
    assert set(found) == {"type", "colour"}
    assert len(found["type"]) == count > 4
    assert max(found["type"]) < 6
    identities, people_too, _ = read(STREET, onnx_card(BUNDLED / "street-embedder.onnx").card)
    assert people_too > count
    assert len(set(identities["identity"])) < people_too


def test_a_street_says_nothing_of_other_attributes(attributes: ModelCard) -> None:
    other = attributes.model_copy(update={"attributes": {"damage": ("none", "some")}})
    with pytest.raises(ConfigError, match="a street tells type and colour"):
        read(STREET, other)

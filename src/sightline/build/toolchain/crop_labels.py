"""Pictures whose class or identity is known, as a classifier or an embedder is shown them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sightline.errors import ConfigError, DecodeError, SourceError
from sightline.types import Ints

if TYPE_CHECKING:
    from sightline.evaluation.notes import Notes
    from sightline.models.model_card import ModelCard
    from sightline.optimize.variants.pictures import NetworkPictures
    from sightline.sources.street.truth import StreetTruth

SEEN_SHARE, SEEN_SIDE = 0.5, 16
"""Objects of a street are labelled pictures where this share of them is seen, and their box has such sides."""

IDENTITY = "identity"
"""What the labels of an embedder are called, which has no attributes."""


def labelled_crops(
    labels: str, card: ModelCard, pictures: NetworkPictures, notes: Notes
) -> dict[str, Ints]:
    """Keep what a model is shown of labelled pictures.

    Args:
        labels: a folder with a folder of pictures for each class (for an embedder: each identity), or a
            ``street://`` URL, whose vehicles have a type and a colour.
        card: of the model.
        pictures: where they are kept.
        notes: is told what was left out.

    Returns:
        By attribute the place of each picture's value among those that the card names, -1 where it is
        not known; of an embedder the number of each picture's identity.

    Raises:
        ConfigError: the labels cannot be read, or are others than the model's.
        SourceError: no picture can be read.
    """
    if labels.startswith("street:"):
        return _of_street(labels, card, pictures)
    return _of_folder(Path(labels), card, pictures, notes)


def _of_folder(
    folder: Path, card: ModelCard, pictures: NetworkPictures, notes: Notes
) -> dict[str, Ints]:
    from sightline.evaluation.pictures.class_folders import read_class_folders
    from sightline.geometry import whole_box
    from sightline.models.crops import cut
    from sightline.sources.stills import still_frame

    files = read_class_folders(folder)
    attribute, names = _attribute(sorted({one.label for one in files}), card, folder, notes)
    places = []
    for file in files:
        try:
            frame = still_frame(file.path)
        except (SourceError, DecodeError) as exc:
            notes.add(folder, f"left out: {exc}")
            continue
        (pixels,) = cut(frame, whole_box(frame.width, frame.height), card)
        pictures.add(pixels, (frame.width, frame.height))
        places.append(names.index(file.label))
    if not places:
        raise SourceError(f"{folder}: none of its {len(files)} pictures can be read")
    return {attribute: np.array(places, np.int64)}


def _attribute(
    labels: Sequence[str], card: ModelCard, folder: Path, notes: Notes
) -> tuple[str, tuple[str, ...]]:
    """The attribute whose values folders are called by, and these values, written as the folders are."""
    from sightline.evaluation.pictures.class_folders import check_known
    from sightline.evaluation.pictures.class_names import as_written

    if card.task == "embed":
        return IDENTITY, tuple(labels)
    written = {name: as_written(values, labels, notes) for name, values in card.attributes.items()}
    attribute = max(written, key=lambda name: len(set(labels) & set(written[name])))
    check_known(labels, written[attribute], f"--labels {folder}")
    return attribute, written[attribute]


def _of_street(url: str, card: ModelCard, pictures: NetworkPictures) -> dict[str, Ints]:
    from sightline.models.crops import cut
    from sightline.sources.street.source import StreetSource, truth_of

    source = StreetSource(url)
    if source.options.frames is None:
        raise ConfigError(f"--labels {url} never ends: give it a duration")
    found: dict[str, list[int]] = {name: [] for name in card.attributes} or {IDENTITY: []}
    with closing(source):
        source.open()
        for frame in source:
            truth = truth_of(frame)
            rows = _good(truth, card)
            for pixels in cut(frame, truth.boxes[rows], card):
                pictures.add(pixels, (frame.width, frame.height))
            for row in rows:
                told = {label.attribute: label.value for label in truth.labels[row]}
                for name, places in found.items():
                    places.append(_place(card, name, told, int(truth.track_ids[row])))
    if not any(place >= 0 for places in found.values() for place in places):
        raise ConfigError(
            f"--labels {url}: a street tells type and colour of vehicles, and {card.name} tells "
            f"{', '.join(card.attributes)}: give a folder with a folder of pictures for each class"
        )
    return {name: np.array(places, np.int64) for name, places in found.items()}


def _good(truth: StreetTruth, card: ModelCard) -> list[int]:
    """Rows of the objects that are seen well enough; for a classifier, of those that have labels."""
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).min(axis=1)
    rows = np.flatnonzero((truth.visibility >= SEEN_SHARE) & (sides >= SEEN_SIDE)).tolist()
    return [row for row in rows if card.task == "embed" or truth.labels[row]]


def _place(card: ModelCard, attribute: str, told: dict[str, str], identity: int) -> int:
    if attribute == IDENTITY and card.task == "embed":
        return identity
    names, value = card.attributes[attribute], told.get(attribute)
    return names.index(value) if value in names else -1

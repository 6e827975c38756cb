"""Which frame of a sequence each picture of a folder is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from sightline.evaluation.notes import Notes


def frame_numbers(names: Sequence[str], annotated: Sequence[int], notes: Notes) -> list[int]:
    """The number, from 1, of the frame that each picture is.

    Args:
        names: of the pictures' files, in order.
        annotated: numbers of the frames with true objects.
        notes: how pictures are numbered is added, where it is not by their names.

    ``000301.jpg`` is frame 301; where the names begin with 0, one more. Where the names hold no
    numbers, or the truth tells of other frames, the first picture is frame 1.
    """
    by_place = list(range(1, len(names) + 1))
    found = [re.findall(r"\d+", PurePath(name).stem) for name in names]
    if not all(found):
        return by_place
    numbers = [int(groups[-1]) for groups in found]
    if len(set(numbers)) != len(numbers):
        return by_place
    if min(numbers) == 0:
        numbers = [number + 1 for number in numbers]
    if numbers == by_place:
        return numbers
    if len(set(annotated) & set(numbers)) < len(set(annotated) & set(by_place)):
        notes.add(
            "pictures",
            f"{names[0]} is taken as frame 1: the truth tells of no frame {numbers[0]} on",
        )
        return by_place
    return numbers

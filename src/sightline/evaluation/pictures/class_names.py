"""Classes of a model, or of its results, beside those of the ground truth."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.evaluation.notes import Notes


def as_written(names: Sequence[str], wanted: Sequence[str], notes: Notes) -> tuple[str, ...]:
    """``names``, with those written as ``wanted`` has them that differ only in how they are written.

    ``Traffic_Light`` is ``traffic light`` where neither side has both. What was taken for the same
    is noted.
    """
    loosely: dict[str, list[str]] = {}
    for name in wanted:
        loosely.setdefault(_loose(name), []).append(name)
    own = [_loose(name) for name in names]
    found = []
    for name, loose in zip(names, own, strict=True):
        same = loosely.get(loose, [])
        if name not in wanted and len(same) == 1 and own.count(loose) == 1:
            notes.add("classes", f"{name} is taken as {same[0]}")
            found.append(same[0])
        else:
            found.append(name)
    return tuple(found)


def note_unknown(names: Sequence[str], wanted: Sequence[str], whose: str, notes: Notes) -> None:
    """Note each of the ``wanted`` classes that is not in ``names``: nothing of it can be found."""
    for name in wanted:
        if name not in names:
            notes.add("classes", f"{whose} does not have it: its objects count as missed", name)


def _loose(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())

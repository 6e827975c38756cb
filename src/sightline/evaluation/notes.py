"""What an evaluation left out, or took otherwise than it stands in a file."""

from __future__ import annotations

from pathlib import Path


class Notes:
    """Collects notes by file and reason, with a count and the first place of each.

    A reader goes on past an entry that it cannot use, and adds a note. The notes are part of the
    result of an evaluation: a score over a part of a file must not look like one over all of it.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, path: Path | str, reason: str, place: int | str = "", *, count: int = 1) -> None:
        """Note something about a file.

        Args:
            path: the file; its name is shown.
            reason: what was left out and why; notes of one reason are counted together.
            place: the line (a number) or entry; none where the note is about the whole file.
            count: how many entries this is about.
        """
        key = (path.name if isinstance(path, Path) else path, reason)
        before, first = self._found.get(key, (0, str(place)))
        self._found[key] = (before + count, first)

    def count(self, reason: str) -> int:
        """How many entries there are of a reason, over all files."""
        return sum(count for (_, of), (count, _) in self._found.items() if of == reason)

    def lines(self) -> tuple[str, ...]:
        """The notes as text, in the order in which they were first added."""
        shown = []
        for (name, reason), (count, first) in self._found.items():
            number = f": {count}" if first else ""
            where = f" (first: {_placed(first)})" if first and count > 1 else ""
            where = f" ({_placed(first)})" if first and count == 1 else where
            shown.append(f"{name}: {reason}{number}{where}")
        return tuple(shown)


def _placed(place: str) -> str:
    return f"line {place}" if place.isdecimal() else place

"""Which picture a name means, and where the file of a picture is."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from sightline.errors import ConfigError


def plain_name(name: str) -> str:
    """A name with ``/`` between folders and composed letters, as most systems write it."""
    text = unicodedata.normalize("NFC", name.strip().replace("\\", "/"))
    while text.startswith("./"):
        text = text[2:]
    return text


class PictureNames:
    """Finds the place of a picture by what a file of results calls it.

    Args:
        names: of the pictures, as the dataset has them, with ``/``.

    A name means the picture of that path; otherwise the one of the same file name, where there is
    one only or where one only has the same folders as far as both name them.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [plain_name(name) for name in names]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_file: dict[str, list[int]] = defaultdict(list)
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        self._by_number: dict[int, list[int]] = defaultdict(list)
        for place, name in enumerate(self._names):
            path = PurePosixPath(name)
            self._by_name[name].append(place)
            self._by_file[path.name].append(place)
            self._by_stem[path.stem].append(place)
            if path.stem.isdecimal():
                self._by_number[int(path.stem)].append(place)

    @property
    def numbered(self) -> bool:
        """Whether any picture has a number for a name."""
        return bool(self._by_number)

    def number(self, value: int | str) -> int | None:
        """The only picture that has this number for a name; None: there is none, or several."""
        found = self._by_number.get(value, ()) if isinstance(value, int) else ()
        return found[0] if len(found) == 1 else None

    def by_name(self, name: str) -> int | None:
        """The picture of a path or a file name, with its suffix or without; None: no such picture.

        Raises:
            ConfigError: two pictures are meant alike; both are named.
        """
        text = plain_name(name)
        path = PurePosixPath(text)
        for found in (
            self._by_name.get(text),
            self._by_file.get(path.name),
            self._by_stem.get(path.name),
        ):
            if found:
                return self._only(name, self._of_folder(path, found))
        return None

    def by_id(self, value: int | str) -> int | None:
        """The picture whose file's stem is this text or number, as Ultralytics writes ids.

        Raises ConfigError as ``by_name``.
        """
        if isinstance(value, int):
            found = self._by_number.get(value) or self._by_stem.get(str(value))
            return self._only(str(value), found) if found else None
        if value.isdecimal() and (found := self._by_stem.get(value)):
            return self._only(value, found)
        if value.isdecimal():
            return self.by_id(int(value))
        return self.by_name(value)

    def _of_folder(self, path: PurePosixPath, places: list[int]) -> list[int]:
        if len(places) == 1:
            return places
        fitting = [p for p in places if _same_end(path, PurePosixPath(self._names[p]))]
        return fitting or places

    def _only(self, name: str, places: list[int]) -> int:
        if len(places) > 1:
            first, second = (self._names[place] for place in places[:2])
            alike = (
                f"two entries are called {first}" if first == second else f"{first} and {second}"
            )
            raise ConfigError(
                f"picture {name!r} may be any of {len(places)} ({alike}): give the pictures names "
                "of their own, or results with their paths"
            )
        return places[0]


def _same_end(a: PurePosixPath, b: PurePosixPath) -> bool:
    """Whether the folders above two file names agree as far as both have them."""
    pairs = zip(a.parts[-2::-1], b.parts[-2::-1], strict=False)
    return all(x == y for x, y in pairs)


class PictureFiles:
    """Finds the files of pictures in a folder, whatever folders their names begin with.

    Exports hold paths of another machine, or a folder that was left behind: leading folders of a
    name are dropped until there is such a file.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._dropped = 0  # leading folders, with which the last one was found
        self._taken: dict[Path, str] = {}

    def path(self, name: str) -> Path:
        """The file of a picture; where there is none, where it should be."""
        parts = PurePosixPath(plain_name(name)).parts
        drops = [self._dropped, *(n for n in range(len(parts)) if n != self._dropped)]
        for drop in drops:
            if drop >= len(parts):
                continue
            for folder in self._folders:
                for tail in ("/".join(parts[drop:]), unquote("/".join(parts[drop:]))):
                    file = folder / tail
                    # Two names never mean one file: then their folders matter.
                    if file.is_file() and self._taken.setdefault(file, name) == name:
                        self._dropped = drop
                        return file
        return self._folders[0] / plain_name(name)

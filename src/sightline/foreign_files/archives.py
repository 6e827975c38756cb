"""Members of zip archives from elsewhere: whatever is wrong with one is a single kind of error."""

from __future__ import annotations

import lzma
import zipfile
import zlib

MOST_BYTES = 100_000_000
"""Largest member that is read as a whole: an archive from elsewhere may unpack to any size."""


def read_member(archive: zipfile.ZipFile, name: str, most_bytes: int = MOST_BYTES) -> bytes:
    """The content of a member.

    Raises:
        ValueError: there is none of this name, it is damaged, encrypted or packed in a way that is not known, or it
            is larger than ``most_bytes``.
        OSError: the file cannot be read.
    """
    try:
        if (size := archive.getinfo(name).file_size) > most_bytes:
            raise ValueError(f"{name} in it has {size} bytes, more than {most_bytes}")
        return archive.read(name)
    except KeyError as exc:
        raise ValueError(f"there is no {name} in it") from exc
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as exc:
        # RuntimeError: it is encrypted; NotImplementedError: packed in a way that Python does not know.
        raise ValueError(f"{name} in it cannot be unpacked: {exc}") from exc

"""Checkpoints as ``torch.save`` wrote them before version 1.6: several pickles in a row, and no zip file around them."""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path

_MAGIC = 0x1950A86A20F9469CFC6C
"""What the first pickle of such a file is."""
_HEADER = 3
"""Pickles in front of the content: the magic number, the version, and facts of the computer."""


def old_checkpoint_as_zip(path: Path) -> io.BytesIO | None:
    """The content of an old checkpoint as PyTorch writes it today, without its numbers; None: it is none.

    PyTorch tells of today's files only what their pickles would import. Nothing is run to find out.
    Raises OSError: the file cannot be read; ValueError: it ends within its pickles.
    """
    with path.open("rb") as file:
        first = file.read(64)
        if not first.startswith(b"\x80") or not _is_magic(first):
            return None
        file.seek(0)
        for _ in range(_HEADER):
            _skip_pickle(file)
        begin = file.tell()
        _skip_pickle(file)
        end = file.tell()
        file.seek(begin)
        content = file.read(end - begin)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", b"3\n")
    made.seek(0)
    return made


def _is_magic(first: bytes) -> bool:
    try:
        return any(argument == _MAGIC for _, argument, _ in pickletools.genops(first))
    except ValueError:
        return False


def _skip_pickle(file: io.BufferedReader) -> None:
    for _ in pickletools.genops(file):
        pass

"""Files that are needed for a while only, and what to say when there is no room for them."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightline.errors import SinkError
from sightline.whole_files import sink_error

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of writing that the disk, or a limit, is to blame for."""


def temporary_error(error: OSError) -> SinkError:
    """What to raise (``from error``) when a temporary file cannot be written: its folder and the remedy."""
    told = sink_error(f"temporary files in {tempfile.gettempdir()}", error)
    return SinkError(f"{told}; TMPDIR names another folder")


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards. Raises SinkError: there is no room for what is written there."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise temporary_error(error) from error

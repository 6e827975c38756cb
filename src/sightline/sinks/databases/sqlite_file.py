"""The file of a SQLite database and what SQLite keeps beside it, while others may move any of it.

SQLite stores new rows in ``NAME-wal`` first and brings them into the file later (a checkpoint). Whoever
renames or removes the file leaves ``NAME-wal`` behind. A connection that is open still reaches
all parts through its descriptors, so what it stored can be brought into the file wherever that is by now.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from sightline.sinks.files import file_id
from sightline.whole_files import scratch_beside, sink_error

_log = logging.getLogger(__name__)
_PARTS = ("", "-wal", "-shm")
_WAIT_MS = 250  # for readers of a file that is let go; it is tried again with each later batch

# What SQLite says of files that are not, or no longer, a database.
_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_REMEDIES = {
    "SQLITE_FULL": "the disk is full: free some space or write elsewhere",
    "SQLITE_IOERR": "the disk is full or broken: free some space or write elsewhere",
    "SQLITE_BUSY": "another program keeps it locked, or it lies on a network share: end that program or write elsewhere",
    "SQLITE_READONLY": "it is read-only: choose a place that you may write to",
    "SQLITE_CANTOPEN": "it cannot be opened: choose a place that you may write to",
    "SQLITE_NOTADB": "it is not a database: move it away",
    "SQLITE_CORRUPT": "it is damaged: move it away and start again",
}

_READING_REMEDIES = {
    **_REMEDIES,
    "SQLITE_CANTOPEN": "it cannot be opened: see whether you may read it",
    "SQLITE_NOTADB": "it is not a database: give another file",
    "SQLITE_CORRUPT": "it is damaged: give a copy that is whole",
}

PartIds = tuple[tuple[int, int] | None, ...]
"""Device and inode of the file, of its log and of the log's index; None where there is none."""


def set_up(connection: sqlite3.Connection, _record: object) -> None:
    """Prepare a new connection."""
    # Readers do not stop the writer, and a killed process leaves whole transactions.
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def set_up_existing(connection: sqlite3.Connection, record: object) -> None:
    """The same for a file with tables. Raises FileNotFoundError where it was emptied.

    Whoever sets the mode of an emptied file would wait for all who still have it open.
    """
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        raise FileNotFoundError("the database was emptied")
    set_up(connection, record)


def existing(url: sa.URL) -> sa.URL:
    """The same, for opening a file that is there only.

    Where SQLite made one it would clear the log and index of that name, and those may be in use by
    whoever writes to a file that was removed just now.
    """
    # As bytes: a file's name need not be UTF-8.
    path = quote(os.fsencode(os.path.abspath(str(url.database))))  # noqa: PTH100 - links stay as they are
    return url.set(database=f"file:{path}").update_query_dict({"mode": "rw", "uri": "true"})


def readable(url: sa.URL) -> sa.URL:
    """The same, for reading a file that is there, also one on a medium that cannot be written to.

    SQLite reads a file with a log only where it may write beside it. A file without one is read as it is: it may
    not change while it is open, so ask ``read_state`` whether it has.
    """
    if _can_be_written(_real(Path(str(url.database)))):
        return existing(url)
    found = existing(url).update_query_dict({"mode": "ro"})
    if read_state(Path(str(url.database)))[-1]:
        return found  # somebody else is writing to it
    return found.update_query_dict({"immutable": "1"})


def read_state(file: Path) -> tuple[object, ...]:
    """What changes where a file is replaced, or is no longer what a reader without a log has opened."""
    real = _real(file)
    own = part_ids(file)[0]
    if own is None or _can_be_written(real):
        return own, None, None, False
    status, log = real.stat(), Path(f"{real}-wal")
    return own, status.st_mtime_ns, status.st_size, log.exists() and log.stat().st_size > 0


def _can_be_written(real: Path) -> bool:
    return os.access(real, os.W_OK) and os.access(real.parent, os.W_OK)


def create(file: Path, fill: Callable[[sa.Connection], None]) -> None:
    """Make a file with tables, which appears at the path whole.

    Raises SinkError, sqlalchemy.exc.SQLAlchemyError: it cannot be made, or not as a whole.
    """
    real = _real(file)
    with scratch_beside(real) as scratch:
        _create(file, real, scratch / "database", fill)


def _create(file: Path, real: Path, part: Path, fill: Callable[[sa.Connection], None]) -> None:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(part)))
    sa.event.listen(engine, "connect", set_up)
    try:
        try:
            with engine.begin() as connection:
                fill(connection)
            with engine.connect() as connection:
                whole = checkpoint(connection, "TRUNCATE")
        finally:
            engine.dispose()  # what SQLite cannot bring into the file here, on a full disk, it does not tell
        if not whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if part_ids(real)[0] is None:
            _forget(real)
            part.rename(real)
    except OSError as error:
        raise sink_error(file, error) from error


def part_ids(file: Path) -> PartIds:
    """What is at the path. A file that was emptied counts as none: SQLite would write holes."""
    real = os.path.realpath(file)  # a link's log is beside the file that it leads to
    ids = [file_id(f"{real}{suffix}") for suffix in _PARTS]
    try:
        if os.stat(real).st_size == 0:  # noqa: PTH116 - quicker than Path.stat, and asked for often
            ids[0] = None
    except OSError:
        ids[0] = None
    return tuple(ids)


def has_a_name(wanted: tuple[int, int]) -> bool:
    """Whether a file that is open here, by its device and inode, is in some folder, and is not empty.

    False also where the system does not tell. Opening it to ask would end SQLite's locks on it.
    """
    try:
        descriptors = os.listdir("/dev/fd")  # noqa: PTH208 - names, not paths
    except OSError:
        return False
    for descriptor in map(int, descriptors):
        try:
            status = os.fstat(descriptor)
        except OSError:  # closed by now
            continue
        if (status.st_dev, status.st_ino) == wanted:
            return status.st_nlink > 0 and status.st_size > 0
    return False


def is_half(ids: PartIds) -> bool:
    """Whether the log or its index is missing beside the other."""
    return (ids[1] is None) != (ids[2] is None)


def checkpoint(connection: sa.Connection, mode: str = "FULL") -> bool:
    """Bring what waits in NAME-wal into the file. Returns whether all of it is there."""
    busy, logged, done = connection.exec_driver_sql(f"PRAGMA wal_checkpoint({mode})").one()
    return not busy and logged == done


def let_go(engine: sa.Engine, end: Callable[[sa.Connection], object]) -> bool:
    """Bring all rows into a file that others have moved, and note there that the run ended.

    Returns whether the file is whole; then the engine is disposed of. It is not while a reader holds on
    to an older state: this may be called again.
    """
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={_WAIT_MS}")
        # The rows first: they matter more than the note.
        for work in (checkpoint, end, checkpoint):
            with engine.begin() as connection:
                whole = work(connection)
    except sa.exc.SQLAlchemyError as error:  # it may be broken by whoever moved it
        _log.info("a database is not whole yet where it was moved to: %s", error)
        return False
    if whole:
        engine.dispose()
    return bool(whole)


def clear_path(file: Path, ids: PartIds) -> None:
    """Make the path free for a new file where the one with these parts cannot be gone on with.

    Whoever else writes to the file notices that it was moved. Raises SinkError.
    """
    now = part_ids(file)
    file = _real(file)
    try:
        if now[0] is None:
            _forget(file)
        elif now[0] == ids[0] and (now != ids or is_half(now)):
            # SQLite cannot go on with a file that lost its log: readers and writers would have one each.
            aside = file.with_name(f"{file.name}.before-{_time()}")
            file.rename(aside)
            _forget(file)
            _log.warning("a part of %s was removed: it was set aside as %s", file, aside)
    except OSError as error:
        raise sink_error(file, error) from error


def set_aside(file: Path) -> None:
    """Rename a damaged file and its parts. Raises SinkError."""
    file = _real(file)
    aside = file.with_name(f"{file.name}.broken-{_time()}")
    try:
        for suffix in _PARTS:
            part = file.with_name(file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise sink_error(file, error) from error
    _log.warning("%s is damaged: it was set aside as %s", file, aside)


def remedy(error: BaseException) -> str | None:
    """What is wrong with a SQLite file and what to do, where its error code says so."""
    return _remedy_of(error, _REMEDIES)


def _remedy_of(error: BaseException, remedies: Mapping[str, str]) -> str | None:
    code = _code(error)
    return next((text for key, text in remedies.items() if code.startswith(key)), None)


def reason(error: Exception) -> str:
    """What a database says is wrong, in one line; of a SQLite file, what to do where that is known."""
    return remedy(error) or _plain(error)


def reason_of_reading(error: Exception) -> str:
    """As ``reason``, where a database is only read."""
    return _remedy_of(error, _READING_REMEDIES) or _plain(error)


def _plain(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that the file is not, or no longer, a database."""
    return _code(error).startswith(_DAMAGE)


def is_busy(error: BaseException | None) -> bool:
    """Whether an error says that another program holds the file."""
    return isinstance(error, sa.exc.OperationalError) and _code(error).startswith(
        ("SQLITE_BUSY", "SQLITE_LOCKED")
    )


def _code(error: BaseException | None) -> str:
    """SQLite's name for an error, such as SQLITE_FULL; empty for others."""
    return getattr(getattr(error, "orig", None), "sqlite_errorname", None) or ""


def _forget(file: Path) -> None:
    """Remove what a database that was removed, renamed or emptied left behind: it is not the new one's."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _real(file: Path) -> Path:
    return Path(os.path.realpath(file))


def _time() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"

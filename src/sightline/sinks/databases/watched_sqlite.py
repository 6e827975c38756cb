"""A SQLite database that others may rename, remove, empty or damage while rows are written to it.

Knows when the file at the path is no longer the one that is open, and what becomes of either; knows no
tables.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from sightline.errors import SinkError
from sightline.sinks.databases import sqlite_file
from sightline.sinks.files import locked_folder
from sightline.whole_files import OutputGuard, make_folder, sink_error

_log = logging.getLogger(__name__)
# So often all rows are brought into the file, beside what SQLite does itself.
_CHECKPOINT_S = 60.0
# So long a locked file is waited for at a time: it may have been moved meanwhile.
_LOCK_S = 0.5

EndRun = Callable[[sa.Connection], bool]
"""Notes the end of a run in a file that is let go."""


class WatchedSqlite:
    """The file of one writer, with one connection at a time.

    Args:
        url: names the file; it and its folder are made where they are missing.
        prepare: makes the tables that are missing.
        lock_timeout_s: how long another program that writes to it is waited for.
        guard: says which links are followed, and which files are not written.

    ``lost`` counts rows that a reader kept from getting into a renamed file until the end.
    """

    def __init__(
        self,
        url: sa.URL,
        prepare: Callable[[sa.Connection], None],
        lock_timeout_s: float,
        guard: OutputGuard | None = None,
    ) -> None:
        self.lost = 0
        self._url = url
        self._file = Path(str(url.database))
        self._prepare = prepare
        self._guard = guard
        self._lock_s = min(_LOCK_S, lock_timeout_s)
        self._parts: sqlite_file.PartIds = (None, None, None)
        # Files that others moved and that are not whole yet, with what could be lost of each.
        self._left: list[tuple[sa.Engine, EndRun, int]] = []
        self._unsettled = 0  # rows that may be only in NAME-wal
        self._checkpointed_at = 0.0
        self._checkpoint_now = False

    @property
    def moved(self) -> bool:
        """The file at the path, or a part of it, is no longer the one that is open."""
        parts = sqlite_file.part_ids(self._file)
        return parts[0] is None or sqlite_file.is_half(parts) or parts != self._parts

    @property
    def renamed(self) -> bool:
        """The file that is open is in another place by now, where rows of it are found."""
        own = self._parts[0]
        return (
            own is not None
            and sqlite_file.part_ids(self._file)[0] != own
            and sqlite_file.has_a_name(own)
        )

    def connect(self, before: sa.Engine | None, end: EndRun) -> sa.Engine:
        """Open what is at the path by now, or a new file.

        Args:
            before: the connection to the file that was moved, which is let go.
            end: notes in that one that the run ended.

        Raises:
            SinkError, sqlalchemy.exc.SQLAlchemyError: it cannot be opened.
        """
        make_folder(self._file.parent)
        if self._file.is_dir():
            raise SinkError(f"cannot write {self._file}: it is a folder: give a file's name")
        # Whoever makes the tables of a new file must be alone with it.
        with locked_folder(self._file.parent):
            self._check()
            self._retire(before, end)
            engine = None
            while engine is None:
                engine = self._opened()
            with engine.connect() as connection:
                # So that a file that is renamed has its tables.
                sqlite_file.checkpoint(connection)
            self._parts = sqlite_file.part_ids(self._file)
        self._checkpointed_at, self._unsettled = time.monotonic(), 0
        return engine

    def let_go(self, engine: sa.Engine, end: EndRun) -> None:
        """Let go of a file that was moved, without beginning another. As for ``connect``."""
        with locked_folder(self._file.parent):
            self._retire(engine, end)

    def set_aside(self, engine: sa.Engine | None) -> None:
        """Let go of a file that somebody wrote over; it is renamed. Raises SinkError."""
        with locked_folder(self._file.parent):
            self._check()
            if not self.moved:
                sqlite_file.set_aside(self._file)
            if engine is not None:
                engine.dispose()  # SQLite writes nothing to a file that was moved

    def checkpoint_soon(self) -> None:
        """Bring all rows into the file with the next ones. From any thread or signal."""
        self._checkpoint_now = True

    def stored(self, engine: sa.Engine, count: int) -> None:
        """Be told of rows, and bring all into the file now and then: few are at stake when it is moved."""
        self._unsettled += count
        now = time.monotonic()
        if self._checkpoint_now or now - self._checkpointed_at >= _CHECKPOINT_S:
            self._checkpointed_at, self._checkpoint_now = now, False
            try:
                with engine.connect() as connection:
                    if sqlite_file.checkpoint(connection, "PASSIVE"):
                        self._unsettled = 0
            except sa.exc.SQLAlchemyError as error:  # the rows are stored, and this is tried again
                _log.warning("%s: its rows stay in the log beside it: %s", self._file, error)
        if self._left:
            self._settle_left()

    def close(self) -> None:
        """Give up files that were moved and are held by readers to the end, and count what that loses."""
        if not self._left:
            return
        self._settle_left()
        for engine, _, at_stake in self._left:
            self.lost += at_stake
            _log.warning(
                "%s was renamed while another program read it: the last %d results of it are lost",
                self._file, at_stake,
            )  # fmt: skip
            engine.dispose()
        self._left = []

    def _check(self) -> None:
        """Raise SinkError where the path leads to what is no place for a database."""
        if Path(os.path.realpath(self._file)).is_symlink():  # a link that leads to itself
            raise sink_error(self._file, OSError(errno.ELOOP, ""))
        if self._guard is not None:
            self._guard.check(self._file)

    def _opened(self) -> sa.Engine | None:
        """A connection to the file, or None: somebody has changed it just now, or it was damaged."""
        if sqlite_file.part_ids(self._file)[0] is None:
            sqlite_file.create(self._file, self._prepare)
        options = {"timeout": self._lock_s}
        engine = sa.create_engine(sqlite_file.existing(self._url), connect_args=options)
        sa.event.listen(engine, "connect", sqlite_file.set_up_existing)
        try:
            with engine.begin() as connection:
                self._prepare(connection)
        except (
            BaseException
        ) as error:  # re-raised unless it is handled here; the connection is closed first
            engine.dispose()
            if isinstance(error, FileNotFoundError):
                return None  # it was emptied
            if not isinstance(error, sa.exc.DatabaseError):
                raise
            if sqlite_file.is_damage(error):
                sqlite_file.set_aside(self._file)
            elif self._file.exists():  # else it was removed
                raise
            return None
        return engine

    def _retire(self, engine: sa.Engine | None, end: EndRun) -> None:
        """Nothing is lost of a file that was renamed: what a reader keeps from it is tried again later."""
        if engine is not None:
            self._left.append((engine, end, self._unsettled))
        sqlite_file.clear_path(self._file, self._parts)
        self._settle_left()

    def _settle_left(self) -> None:
        self._left = [one for one in self._left if not sqlite_file.let_go(*one[:2])]

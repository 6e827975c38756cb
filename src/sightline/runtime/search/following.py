"""An index that follows a database: the database holds the vectors, the index is made of them.

What is stored is never at stake here. An approximate index takes minutes to build, so it is kept in a file
beside the database: a copy, which is compared with the database and made anew where it does not fit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np

from sightline.errors import MissingPackage
from sightline.protocols import VectorIndex
from sightline.runtime.search.stored import StoredEmbeddings
from sightline.search.exact import ExactIndex
from sightline.search.index_file import IndexFile
from sightline.search.usearch_ import UsearchIndex
from sightline.types import EmbedderInfo, Floats, Ints

IndexKind: TypeAlias = Literal["auto", "exact", "usearch"]

EXACT_UP_TO = 300_000
"""Vectors up to which ``auto`` takes the exact index: it answers in some 15 ms then."""

_CHUNK = 20_000
"""Vectors that are read at a time."""
_COMPARE_S = 10.0
"""So often it is looked for rows that were removed. Their matches are left out anyway."""
_SAMPLES = 64
"""Vectors of a file that are compared with those of the database."""
_ALIKE = 0.99
_SAVE_SHARE = 0.05
"""The file is written again where so large a part of the index is new."""

_log = logging.getLogger(__name__)


class FollowingIndex:
    """The index of one embedder's vectors in a database. Not safe for several threads at once.

    Args:
        stored: the database.
        number: of the embedder in it.
        info: of the embedder.
        kind: of the index.

    Raises MissingPackage: the index that is asked for needs a package that is not installed.
    """

    def __init__(
        self, stored: StoredEmbeddings, number: int, info: EmbedderInfo, kind: IndexKind = "auto"
    ) -> None:
        self._stored, self._number, self._info = stored, number, info
        if kind == "usearch":
            UsearchIndex.check_installed()
        self._kind = kind
        self._index: VectorIndex | None = None
        self._file: IndexFile | None = None
        self._newest = 0
        self._compared_at = float("-inf")
        self._unsaved = 0

    def refreshed(self, *, compared: bool = False) -> VectorIndex:
        """The index with what the database holds by now. Raises SearchError.

        ``compared``: without what was removed, too. Else that is looked for now and then: counting the rows
        takes longer than a search.
        """
        index = self._index or self._begun(self._stored.count(self._number))
        # New rows have larger ids; those of servers may come in another order.
        if self._stored.newest(self._number) > self._newest:
            self._add(index, self._new(self._newest))
        if compared or time.monotonic() - self._compared_at >= _COMPARE_S:
            self._compared_at = time.monotonic()
            if len(index) != self._stored.count(self._number):
                self._compare(index)
        return index

    def save(self) -> None:
        """Write the file of an approximate index, where much of it is new. Raises SearchError."""
        if (
            self._file is not None
            and isinstance(self._index, UsearchIndex)
            and self._unsaved > _SAVE_SHARE * len(self._index)
        ):
            self._file.write(self._index.content())
            self._unsaved = 0

    def _begun(self, count: int) -> VectorIndex:
        """A new index, with what the file holds where there is one that fits."""
        self._index = self._loaded() if self._approximate(count) else None
        self._index = self._index or (
            UsearchIndex(self._info.dimensions)
            if self._approximate(count)
            else ExactIndex(self._info.dimensions)
        )
        if len(self._index):
            self._compare(self._index)
            self._newest = int(self._index.keys.max(initial=0))
        return self._index

    def _approximate(self, count: int) -> bool:
        if self._kind != "auto":
            return self._kind == "usearch"
        if count <= EXACT_UP_TO:
            return False
        try:
            UsearchIndex.check_installed()
        except MissingPackage as error:
            _log.warning(
                "%s: %d vectors are searched one by one, which takes long: %s",
                self._stored.name, count, error,
            )  # fmt: skip
            return False
        return True

    def _loaded(self) -> UsearchIndex | None:
        """What the file beside the database holds; None where it does not fit, which is told."""
        if self._stored.file is None:
            return None
        self._file = IndexFile(self._stored.file, self._info)
        content = self._file.read()
        if content is None:
            return None
        index = UsearchIndex.of_content(content, self._info.dimensions)
        why = "it is damaged" if index is None else self._difference(index)
        if why is not None:
            self._file.set_aside(why)
            return None
        return index

    def _difference(self, index: UsearchIndex) -> str | None:
        """Why the index is not one of this database, or None."""
        keys = np.sort(index.keys)
        there = np.intersect1d(keys, self._stored.ids(self._number))
        if not len(there):
            return "none of its vectors are in the database" if len(keys) else None
        # The newest, which differ where a database was brought back from a copy, and some of all.
        spread = there[np.linspace(0, len(there) - 1, _SAMPLES // 2).astype(int)]
        sample = np.unique(np.concatenate((there[-_SAMPLES // 2 :], spread)))
        stored = self._stored.vectors_of(sample, self._info.dimensions)
        for key, vector in stored.items():
            if float(index.vector(key) @ vector) < _ALIKE:
                return "its vectors are those of another database"
        return None

    def _compare(self, index: VectorIndex) -> None:
        """Forget what is no longer in the database, and add what is not in the index."""
        ids = self._stored.ids(self._number)
        index.remove(np.setdiff1d(index.keys, ids))
        missing = np.setdiff1d(ids, index.keys)
        for at in range(0, len(missing), _CHUNK):
            found = self._stored.vectors_of(missing[at : at + _CHUNK], self._info.dimensions)
            keys = np.fromiter(found, np.int64)
            self._add(index, iter([(keys, np.array(list(found.values())))]))

    def _new(self, after: int) -> Iterator[tuple[Ints, Floats]]:
        while True:
            ids, vectors = self._stored.vectors(self._number, self._info.dimensions, after, _CHUNK)
            if len(ids):
                yield ids, vectors
            if len(ids) < _CHUNK:
                return
            after = int(ids[-1])

    def _add(self, index: VectorIndex, parts: Iterator[tuple[Ints, Floats]]) -> None:
        for ids, vectors in parts:
            if len(ids):
                index.add(ids, vectors)
                self._newest = max(self._newest, int(ids[-1]))
                self._unsaved += len(ids)

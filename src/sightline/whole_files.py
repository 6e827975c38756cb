"""Files and folders that are written whole or not at all, their names, and what to say when one cannot be written.

What is being written is a draft beside its place, ``.NAME.NUMBER.part``, and is locked (``flock``) for as long. The system
lets go of the lock of a process that was killed, also in another container: a draft that nobody has locked is removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sightline.errors import ConfigError, SinkError

_LONGEST = 150  # bytes of a file's name; the limit of most file systems is 255
_DRAFT = re.compile(r"\..+\.\d+\.part", re.DOTALL)

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space or write elsewhere",
    errno.EDQUOT: "the disk quota is used up: free some space or write elsewhere",
    errno.EFBIG: "the file-size limit is reached: raise it (ulimit -f) or write elsewhere",
    errno.EACCES: "permission denied: choose a place that you may write to",
    errno.EPERM: "permission denied: choose a place that you may write to",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.EISDIR: "it is a folder: give the name of a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another place",
    errno.EEXIST: "a file of that name is in the way: choose another place",
    errno.EPIPE: "its reader has gone away",
    errno.ELOOP: "a link is in the way: remove it or choose another place",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
}


def sink_error(target: str | Path, error: OSError) -> SinkError:
    """What to raise (``from error``) when ``target`` cannot be written: its name and the remedy."""
    remedy = _REMEDIES.get(error.errno or 0) or error.strerror or str(error)
    return SinkError(f"cannot write {target}: {remedy}")


@dataclass(frozen=True)
class OutputGuard:
    """What was found when the paths of outputs were checked, for whoever opens them later.

    What is put at such a path meanwhile must not lead to a file that is then overwritten.

    Args:
        spared: device and inode of the files that are read.
        links: absolute paths of outputs that were symbolic links. A link at another path is not followed.
    """

    spared: frozenset[tuple[int, int]] = frozenset()
    links: frozenset[str] = frozenset()

    def follows(self, path: str | Path) -> bool:
        """Whether a link at this path is followed."""
        return os.path.abspath(path) in self.links  # noqa: PTH100 - links stay as they are

    def spare(self, path: str | Path, found: os.stat_result) -> None:
        """Raise SinkError where what was found at a path is one of the files that are read."""
        if (found.st_dev, found.st_ino) in self.spared:
            raise SinkError(
                f"cannot write {path}: it leads to a file that is read here: choose another place"
            )

    def check(self, path: str | Path) -> None:
        """Raise SinkError where a file that is opened by its name must not be: of what is there now."""
        if Path(path).is_symlink() and not self.follows(path):
            raise sink_error(path, OSError(errno.ELOOP, ""))
        with contextlib.suppress(OSError):  # there is no file yet
            self.spare(path, os.stat(path))  # noqa: PTH116 - as whoever opens it will find it


def open_output(path: str | Path, flags: int, guard: OutputGuard | None = None) -> int:
    """A descriptor of a file that is written, which is made where it is missing.

    It is emptied, where ``O_TRUNC`` asks for that, only when it is known not to be one that is spared.

    Raises:
        OSError: it cannot be opened, or a link is there that was none before.
        SinkError: it is a file that is read.
    """
    emptied = flags & os.O_TRUNC
    flags = flags & ~os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC
    if guard is not None and not guard.follows(path):
        flags |= os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    try:
        found = os.fstat(descriptor)
        if guard is not None:
            guard.spare(path, found)
        if emptied and stat.S_ISREG(found.st_mode):  # a pipe or a device is not
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def safe_name(stream: str) -> str:
    """A stream's name as one plain file name: no separator, no leading dot, not too long.

    Two different streams get two different names: where something had to be replaced, a short
    hash of the full name is added.
    """
    plain = re.sub(r"[^\w.+=@-]+", "_", stream).lstrip(".")
    plain = plain.encode()[:_LONGEST].decode(errors="ignore")
    if plain and plain == stream:
        return plain
    digest = hashlib.sha256(stream.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{plain.strip('_.') or 'stream'}-{digest}"


def check_text(name: str | Path, where: str) -> None:
    """Raise ConfigError where a file's name is no text (UTF-8) and therefore cannot stand in ``where``."""
    try:
        str(name).encode()
    except UnicodeEncodeError as exc:
        raise ConfigError(
            f"{name}: its name is not UTF-8, and cannot stand in {where}: rename it"
        ) from exc


def is_folder(path: str | Path) -> bool:
    """Whether a path means a folder: it ends with a slash, or a folder is there already."""
    return str(path).endswith("/") or Path(path).is_dir()


def make_folder(folder: Path) -> Path:
    """The folder, made with its parents where it is missing. Raises SinkError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise sink_error(folder, error) from error
    return folder


@contextlib.contextmanager
def made_for(folder: Path) -> Iterator[None]:
    """A folder that the block may write to. Where it, or a parent, was made for that and stays empty, it is removed.

    Raises SinkError.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    make_folder(folder)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # something was written there
            for one in missing:
                one.rmdir()


def check_folder(folder: Path) -> None:
    """Raise SinkError where no file can be written in a folder: asked before an hour's work. It is not made yet."""
    with made_for(folder):
        writable_folder(folder)


def writable_folder(folder: Path) -> Path:
    """As ``make_folder``; also raises SinkError where no file can be written there.

    Drafts of processes that were killed are removed.
    """
    make_folder(folder)
    try:
        tempfile.TemporaryFile(dir=folder).close()
        _remove_abandoned(folder, _DRAFT)
    except OSError as error:
        raise sink_error(folder, error) from error
    return folder


def check_writable(path: Path) -> None:
    """Raise SinkError where no whole file can be written at a path: asked before an hour's work."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        _check_kind(path)
    except OSError as error:
        raise sink_error(path, error) from error
    check_folder(path.parent)


def _check_kind(path: Path) -> None:
    """Raise SinkError where a device or a pipe is at a path, or behind a link there: a file would take its place."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise SinkError(f"cannot write {path}: it is a device or a pipe: give the name of a file")


def write_whole(
    path: Path, data: bytes, mode: int | None = None, guard: OutputGuard | None = None
) -> None:
    """Write a file beside its place, then move it there. Its folder is made where it is missing.

    Args:
        mode: permissions of the file, instead of those that the process's umask leaves.
        guard: spares the files that are read. A link at the path is replaced, never followed.

    Raises SinkError; nothing is left then.
    """
    try:
        _check_kind(path)
        try:
            drafted = _draft(path)
        except FileNotFoundError:  # the folder is not there (any more)
            make_folder(path.parent)
            drafted = _draft(path)
        with drafted as draft:
            if mode is not None:
                os.fchmod(draft.descriptor, mode)
            _write(draft.descriptor, data)
            if guard is not None:
                with contextlib.suppress(FileNotFoundError):
                    guard.spare(path, os.lstat(path))
            draft.path.replace(path)
    except OSError as error:
        raise sink_error(path, error) from error


@dataclass(frozen=True)
class _Draft:
    """A file that is being written, open and locked. It is removed at the end, unless it has been moved."""

    path: Path
    descriptor: int

    def __enter__(self) -> _Draft:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        try:
            if failure is not None:
                with contextlib.suppress(OSError):  # the first failure is raised
                    self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)


def _draft(path: Path) -> _Draft:
    """A new draft of a file, at the first number that no living process has. Raises OSError.

    Somebody who may write there too could have laid a link to another file at such a name: it is passed over.
    """
    name = path.name
    if len(os.fsencode(name)) > _LONGEST:  # its own name may fill what a file system takes
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    numbered = (path.with_name(f".{name}.{number}.part") for number in itertools.count())
    place = next(numbered)
    while True:
        try:
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if not _remove_if_abandoned(place):
                place = next(numbered)
            continue
        if _locked(descriptor, place):
            break
        os.close(descriptor)  # it was taken for a dead one's before it was locked
    for following in numbered:
        if not os.path.lexists(following):
            break
        _remove_if_abandoned(following)
    return _Draft(place, descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Lock one's own draft; whether it is still at its path. Not every file system has locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # others find no lock either, and so leave it alone
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    return False


def _remove_abandoned(folder: Path, names: re.Pattern[str]) -> None:
    """Remove the drafts in a folder whose writers live no more. Raises OSError: it cannot be listed."""
    drafts: list[Path] = []
    with contextlib.suppress(PermissionError), os.scandir(folder) as entries:
        drafts += [Path(entry.path) for entry in entries if names.fullmatch(entry.name)]
    for draft in drafts:
        _remove_if_abandoned(draft)


def _remove_if_abandoned(draft: Path) -> bool:
    """Remove a draft whose writer lives no more; whether nothing is at its path now."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(draft, flags)
    except FileNotFoundError:
        return True
    except OSError:  # a link, or another user's
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        if os.path.samestat(os.lstat(draft), found):
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(draft)
            else:
                draft.unlink()
    except FileNotFoundError:
        return True
    except OSError:  # its writer lives, or nobody can tell
        return False
    finally:
        os.close(descriptor)
    return True


def _write(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)


@contextlib.contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """A new folder on the file system of ``target``, which is gone afterwards. Raises SinkError.

    So is a parent that was made for it, where nothing was moved there. Folders of processes that were killed while
    they made the same target are removed.
    """
    with made_for(target.parent), _scratch_in(target) as scratch:
        yield scratch


@contextlib.contextmanager
def _scratch_in(target: Path) -> Iterator[Path]:
    name = target.name[:40]
    try:
        _remove_abandoned(target.parent, re.compile(rf"\.{re.escape(name)}\.\w{{8}}\.part"))
        descriptor, scratch = _locked_folder(target.parent, name)
    except OSError as error:
        raise sink_error(target, error) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(descriptor)


def _locked_folder(parent: Path, name: str) -> tuple[int, Path]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=parent))
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # it was taken for a dead one's before it was locked
            continue
        except OSError:
            folder.rmdir()
            raise
        if _locked(descriptor, folder):
            return descriptor, folder
        os.close(descriptor)


def move_into_place(made: Path, target: Path) -> None:
    """Put a file or folder where it belongs, in place of an older one; a file never in place of a folder.

    Raises SinkError.
    """
    old = made.with_name(f"{made.name}.replaced")
    try:
        _check_kind(target)
        if target.is_dir() and not made.is_dir():
            raise IsADirectoryError(errno.EISDIR, "")
        make_folder(target.parent)
        if target.is_dir() and not target.is_symlink():
            target.replace(old)  # a folder is not replaced by another at once
        try:
            made.replace(target)
        except OSError:
            if old.exists():
                os.replace(old, target)  # noqa: PTH105 - back where it was
            raise
    except OSError as error:
        raise sink_error(target, error) from error
    shutil.rmtree(old, ignore_errors=True)

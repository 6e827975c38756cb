"""The lock of a folder: one at a time, and let go of with the one who has it."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from sightline.errors import SinkError
from sightline.runtime.hard_frames.lock import FolderLock


def test_one_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    first, second = FolderLock(file), FolderLock(file)
    first.take()
    with pytest.raises(SinkError, match="another program collects hard frames into it"):
        second.take()
    first.take()  # again, as where its folder was moved away
    first.release()
    first.release()
    second.take()
    second.release()
    assert file.exists()


def test_another_program_keeps_it_until_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    program = (
        f"import fcntl, sys; f = open({str(file)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        lock = FolderLock(file)
        with pytest.raises(SinkError):
            lock.take()
        other.kill()
        other.wait(20)
    lock.take()
    lock.release()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        FolderLock(tmp_path / "lock").take()
    assert not (tmp_path / "elsewhere").exists()


def test_where_files_have_no_locks_nobody_is_kept_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    first.take()
    second.take()
    first.release()
    second.release()

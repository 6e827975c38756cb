"""Checksums and archives of packages."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from sightline.deploy.package.files import (
    check_checksums,
    later_files,
    unpacked,
    write_archive,
    write_checksums,
)
from sightline.errors import ConfigError, ModelError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "gate"
    (made / "wheels").mkdir(parents=True)
    (made / "a.onnx").write_bytes(b"a" * 1000)
    (made / "wheels" / "b.whl").write_bytes(b"b")
    (made / "package.json").write_text("{}")
    (made / "sightline.yaml").write_text("{}")
    write_checksums(made)
    return made


def test_checksums_are_those_of_sha256sum(folder: Path) -> None:
    assert check_checksums(folder) == 4
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=folder, check=True)


def test_what_was_changed_or_is_missing_is_named(folder: Path) -> None:
    (folder / "a.onnx").write_bytes(b"a" * 999 + b"x")
    (folder / "wheels" / "b.whl").unlink()
    with pytest.raises(ModelError, match=r"a\.onnx was changed; wheels/b\.whl is missing"):
        check_checksums(folder)


def test_what_came_later_is_no_fault(folder: Path) -> None:
    assert later_files(folder) == []
    (folder / "results.jsonl").write_text("")
    (folder / "wheels" / "other.whl").write_text("")
    for place in ("results", ".venv"):
        (folder / place / "bin").mkdir(parents=True)
    assert check_checksums(folder) == 4
    assert later_files(folder) == ["results", "results.jsonl", "wheels/other.whl"]


def test_a_listing_leads_to_no_other_folder(folder: Path) -> None:
    (folder.parent / "secret").write_text("s")
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../secret\n")
    with pytest.raises(ModelError, match=r"\.\./secret lies outside"):
        check_checksums(folder)


def test_a_folder_that_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no package of"):
        check_checksums(tmp_path)


def test_an_archive_is_what_it_was_made_of(folder: Path, tmp_path: Path) -> None:
    write_archive(folder, tmp_path / "gate.tar.gz")
    found = unpacked(tmp_path / "gate.tar.gz", tmp_path / "out")
    assert found.name == "gate"
    assert check_checksums(found) == 4


def test_an_archive_writes_nowhere_else(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as file:
        member = tarfile.TarInfo("../escaped")
        member.size = 1
        file.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(ConfigError, match="no archive of a package"):
        unpacked(tmp_path / "a.tar.gz", tmp_path / "out")
    assert not (tmp_path / "escaped").exists()
    (tmp_path / "b.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ConfigError, match="no archive of a package"):
        unpacked(tmp_path / "b.tar.gz", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"package\.json is not in SHA256SUMS"),
        (b"\xff\xfe\n", r"SHA256SUMS:1: no checksum and name"),
        (b"\n", r"SHA256SUMS:1: no checksum and name"),
        (b"0" * 64 + b"  a\0b\n", r"SHA256SUMS:1: no checksum and name"),
    ],
)
def test_a_listing_that_was_cut_or_damaged_is_told(
    folder: Path, content: bytes, message: str
) -> None:
    (folder / "SHA256SUMS").write_bytes(content)
    with pytest.raises(ModelError, match=message):
        check_checksums(folder)


def test_listings_of_sha256sum_in_binary_mode_are_read(folder: Path) -> None:
    listing = folder / "SHA256SUMS"
    listing.write_bytes(listing.read_bytes().replace(b"  ", b" *").replace(b"\n", b"\r\n"))
    assert check_checksums(folder) == 4


@pytest.mark.parametrize("members", [1, 40])
def test_a_bomb_is_refused_before_anything_is_written(
    members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sightline.deploy.package.files.SMALL_BYTES", 1_000_000)
    bomb, zeros = tmp_path / "bomb.tar.gz", bytes(40_000_000 // members)
    with tarfile.open(bomb, "w:gz") as file:
        for number in range(members):
            member = tarfile.TarInfo(f"gate/{number}.onnx")
            member.size = len(zeros)
            file.addfile(member, io.BytesIO(zeros))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(ConfigError, match=r"bomb\.tar\.gz: .*more than 50 times its size"):
        unpacked(bomb, out)
    assert not list(out.iterdir())


@pytest.mark.parametrize("packed", ["gz", "xz", "bz2"])
def test_an_archive_that_is_damaged_in_its_middle(
    packed: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "a.onnx").write_bytes(bytes(random.Random(1).choices(b"abcdefgh", k=900_000)))
    archive = tmp_path / f"gate.tar.{packed}"
    with tarfile.open(archive, f"w:{packed}") as file:  # type: ignore[call-overload]
        file.add(folder, folder.name)
    content = bytearray(archive.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = random.Random(2).randbytes(2000)
    archive.write_bytes(content)
    with pytest.raises(ConfigError, match="no archive of a package"):
        unpacked(archive, tmp_path / "out")

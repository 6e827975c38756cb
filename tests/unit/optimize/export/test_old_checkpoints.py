"""Checkpoints of PyTorch before 1.6: their pickle as a file of today, which nothing has run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from sightline.optimize.export.old_checkpoints import old_checkpoint_as_zip

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def test_the_content_of_an_old_file_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    made = old_checkpoint_as_zip(path)
    assert made is not None
    content = zipfile.ZipFile(made).read("archive/data.pkl")
    assert content in path.read_bytes()
    assert b"torch._utils" in content
    made.seek(0)
    assert torch.serialization.get_unsafe_globals_in_checkpoint(made) == []


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x02K\x01."])
def test_what_is_no_old_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    assert old_checkpoint_as_zip(path) is None
    torch.save({"w": torch.ones(3)}, path)
    assert old_checkpoint_as_zip(path) is None


def test_one_that_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(ValueError, match="expected 13 bytes"):
        old_checkpoint_as_zip(path)

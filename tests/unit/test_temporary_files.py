"""What is said when there is no room for temporary files."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import numpy as np
import pytest

from sightline.errors import SinkError
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.temporary_files import temporary_folder


@pytest.fixture
def small_disk() -> Iterator[None]:
    """A limit of files' sizes, which fails as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_told_with_the_folder() -> None:
    told = "cannot write temporary files in .*; TMPDIR names another folder"
    with pytest.raises(SinkError, match=told), temporary_folder() as folder:
        (folder / "large").write_bytes(bytes(5000))
    assert not folder.exists()


def test_other_errors_are_their_own() -> None:
    with pytest.raises(FileNotFoundError), temporary_folder() as folder:
        (folder / "nothing").read_bytes()


@pytest.mark.usefixtures("small_disk")
def test_pictures_that_do_not_fit_are_told() -> None:
    pictures = NetworkPictures()
    with pytest.raises(SinkError, match="cannot write temporary files in "):
        pictures.add(np.zeros((100, 100, 3), np.uint8), (100, 100))

"""Suffixes of pictures and videos: each of one kind, in lower case."""

from __future__ import annotations

from itertools import combinations

from sightline.media_suffixes import PICTURES, UNREAD_PICTURES, VIDEOS


def test_a_suffix_is_of_one_kind() -> None:
    for one, other in combinations((PICTURES, UNREAD_PICTURES, VIDEOS), 2):
        assert not one & other


def test_suffixes_are_written_as_they_are_compared() -> None:
    for suffix in PICTURES | UNREAD_PICTURES | VIDEOS:
        assert suffix == suffix.lower()
        assert suffix.startswith(".")
        assert suffix.count(".") == 1


def test_what_people_have_is_known() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".tif"} <= PICTURES
    assert {".heic", ".gif", ".raw"} <= UNREAD_PICTURES
    assert {".mp4", ".mkv", ".avi", ".mov", ".ts", ".webm"} <= VIDEOS

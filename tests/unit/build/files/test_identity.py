"""Whether two paths mean one file: links, folders and names that are not there yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from sightline.build.files import identity
from sightline.build.files.identity import file_keys, folder_keys, is_stream, local_path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").write_text("x")
    (tmp_path / "soft").symlink_to("real")
    os.link("real", "hard")
    (tmp_path / "folder").mkdir()
    (tmp_path / "alias").symlink_to("folder")
    return tmp_path


def same(one: str, other: str) -> bool:
    return bool(file_keys(one) & file_keys(other))


@pytest.mark.parametrize(
    ("one", "other", "one_file"),
    [
        ("real", "real", True),
        ("real", "./folder/../real", True),
        ("real", "soft", True),
        ("real", "hard", True),
        ("soft", "hard", True),
        ("real", "other", False),
        ("folder/new", "alias/new", True),
        ("folder/new", "folder/old", False),
        ("no/such/new", "no/such/../such/new", True),
        ("no/such/new", "no/new", False),
        ("new/", "new", True),
        ("a", "A", False),
    ],
)
def test_two_paths(one: str, other: str, one_file: bool) -> None:
    assert same(one, other) is one_file
    assert same(other, one) is one_file


def test_absolute_and_relative_paths_of_a_file_that_is_not_there(here: Path) -> None:
    assert same(str(here / "new"), "new")


def test_a_link_that_leads_nowhere_means_what_it_leads_to_and_itself(here: Path) -> None:
    (here / "dangling").symlink_to("folder/later")
    assert same("dangling", "folder/later")
    assert same("dangling", "./dangling")
    assert not same("dangling", "folder/other")


def test_where_a_folder_ignores_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_ignores_case", lambda _: True)
    assert same("Straße.json", "STRASSE.json")
    assert same("e\u0301.json", "é.json"), "as macOS writes names"
    assert not same("a.json", "b.json")


@pytest.mark.parametrize("path", ["x" * 300, os.fsdecode(b"caf\xe9"), ""])
def test_names_that_no_file_can_have_are_compared_all_the_same(path: str) -> None:
    assert file_keys(path) == file_keys(path) != frozenset()


def test_folders_that_hold_a_file() -> None:
    assert folder_keys("folder/x") & file_keys("folder")
    assert folder_keys("alias/x") & file_keys("folder")
    assert not folder_keys("x") & file_keys("folder")


def test_standard_output_is_the_file_that_it_leads_to(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (here / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert same("-", "out")
        assert not is_stream("-")
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert file_keys("-") == frozenset()
        assert is_stream("-")
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", None)
    assert file_keys("-") == frozenset()


@pytest.mark.parametrize(("path", "stream"), [("/dev/null", True), ("real", False), ("folder", False), ("new", False)])  # fmt: skip
def test_several_may_write_to_devices(path: str, stream: bool) -> None:
    assert is_stream(path) is stream


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("out.json", "out.json"),
        ("-", "-"),
        ("file:///a/b%20c.json", "/a/b c.json"),
        ("FILE:///a", "/a"),
        ("sqlite:///run.db", "run.db"),
        ("sqlite:////var/run.db", "/var/run.db"),
        ("sqlite+pysqlite:///run.db?timeout=5", "run.db"),
        ("sqlite:///file:a%20b.db?mode=rw&uri=true", "a b.db"),
        ("sqlite:///file:///a/b.db?uri=true", "/a/b.db"),
        ("sqlite://", None),
        ("postgresql://joe@host/cams", None),
        ("mqtt://host/topic", None),
    ],
)
def test_the_file_that_an_address_means(text: str, path: str | None) -> None:
    assert local_path(text) == path

"""Files that clients may have their streams write."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.config import OutputOptions, ServingOptions
from sightline.errors import Forbidden, InvalidRequest
from sightline.serving.stream_outputs import placed_outputs


@pytest.mark.parametrize(
    ("given", "placed"),
    [
        ("objects.jsonl", "objects.jsonl"),
        ("gate/objects.jsonl", "gate/objects.jsonl"),
        ("gate/", "gate/"),
        ("a b/ä.jsonl", "a b/ä.jsonl"),
    ],
)
def test_paths_lie_below_the_folder(given: str, placed: str, tmp_path: Path) -> None:
    options = ServingOptions(outputs_under=tmp_path)
    found = placed_outputs(OutputOptions(json_lines=given), options)
    assert found.json_lines == f"{tmp_path.resolve()}/{placed}"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("/etc/passwd", Forbidden, "give a path relative to serving.outputs_under"),
        ("~/x", Forbidden, "give a path relative"),
        ("-", Forbidden, "give a path relative"),
        ("mqtt://h/t", Forbidden, "give a path relative"),
        ("../x", Forbidden, "begin with a dot"),
        ("a/../../x", Forbidden, "begin with a dot"),
        (".ssh/x", Forbidden, "begin with a dot"),
        ("a//x", Forbidden, "no part of a path may be empty"),
        ("a /x", Forbidden, "or end with one"),
        ("a\\x", InvalidRequest, "no backslash"),
        ("a\nx", InvalidRequest, "no control characters"),
        ("x" * 201, InvalidRequest, "a name has at most 200 bytes"),
        ("ä" * 101, InvalidRequest, "a name has at most 200 bytes"),
        ("/".join(["x" * 100] * 11), InvalidRequest, "a path 1024"),
    ],
)
def test_paths_that_are_not_for_clients(
    given: str, error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=said) as caught:
        placed_outputs(OutputOptions(json_lines=given), ServingOptions(outputs_under=tmp_path))
    assert str(caught.value).startswith("outputs.json_lines: ")


def test_links_are_not_followed_for_clients(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)
    with pytest.raises(Forbidden, match="a link"):
        placed_outputs(
            OutputOptions(json_lines="link/x.jsonl"), ServingOptions(outputs_under=tmp_path / "out")
        )


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    found = placed_outputs(
        OutputOptions(json_lines="x.jsonl"), ServingOptions(outputs_under=tmp_path / "out")
    )
    assert found.json_lines == str(tmp_path.resolve() / "real" / "x.jsonl")


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    nothing = OutputOptions()
    assert placed_outputs(nothing, ServingOptions()) is nothing
    with pytest.raises(Forbidden, match=r"set serving\.outputs_under"):
        placed_outputs(OutputOptions(json_lines="x"), ServingOptions())
    with pytest.raises(Forbidden, match=r"outputs\.show: clients may open no window"):
        placed_outputs(OutputOptions(show=True), ServingOptions(outputs_under=tmp_path))

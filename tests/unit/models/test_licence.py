"""Licences of models: from the card or the file, and never an error."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from sightline.models.licence import licence_of


def model(folder: Path, licence: str | None = None, key: str = "license") -> Path:
    graph = onnx.helper.make_graph([], "empty", [], [])
    made = onnx.helper.make_model(graph)
    if licence is not None:
        made.metadata_props.add(key=key, value=licence)
    onnx.save(made, folder / "a.onnx")
    return folder / "a.onnx"


@pytest.mark.parametrize(
    ("card", "file", "licence"),
    [
        pytest.param(None, None, None, id="nobody says"),
        pytest.param(None, "MIT", "MIT", id="the file"),
        pytest.param("licence: Apache-2.0", "MIT", "Apache-2.0", id="the card first"),
        pytest.param("LICENSE: BSD", None, "BSD", id="in capitals"),
        pytest.param("SPDX-License-Identifier: CC0-1.0", None, "CC0-1.0", id="SPDX"),
        pytest.param("licence: ''", "MIT", "MIT", id="an empty one"),
        pytest.param('licence: "a\\e[31m\\nb  c"', None, "a [31m b c", id="for a terminal"),
        pytest.param("licence: " + "x" * 999, None, "x" * 200, id="a whole text"),
        pytest.param("- a list", "MIT", "MIT", id="a card that is none"),
        pytest.param("licence: [", "MIT", "MIT", id="a broken card"),
        pytest.param("[" * 700, "MIT", "MIT", id="a nested card"),
        pytest.param("licence: 2026-99-99", "MIT", "MIT", id="no date"),
        pytest.param("licence: " + "9" * 5000, "MIT", "MIT", id="thousands of digits"),
    ],
)
def test_licences(tmp_path: Path, card: str | None, file: str | None, licence: str | None) -> None:
    path = model(tmp_path, file)
    if card is not None:
        path.with_suffix(".yaml").write_text(card)
    assert licence_of(path) == licence


def test_files_of_others(tmp_path: Path) -> None:
    for name, content in (("a.onnx", b"\xff" * 9), ("b.xml", b"<net/>"), ("c.pt", b"")):
        (tmp_path / name).write_bytes(content)
        assert licence_of(tmp_path / name) is None
    assert licence_of(tmp_path / "none.onnx") is None

"""What a user's words say of the sources: how many pictures will come."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline import build
from sightline.build.sources import FEW_PICTURES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folders of few and of many pictures, which nobody decodes here."""
    for name, count in (("few", 3), ("many", FEW_PICTURES)):
        (tmp_path / name).mkdir()
        for number in range(count):
            (tmp_path / name / f"{number}.jpg").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "few"),
    [
        pytest.param(["few/0.jpg"], True, id="one"),
        pytest.param(["few"], True, id="a small folder"),
        pytest.param(["many"], False, id="a large folder"),
        pytest.param(["many/*.jpg"], False, id="a glob of many"),
        pytest.param([f"many/{n}.jpg" for n in range(FEW_PICTURES)], False, id="one by one"),
        pytest.param(["few", "street://?duration=1"], False, id="a video among them"),
    ],
)
def test_few_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], few: bool
) -> None:
    monkeypatch.chdir(folder)
    assert build.few_pictures(build.inputs(words)) is few

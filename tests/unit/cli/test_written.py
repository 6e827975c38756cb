"""After a run: what was written, where, and how large."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.build.file_conflicts import FileUse
from sightline.cli.progress import show_written


def test_what_was_written_is_said_with_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 2_500_000)
    (tmp_path / "cam" / "person").mkdir(parents=True)
    for name in ("a-000001.jpg", "a-000002.jpg", "else.jpg", "cam/person/1-000003.jpg"):
        (tmp_path / name).write_bytes(b"x" * 10_000)
    show_written(
        [
            FileUse(f"{tmp_path}/a.csv", "--csv"),
            FileUse(str(tmp_path), "--output", pattern=r".*-\d{6}\.jpg"),
            FileUse(str(tmp_path), "--crops", pattern=r".*-\d{6}\.jpg", below=True),
            FileUse(f"{tmp_path}/none.db", "--db"),
            FileUse("-", "--json"),
        ]
    )
    assert capsys.readouterr().err.splitlines() == [
        f"--csv: {tmp_path}/a.csv (2.50 MB)",
        f"--output: {tmp_path} (2 files, 0.02 MB)",
        f"--crops: {tmp_path} (3 files, 0.03 MB)",
    ]

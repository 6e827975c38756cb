"""After a run: what was written, where, and how large."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.cli.progress import show_written


def test_what_was_written_is_said_with_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 2_500_000)
    for name in ("a-000001.jpg", "a-000002.jpg", "else.jpg"):
        (tmp_path / name).write_bytes(b"x" * 10_000)
    show_written(
        [
            ("--csv", f"{tmp_path}/a.csv", ""),
            ("--output", str(tmp_path), r".*-\d{6}\.jpg"),
            ("--db", f"{tmp_path}/none.db", ""),
            ("--json", "-", ""),
        ]
    )
    assert capsys.readouterr().err.splitlines() == [
        f"--csv: {tmp_path}/a.csv (2.50 MB)",
        f"--output: {tmp_path} (2 files, 0.02 MB)",
    ]

"""Names from elsewhere on a terminal: they command nothing, and are no markup."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from sightline.cli import main
from sightline.cli.terminal import progress
from sightline.cli.terminal.cells import cell
from sightline.cli.terminal.scores import agreement_table
from sightline.evaluation.agreement import AgreementScores, ClassAgreement
from sightline.runtime.streams.stream import StreamResult

NAMES = {
    "[/a] [red]b": "[/a] [red]b",
    "\x1b]0;title\x07\x9b2J": r"\x1b]0;title\x07\x9b2J",
    "gate\rok": r"gate\rok",
    "txt\u202egpj.exe": r"txt\u202egpj.exe",
    "Straße 街 😀": "Straße 街 😀",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_a_cell(name: str, shown: str) -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=80).print(cell(name))
    assert out.getvalue().rstrip() == shown


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_names_of_streams(name: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    progress.summary([StreamResult(name)])
    assert shown in capsys.readouterr().err


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_names_of_classes(name: str, shown: str) -> None:
    one = ClassAgreement(count=1, ap=0.5, ap50=0.5, recall=0.5, score_shift=0.0)
    scores = AgreementScores(0.5, 0.5, 0.5, 0.0, 1, {name: one})
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=120).print(agreement_table(scores))
    assert shown in out.getvalue()


def test_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a\x07\rb.yaml"
    file.write_text("models: [")
    monkeypatch.setattr("sys.argv", ["sightline", "config", "check", str(file)])
    assert main._run() == 2
    err = capsys.readouterr().err
    assert r"a\x07\rb.yaml:1:10: not valid YAML" in err
    assert "\x07" not in err
    assert "\r" not in err

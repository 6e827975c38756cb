"""``sightline drift learn``: what is asked, what is kept, and what is never written over."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.cli.command_runner import run_command

from sightline.build.monitoring import drifting
from sightline.cli.main import app
from sightline.errors import ConfigError, SourceError


class Learnt(SimpleNamespace):
    """A reference that was learnt, and is written as a word."""

    def save(self, path: Path) -> None:
        path.write_text(f"learnt of {self.samples}")


class Learn:
    """Stands for the learning; keeps what it was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: Any = None

    def __call__(self, source: str, model: Any, how: Any, tell: Any, keep: Any) -> Learnt:
        self.asked = (source, model, how)
        tell("frames: 1")
        found = Learnt(camera="street\x1b[1m", model="people 123", samples=40, interval_s=0.5)
        if self.error is not None:
            keep(Learnt(samples=7))
            raise self.error
        return found


@pytest.fixture
def learn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Learn:
    monkeypatch.chdir(tmp_path)
    made = Learn()
    monkeypatch.setattr(drifting, "learn", made)
    return made


def run(*arguments: str) -> tuple[int, str, BaseException | None]:
    found = run_command(app, "drift", "learn", *arguments)
    return found.exit_code, found.stdout, found.exception


def test_what_was_learnt_is_written_and_told(learn: Learn) -> None:
    code, said, _ = run("a.mp4", "--model", "people", "--output", "gate.json", "--every", "2", "--track", "--seconds", "60", "--embedder", "street-embedder")  # fmt: skip
    assert code == 0
    last = said.splitlines()[-1]
    assert last.startswith("gate.json: 40 frames of street")
    assert last.endswith(", 0.5 s apart, with people 123")
    assert "\x1b" not in said
    assert Path("gate.json").read_text() == "learnt of 40"
    source, model, how = learn.asked
    assert (source, model.model) == ("a.mp4", "people")
    assert (how.interval_s, how.track, how.seconds, how.embedder) == (
        2.0,
        True,
        60.0,
        "street-embedder",
    )


def test_as_json(learn: Learn) -> None:
    _, said, _ = run("a.mp4", "--model", "people", "--output", "gate.json", "--json")
    told = json.loads(said.splitlines()[-1])
    assert (told["reference"], told["samples"], told["interval_s"]) == ("gate.json", 40, 0.5)


def test_what_a_camera_told_before_it_failed_is_kept(learn: Learn) -> None:
    learn.error = SourceError("the camera is gone")
    _, _, error = run("rtsp://camera/live", "--model", "people", "--output", "gate.json")
    assert error is learn.error
    assert Path("gate.json").read_text() == "learnt of 7"


@pytest.mark.parametrize("output", ["a.mp4", "notes.txt"])
def test_nothing_else_is_written_over(learn: Learn, output: str) -> None:
    Path("a.mp4").write_bytes(b"a video")
    Path("notes.txt").write_text("mine")
    before = Path(output).read_bytes()
    _, _, error = run("a.mp4", "--model", "people", "--output", output)
    assert isinstance(error, ConfigError)
    assert Path(output).read_bytes() == before
    assert learn.asked is None, "it is asked before an hour's work"


@pytest.mark.parametrize("arguments", [["--every", "0"], ["--every", "3601"], ["--seconds", "0"]])
def test_limits_of_options(learn: Learn, arguments: list[str]) -> None:
    code, _, _ = run("a.mp4", "--model", "people", "--output", "x.json", *arguments)
    assert code == 2
    assert learn.asked is None

"""``sightline drift``: a street is learnt, and what becomes of it is told."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from tests.command import Run, in_process

from sightline.build.monitoring import drifting
from sightline.config import ModelOptions

STREET = "street://?seed=5&width=320&height=192&fps=5"
OPTIONS = ("--model", "street", "--backend", "onnxruntime")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drift") / "gate.json"
    model = ModelOptions(model="street", backend="onnxruntime")
    lines: list[str] = []
    options = drifting.SamplingOptions()
    drifting.learn(f"{STREET}&duration=48", model, options, lines.append).save(path)
    assert lines[-1] == "frames: 240 of 240"
    return path


def check(run: Run, reference: Path, options: str) -> tuple[int, dict[str, object]]:
    source = f"{STREET}&start=60&duration=24{options}"
    done = run("drift", "check", source, "--reference", reference, *OPTIONS[2:], "--json")
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_what_has_changed_is_told_with_its_cause(run: Run, reference: Path) -> None:
    code, told = check(run, reference, "&light=night")
    assert code == 1
    assert told["drift"]
    causes = told["causes"]
    assert isinstance(causes, list)
    assert causes[0]["name"] == "night"
    assert causes[0]["recommendation"]
    assert told["changes"]


def test_a_street_that_goes_on_is_usual(run: Run, reference: Path) -> None:
    code, told = check(run, reference, "")
    assert (code, told["drift"], told["causes"]) == (0, False, [])
    assert told["samples"] == 120


def test_footage_that_is_too_short_is_told_before_it_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is told when the first frame has been looked at; then reading is broken off."""

    class Enough(Exception):
        pass

    def tell(_: str) -> None:
        raise Enough

    model = ModelOptions(model="street", backend="onnxruntime")
    for source, options, told in (
        (f"{STREET}&duration=30", {}, "the reference spans 30 s: of traffic, much that is usual"),
        (f"{STREET}&duration=30", {}, "151 sampled frames at most are to be expected, and 200 are needed"),
        (f"{STREET}&duration=600", {"interval_s": 30.0}, "21 sampled frames at most are to be"),
        (f"{STREET}&duration=600", {"seconds": 60.0}, "61 sampled frames at most are to be expected, and 200 are"),
    ):  # fmt: skip
        caplog.clear()
        with pytest.raises(Enough):
            drifting.learn(source, model, drifting.SamplingOptions(**options), tell)
        assert told in caplog.text
    caplog.clear()
    with pytest.raises(Enough):
        drifting.learn(f"{STREET}&duration=600", model, drifting.SamplingOptions(), tell)
    assert "spans" not in caplog.text
    assert "expected" not in caplog.text


def test_what_cannot_be_checked_is_refused_by_name(
    run: Run, reference: Path, tmp_path: Path
) -> None:
    small = run("drift", "check", f"{STREET}&duration=2", "-r", reference)
    assert small.returncode == 2
    assert "10 sampled frames are too few: 100 are compared at least" in small.stderr
    other = run("drift", "check", "street://?duration=2", "-r", reference)
    assert other.returncode == 2
    assert "pictures of 320×192, and these have 640×384" in other.stderr
    short = run("drift", "learn", f"{STREET}&duration=2", *OPTIONS, "-o", tmp_path / "short.json")
    assert short.returncode == 2
    assert "10 sampled frames are too few for a reference" in short.stderr
    assert not (tmp_path / "short.json").exists()


def test_an_output_that_cannot_be_is_refused_before_anything_is_learnt(
    run: Run, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    learn = ("drift", "learn", f"{STREET}&duration=600", *OPTIONS, "-o")
    for output, why in (
        (tmp_path, "it is a folder"), (tmp_path / "pipe", "it is a device or a pipe"),
        (tmp_path / "file" / "gate.json", "choose another place"),
    ):  # fmt: skip
        done = run(*learn, output)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
        assert "frames:" not in done.stderr
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_the_model_of_a_reference_that_no_name_finds(
    run: Run, reference: Path, tmp_path: Path
) -> None:
    values = json.loads(reference.read_text()) | {"model": "mine 123456"}
    (tmp_path / "own.json").write_text(json.dumps(values))
    done = run("drift", "check", STREET, "-r", tmp_path / "own.json")
    assert done.returncode == 2
    assert "learnt with the model mine 123456" in done.stderr
    assert "--model" in done.stderr

"""Words of other programs on the command line get a hint that names ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightline.cli.main import app


def said(*arguments: str) -> tuple[int, str]:
    """Exit code, and what an error says without its frame."""
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    text = str(result.exception) if result.exception else ""
    return result.exit_code, " ".join((result.output + text).replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["predict", "bus.jpg"], "it is `sightline detect` here"),
        (["val"], "it is `sightline evaluate detect` here"),
        (["download", "x"], "it is `sightline models pull` here"),
        (["detekt", "bus.jpg"], "Did you mean 'detect'"),
        (["detect", "a.jpg", "-m", "street", "--imgsz", "640"], "--imgsz: it is --size here"),
        (["detect", "a.jpg", "-m", "street", "--save-txt"], "--save-txt: it is --yolo-txt here"),
        (["detect", "a.jpg", "-m", "street", "--save_txt"], "--save_txt: it is --yolo-txt here"),
        (["detect", "a.jpg", "-m", "street", "--save"], "it is --output FILE or --output FOLDER/ here"),
        (["track", "a.mp4", "-m", "street", "--project", "x"], "it is --output FILE"),
        (["track", "a.mp4", "-m", "street", "--name", "x"], "it is --output FILE"),
        (["track", "a.mp4", "-m", "street", "--track-buffer", "3"], "it is --lost-buffer-s here"),
        (["track", "a.mp4", "-m", "street", "--vid-stride=3"], "it is --every here"),
        (["detect", "--source", "a.jpg", "-m", "street"], "sources stand without an option"),
        (["detect", "a.jpg", "--weights", "street"], "--weights: it is --model here"),
        (["detect", "a.jpg", "-m", "street", "--names", "a"], "class names stand in the model's card"),
        (["serve", "-m", "street", "--http-port", "80"], "it is --port here"),
        (["detect", "a.jpg", "-m", "street", "--cofn", "1"], "--conf"),
        (["detect", "model=a.pt", "source=b.jpg"], "options are written --model a.pt here, not model=a.pt"),
        (["detect", "a.jpg", "-m", "street", "imgsz=640"], "written --size 640 here, not imgsz=640"),
        (["detect", "source=b.jpg", "-m", "street"], "sources are written b.jpg here, not source=b.jpg"),
        (
            ["detect", "a.jpg", "-m", "street", "--classes", "person,", "car"],
            "commas between them: --classes person,car",
        ),
        (["detect", "a.jpg", "-m", "street", "--size", "640", "384"], "--size 640x384"),
        (["run", "a.jpg"], "a.jpg is no configuration file: sightline detect a.jpg looks at it"),
        (["serve", "b.mp4"], "b.mp4 is no configuration file: sightline track b.mp4 looks at it"),
        (["run"], "`sightline config init sightline.yaml` writes one"),
        (["serve", "-m", "people"], "the detector `people` has no network to serve"),
        (
            ["detect", "a.jpg", "-m", "street", "--classes", "person", "car"],
            "there is no file car; classes have commas between them: --classes person,car",
        ),
    ],
)  # fmt: skip
def test_hints(
    arguments: list[str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    code, text = said(*arguments)
    assert code != 0
    assert hint in text, text


def test_a_file_is_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    assert "say what to do with it: sightline detect a.mp4" in said("a.mp4")[1]


def test_a_file_with_such_a_name_is_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf=1").touch()
    assert "options are written" not in said("detect", "conf=1", "-m", "absent.onnx")[1]


@pytest.mark.parametrize("command", [["run"], ["config", "check"]])
def test_a_configuration_of_nearly_that_name_is_named(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").touch()
    assert (
        "site.yml: No such file or directory; did you mean site.yaml?"
        in said(*command, "site.yml")[1]
    )
    assert "`sightline config init gate.yml` writes one" in said(*command, "gate.yml")[1]

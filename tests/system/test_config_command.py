"""``sightline config`` as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

COMMAND = Path(sys.executable).with_name("sightline")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, "config", *map(str, args)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
        )

    return run_


def test_what_init_writes_passes_check(run: Run, tmp_path: Path) -> None:
    done = run("init")
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrote sightline.yaml; next: sightline config check sightline.yaml" in done.stdout
    assert "sightline config check sightline.yaml" in (tmp_path / "sightline.yaml").read_text()
    done = run("check", SIGHTLINE_PORT="1234")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "ok  sightline.yaml"
    assert "service    http://127.0.0.1:1234, gRPC on port 8001, without a token" in lines
    assert [line.split()[0] for line in lines[1:]] == [
        "model",
        "stream",
        "service",
        "alert",
        "alert",
    ]


def test_init_replaces_nothing_unless_told_so(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("mine")
    done = run("init", "a.yaml")
    assert done.returncode == 2
    assert "a.yaml exists: --force" in done.stderr
    assert file.read_text() == "mine"
    assert run("init", "a.yaml", "--force").returncode == 0
    assert file.read_text() != "mine"
    done = run("init", "none/a.yaml")
    assert done.returncode == 2
    assert "none/a.yaml: No such file or directory" in done.stderr


def test_init_with_a_schema_that_the_file_names_and_keeps_to(run: Run, tmp_path: Path) -> None:
    assert run("init", "site.yaml", "--schema").returncode == 0
    text = (tmp_path / "site.yaml").read_text()
    name = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    schema = json.loads((tmp_path / name).read_text())
    assert schema == json.loads(run("schema").stdout)
    jsonschema.validate(yaml.safe_load(text), schema)
    assert run("check", "site.yaml").returncode == 0


def test_check_tells_every_mistake_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(
        "models: {m: {model: street}}\nstreams:\n  a: {source: x, fpss: 1}\nworker: 3\n"
    )
    done = run("check", "bad.yaml")
    assert done.returncode == 2
    assert done.stdout == ""
    head, *lines = done.stderr.splitlines()
    assert head == "error: 2 mistakes"
    assert lines[0].startswith("bad.yaml:3:18: streams.a.fpss: there is no such key")
    assert lines[1].startswith("bad.yaml:4:1: worker: there is no such key; did you mean workers?")


def test_check_looks_names_of_classes_up_in_the_models(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(
        """\
models:
  default: {model: street, classes: [car, peple]}
  both: {kind: ensemble, of: [{model: street}, {model: street, classes: [dog]}]}
  later: {model: later.onnx, classes: [anything]}
streams:
  a:
    source: street://
    stages:
      - {kind: classify, model: street-attributes, of: [car, lorryy]}
      - {kind: detect, model: street, of: [bus], classes: [99]}
      - {kind: classify, model: street-attributes, of: [truck, 5]}
  b:
    source: street://
    model: both
    stages: [{kind: classify, model: street-attributes, of: [anything]}]
"""
    )
    done = run("check", "site.yaml")
    assert done.returncode == 2
    told = [line.split(": this model has no class ") for line in done.stderr.splitlines()]
    assert [(at, why.split(":")[0]) for at, why in told[1:]] == [
        ("site.yaml:2:28", "'peple'"),
        ("site.yaml:3:64", "'dog'"),
        ("site.yaml:9:52", "'lorryy'"),
        ("site.yaml:10:50", "'99'"),
    ]


def test_check_refuses_names_of_outputs_that_run_refuses(run: Run, tmp_path: Path) -> None:
    outputs = "{csv: seen.xlsx, json_lines: seen.jsonl.gz}"
    (tmp_path / "a.yaml").write_text(
        f"models: {{m: {{model: street}}}}\nstreams: {{a: {{source: street://, outputs: {outputs}}}}}\n"
    )
    done = run("check", "a.yaml")
    assert done.returncode == 2
    assert re.search(r"^a\.yaml:2:\d+: --csv ", done.stderr, re.MULTILINE)
    assert "seen.xlsx: .xlsx is the name of a spreadsheet, and this is none: give" in done.stderr
    assert "seen.jsonl.gz: .gz is the name of a compressed file" in done.stderr


def test_check_looks_into_a_street(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "models: {m: {model: street}}\nstreams:\n  a:\n    source: street://?sed=1\n"
    )
    done = run("check", "s.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: s.yaml:4:5: street://?sed=1: no option 'sed'")


@pytest.mark.parametrize("command", ["config check", "run", "serve"])
def test_nothing_starts_from_a_source_that_cannot_be(command: str, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "models: {m: {model: street}}\n"
        "streams:\n"
        "  a: {source: 'street://?seconds=5'}\n"
        "  b: {source: 'ftp://x/y'}\n"
        "  c: {source: 'rtsp://'}\n"
        "  d: {source: pictures/, loop: true}\n"
        "  e: {source: 'street://', loop: true}\n"
        "  fine: {source: 'street://?duration=1', outputs: {json_lines: fine.jsonl}}\n"
    )
    (tmp_path / "pictures").mkdir()
    done = subprocess.run(
        [COMMAND, *command.split(), "s.yaml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    head, *lines = done.stderr.splitlines()
    assert head == "error: 5 mistakes"
    assert [line[: len("s.yaml:3:7: ")] for line in lines] == [
        f"s.yaml:{n}:7: " for n in range(3, 8)
    ]
    for line, what in zip(
        lines,
        ["no option 'seconds'", "ftp://x/y", "rtsp://", "begin again", "duration=0"],
        strict=True,
    ):
        assert what in line
    assert not (tmp_path / "fine.jsonl").exists()


def test_run_needs_something_to_run(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("models: {m: {model: street}}\n")
    done = subprocess.run(
        [COMMAND, "run", "s.yaml"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "s.yaml:1:1: there is nothing to run: give it `streams` or `serving`" in done.stderr


def test_check_shows_no_password_and_says_what_is_not_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "models: {m: {model: none.onnx}}\n"
        "streams: {a: {source: 'rtsp://joe:${PW}@cam/1'}, b: {source: 'none/*.jpg'}}\n"
        "serving: {token: '${PW}', grpc_port: null}\n"
    )
    done = run("check", "s.yaml", PW="hunter2")
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout
    assert "rtsp://joe:***@cam/1" in done.stdout
    assert f"m: {tmp_path}/none.onnx (not there yet)" in done.stdout
    assert "http://127.0.0.1:8000, with a token" in done.stdout

"""The wheel alone, without the test group: everything can be imported, and every command, snippet and answer of
the README and the documentation is what a reader gets.

All in one file: an installation takes a minute, and processes that share the tests out do so by file.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import yaml
from tests.system.docs.conftest import Installed
from tests.system.docs.pages import (
    PAGES,
    ROOT,
    Step,
    agrees,
    blocks,
    commands,
    pip_requirements,
    steps,
)
from typer.main import get_command

from sightline.cli.main import app

COMMAND = get_command(app)
Shell = Callable[[str], subprocess.CompletedProcess[str]]
PRELUDE = (Path(__file__).parent / "prelude.sh").read_text()


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


RUN = [pytest.param(page, id=name(page)) for page in PAGES if steps(page)]
ALL = [pytest.param(page, id=name(page)) for page in PAGES]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", RUN)
def test_a_page_does_what_it_says(
    page: Path, shell: Shell, installed: Installed, tmp_path: Path
) -> None:
    todo = [step for step in steps(page) if _prepared(step, installed)]
    script = [PRELUDE]
    for number, step in enumerate(todo):
        script.append(
            f"step {number} {step.block.exit_code} <<'END-OF-STEP'\n{_runnable(step)}\nEND-OF-STEP"
        )
    done = shell("\n".join(script))
    assert done.returncode == 0, (
        f"{name(page)}:{todo[len(list(tmp_path.glob('*/stdout.*'))) - 1].block.line}\n"
        f"{done.stdout[-5000:]}\n{done.stderr[-5000:]}"
    )
    for number, step in enumerate(todo):
        outputs = [
            (tmp_path / "here" / f"{kind}.{number}").read_text() for kind in ("stdout", "stderr")
        ]
        for shown in step.shown:
            numbers = shown.directive != "numbers differ"
            assert any(
                agrees(text, printed, numbers=numbers)
                for printed in outputs
                for text in (shown.text, f"...\n{shown.text}")  # earlier commands print too
            ), (
                f"{name(page)}:{shown.line} shows\n{shown.text}\nbut this was printed:\n"
                + "\n".join(outputs)
            )


def _prepared(step: Step, installed: Installed) -> bool:
    """Install what the page asks to be installed; whether something is left to run."""
    if step.block.language != "bash":
        return True
    for requirement in pip_requirements(step.script):
        if requirement != ".":  # the wheel itself is there already
            installed.require(requirement)
    lines = [
        line
        for line in step.script.splitlines()
        if not re.match(r"(pip install|python3 -m venv|source \S*activate|make) ?", line)
    ]
    step.script = "\n".join(lines) + "\n"
    return bool(step.script.strip())


def _runnable(step: Step) -> str:
    block = step.block
    if block.file is not None:
        return step.script + (
            f"sightline config check {block.file}" if block.is_configuration else ""
        )
    if block.language == "python":
        return f"cat > block.py <<'END'\n{step.script}END\npython -W ignore block.py"
    if block.is_configuration:
        return f"cat > block.yaml <<'END'\n{step.script}END\nsightline config check block.yaml"
    return step.script


@pytest.mark.parametrize("page", ALL)
def test_every_command_of_a_page_has_its_options(page: Path) -> None:
    text = page.read_text()
    shell = [block.text for block in blocks(page) if block.language in {"bash", "console"}]
    inline = re.findall(r"`sightline ([^`]+)`", text)
    for words in [*(w for t in shell for w in commands(t)), *(i.split() for i in inline)]:
        _check_options([word for word in words if word not in {"…", "..."}], name(page))


def _check_options(words: list[str], where: str) -> None:
    command = COMMAND
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not words or words[0].startswith("-") or "|" in words[0]:
            return
        inner = command.commands.get(words[0])
        if inner is None and getattr(command, "invoke_without_command", False):
            break
        if inner is None and (usual := getattr(command, "default_command", "")):
            inner = command.commands[usual]  # a video or a model comes in place of a command
            words = [usual, *words]
        assert inner is not None, f"{where}: there is no command `{' '.join(words)}`"
        command, words = inner, words[1:]
    known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
    for word in words:
        if word.startswith("-") and word != "-" and not re.match(r"-\d", word):
            assert word.partition("=")[0] in known, f"{where}: `{command.name}` has no {word}"


@pytest.mark.parametrize("page", ALL)
def test_every_extra_of_a_page_exists(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"])
    named = re.findall(r"sightline\[([\w,-]+)\]", page.read_text())
    assert {extra for group in named for extra in group.split(",")} <= extras


@pytest.mark.parametrize("page", ALL)
def test_data_in_a_page_is_well_formed(page: Path) -> None:
    for block in blocks(page):
        if block.language == "yaml":
            yaml.safe_load(block.text)
        elif block.language == "json" and "..." not in block.text:
            for document in _documents(block.text):
                json.loads(document)


def _documents(text: str) -> list[str]:
    """One JSON document, or one in each line."""
    return text.splitlines() if re.search(r"^[}\]]\n[{\[]", text, re.MULTILINE) else [text]


@pytest.mark.parametrize("page", ALL)
def test_every_answer_is_printed_by_a_command_or_says_why_not(page: Path) -> None:
    checked = {shown.line for step in steps(page) for shown in step.shown}
    for block in blocks(page):
        if block.language in {"text", "json", "console", ""} and block.runs:
            assert block.line in checked, f"{name(page)}:{block.line} shows what nothing prints"


AGREEMENT = [
    pytest.param("a 1.00", "a 1.02\n", True, True, id="near"),
    pytest.param("a 1.00", "a 1.2\n", True, False, id="far"),
    pytest.param("a 1.00", "a 99\n", False, True, id="numbers differ"),
    pytest.param("a b", "a c\n", False, False, id="other word"),
    pytest.param("a\n...\nz", "a\nb\nc\nz\n", True, True, id="left out"),
    pytest.param("a\n...\nz", "a\nb\nc\n", True, False, id="left out, other end"),
    pytest.param("a", "a b", True, False, id="more was printed"),
    pytest.param('{"t": [...]}', '{"t": [{"x": 1}]}', True, True, id="within a line"),
    pytest.param('{"total_ms":2}', '{"total_ms":99}', True, True, id="times"),
]


@pytest.mark.parametrize(("shown", "printed", "numbers", "wanted"), AGREEMENT)
def test_agreement(shown: str, printed: str, numbers: bool, wanted: bool) -> None:
    assert agrees(shown, printed, numbers=numbers) is wanted


OPTIONAL = {"torch", "opentelemetry"}
"""Modules of optional packages, which an error names with their extra."""

IMPORT_ALL = """
import importlib, pkgutil, sightline
for module in pkgutil.walk_packages(sightline.__path__, "sightline."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as exc:
        print(module.name, exc.name.partition(".")[0])
"""


@pytest.mark.timeout(900)
def test_every_module_can_be_imported(installed: Installed) -> None:
    done = _run(installed, "python", "-c", IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    missing = dict(line.split() for line in done.stdout.splitlines())
    assert set(missing.values()) <= OPTIONAL, missing


@pytest.mark.timeout(900)
def test_nothing_of_the_test_group_is_there(installed: Installed) -> None:
    assert _run(installed, "python", "-c", "import pytest").returncode == 1


@pytest.mark.timeout(900)
def test_doctor_finds_everything(installed: Installed) -> None:
    done = _run(installed, "sightline", "doctor")
    assert done.returncode == 0, done.stderr
    assert "ok  service" in done.stdout
    missing = [line for line in done.stdout.splitlines() if "not installed" in line]
    assert all("engine tensorrt" in line for line in missing), (
        missing
    )  # an extra, for NVIDIA's devices


def _run(installed: Installed, command: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed.bin / command, *args],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd="/",
    )

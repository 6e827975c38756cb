"""The examples of the documentation: blocks of Markdown pages, and a shell script that runs them.

A comment on the line before a block says how it is treated:

    <!-- file: site.yaml -->          the block is the content of that file
    <!-- not run: needs a camera -->  it is not run; commands in it are still checked for their options
    <!-- numbers differ -->           an output in which only the words must agree
    <!-- exit code 1 -->              the block ends with that code

A ``text`` or ``json`` block that follows commands is what the last of them prints. ``...`` in it
stands for anything.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs").glob("*.md"),
    *sorted((ROOT / "docs" / "guides").glob("*.md")),
    *sorted((ROOT / "docs" / "reference").glob("*.md")),
]

_FENCE = re.compile(
    r"^(?:<!-- (?P<directive>[^\n]*?) -->\n)?(?:\n)?```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, its line in the page, and how it is treated."""

    language: str
    text: str
    line: int
    directive: str = ""

    @property
    def file(self) -> str | None:
        """The file that it is the content of."""
        kind, _, name = self.directive.partition(": ")
        return name if kind == "file" else None

    @property
    def runs(self) -> bool:
        return not self.directive.startswith("not run: ")

    @property
    def exit_code(self) -> int:
        """The code that the block ends with."""
        kind, _, code = self.directive.rpartition(" ")
        return int(code) if kind == "exit code" else 0

    @property
    def is_configuration(self) -> bool:
        """Whether it is a whole configuration file, not a part of one."""
        return (
            self.language == "yaml" and re.search(r"^models:", self.text, re.MULTILINE) is not None
        )


@dataclass
class Step:
    """Blocks that run together, and what the page shows of their output."""

    block: Block
    script: str
    shown: list[Block] = field(default_factory=list)


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page that are not indented."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            match["language"],
            match["text"],
            text.count("\n", 0, match.start("text")),
            match["directive"] or "",
        )
        for match in _FENCE.finditer(text)
    ]


def steps(page: Path) -> list[Step]:
    """What is to be done, in the order of the page. Neighbouring Python blocks are one program."""
    found: list[Step] = []
    open_python = False
    for block in blocks(page):
        if block.file is not None:
            found.append(
                Step(
                    block,
                    f"cat > {shlex.quote(block.file)} <<'END-OF-FILE'\n{block.text}END-OF-FILE\n",
                )
            )
            open_python = open_python and not block.file.endswith(".py")  # what follows imports it
        elif not block.runs:
            pass
        elif block.language == "bash":
            found.append(Step(block, block.text))
            open_python = False
        elif block.language == "sql":
            found.append(
                Step(
                    block,
                    f"sqlite3 -header -column run.db <<'END-OF-SQL' | grep .\n{block.text};\nEND-OF-SQL\n",
                )
            )
        elif block.language == "python" and open_python:
            found[-1].script += block.text
        elif block.language == "python":
            found.append(Step(block, block.text))
            open_python = True
        elif block.language in {"text", "json"} and found and found[-1].block.language == "bash":
            found[-1].shown.append(block)
        elif block.is_configuration:
            found.append(Step(block, block.text))
            open_python = False
    return found


def commands(text: str) -> Iterator[list[str]]:
    """The words of each ``sightline`` command in shell text."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # a quoted text of several lines
            continue
        if words and words[0] == "sightline":
            yield words[1:]


def pip_requirements(text: str) -> list[str]:
    """What ``pip install`` lines ask for."""
    return [
        word
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("pip install ")
        for word in shlex.split(line, comments=True)[2:]
        if not word.startswith("-")
    ]


def agrees(shown: str, printed: str, *, numbers: bool) -> bool:
    """Whether an output is what a page shows: words are the same, numbers are near.

    A number may differ by 0.03 or 3 %, whichever is more; times of a machine are not compared.
    """
    found, position = _tokens(printed), 0
    first, *others = map(_tokens, shown.split("..."))
    if not _matches(first, found[: len(first)], numbers):
        return False
    position = len(first)
    for number, part in enumerate(others, 1):
        last = len(found) - len(part)
        # What follows the last gap ends the output; what follows another comes as early as it can.
        places = range(max(position, last) if number == len(others) else position, last + 1)
        place = next((p for p in places if _matches(part, found[p : p + len(part)], numbers)), None)
        if place is None:
            return False
        position = place + len(part)
    return position == len(found)


def _matches(shown: list[str], printed: list[str], numbers: bool) -> bool:
    return len(shown) == len(printed) and all(
        _alike(a, b, numbers) for a, b in zip(shown, printed, strict=True)
    )


def _tokens(text: str) -> list[str]:
    text = re.sub(r'("\w*_ms": ?)[\d.]+', r"\1_", text)
    return re.findall(r"-?\d+(?:\.\d+)?|[^\W\d]+|[^\w\s]", text)


def _alike(shown: str, printed: str, numbers: bool) -> bool:
    if shown == printed:
        return True
    try:
        a, b = float(shown), float(printed)
    except ValueError:
        return False
    return not numbers or abs(a - b) <= max(0.03, 0.03 * abs(a))

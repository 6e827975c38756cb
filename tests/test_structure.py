"""The size of modules and folders: what passes the limit is split, or named here with its reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import sightline

PACKAGE = Path(sightline.__file__).parent
MOST_LINES = 400
MOST_FILES = 20
MOST_EXCEPTIONS = 5

LONGER = {
    "engines/fallback.py": "one state machine: attempts, hangs and trials share its one lock",
    "runtime/scheduling/scheduler.py": "one state machine: the queue's threads share its one lock",
    "sources/ffmpeg.py": "one reader and the facts about tracks that only it and its callers ask for",
    "sources/live.py": "one state machine: reading, reconnecting and handing on share its one lock",
}
"""Modules above ``MOST_LINES``, with the reason."""


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_modules_fit_on_a_few_screens() -> None:
    long = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if lines(path) > MOST_LINES
    }
    assert long <= set(LONGER), f"split {sorted(long - set(LONGER))}, or say why not"
    assert set(LONGER) <= long, f"{sorted(set(LONGER) - long)} need no exception any more"
    assert len(LONGER) <= MOST_EXCEPTIONS


def test_folders_can_be_looked_over() -> None:
    files = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    full = {str(folder.relative_to(PACKAGE)): n for folder, n in files.items() if n > MOST_FILES}
    assert not full, f"{full}: give these folders sub-folders by subject"

"""What an output's file is called, where its suffix says that it is something else."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from sightline.config.outputs import ChosenOutput
from sightline.errors import ConfigError
from sightline.media_suffixes import PICTURES, UNREAD_PICTURES, VIDEOS
from sightline.replaced_files import is_binary
from sightline.sinks.files import file_suffix
from sightline.tables import SINKS, flag_of

log = logging.getLogger(__name__)

_MODELS = frozenset(
    {".onnx", ".xml", ".bin", ".pt", ".pt2", ".pth", ".ts", ".torchscript", ".engine"}
)
_FOREIGN: Mapping[str, frozenset[str]] = {
    "video": VIDEOS,
    "picture": PICTURES | UNREAD_PICTURES,
    "model": _MODELS,
    "spreadsheet": frozenset({".xlsx", ".xls", ".ods", ".numbers"}),
    "column table": frozenset({".parquet", ".feather", ".arrow"}),
    "compressed file": frozenset({".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz"}),
    "document": frozenset({".pdf", ".html", ".htm", ".docx"}),
}
_ALSO: Mapping[str, frozenset[str]] = {
    ".jsonl": frozenset({".json", ".ndjson"}),
    ".txt": frozenset({".csv"}),
    ".db": frozenset({".sqlite", ".sqlite3"}),
}
"""What the files of an output are called too, by its usual suffix."""


def check_name(output: ChosenOutput) -> None:
    """Say it where the name of a text file or a database is another output's or a misspelt one.

    Raises ConfigError: it is the name of a video, a picture or a model, which might be lost, or of what no program
        would open as such (a spreadsheet, a compressed file); or a file is there that is no text.
    """
    path, usual = output.path, output.entry.suffix
    if output.entry.takes not in {"path", "database"} or "://" in path or path == "-":
        return
    media = frozenset().union(*_FOREIGN.values())
    if output.entry.takes == "path" and usual not in media and is_binary(Path(path)):
        raise ConfigError(
            f"{flag_of(output.kind)} {path}: a file is there that is no text, which would be lost: write to another "
            "place, or move it away"
        )
    suffix = file_suffix(path)
    if not suffix or not usual or usual in media or suffix in {usual, *_ALSO.get(usual, ())}:
        return
    flag, right = flag_of(output.kind), _right_name(Path(path), usual)
    for what, suffixes in _FOREIGN.items():
        if suffix in suffixes:
            raise ConfigError(
                f"{flag} {path}: {suffix} is the name of a {what}, and this is none: give {right}, or "
                f"{path}/ for a folder"
            )
    others = {entry.suffix for entry in SINKS.values()} - {
        usual,
        ".txt",
        "",
    }  # any text may be .txt
    if suffix in others:
        log.warning(
            "%s %s: it is no %s file whatever its name says: %s is usual", flag, path, suffix, right
        )
    elif sorted(suffix) == sorted(usual) or get_close_matches(suffix, [usual], 1, 0.6):
        log.warning("%s %s: is %s meant?", flag, path, right)


def _right_name(path: Path, usual: str) -> Path:
    """``out.csv`` for ``out.xlsx``, and for ``out.csv.gz``."""
    inner = path.with_suffix("")
    return inner if inner.suffix.lower() == usual else path.with_suffix(usual)

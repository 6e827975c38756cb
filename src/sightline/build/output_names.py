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
_MEDIA = frozenset().union(*_FOREIGN.values())
_ALSO: Mapping[str, frozenset[str]] = {
    ".jsonl": frozenset({".json", ".ndjson"}),
    ".txt": frozenset({".csv"}),
    ".db": frozenset({".sqlite", ".sqlite3"}),
}
"""What the files of an output are called too, by its usual suffix."""


def refuse_name(output: ChosenOutput) -> None:
    """Refuse the name of a text file or a database that promises something else.

    Raises ConfigError: it is the name of a video, a picture or a model, which might be lost, or of what no program
        would open as such (a spreadsheet, a compressed file); or a file is there that is no text.
    """
    path, flag = output.path, flag_of(output.kind)
    if not _is_judged(output):
        return
    if output.entry.takes == "path" and is_binary(Path(path)):
        raise ConfigError(
            f"{flag} {path}: a file is there that is no text, which would be lost: write to another "
            "place, or move it away"
        )
    suffix = _odd_suffix(output)
    for what, suffixes in _FOREIGN.items():
        if suffix in suffixes:
            raise ConfigError(
                f"{flag} {path}: {suffix} is the name of a {what}, and this is none: give {_right_name(output)}, or "
                f"{path}/ for a folder"
            )


def check_name(output: ChosenOutput) -> None:
    """As ``refuse_name``, and say it where the name is another output's or a misspelt one. Raises ConfigError."""
    refuse_name(output)
    path, usual, suffix = output.path, output.entry.suffix, _odd_suffix(output)
    if not suffix or not usual:
        return
    flag, right = flag_of(output.kind), _right_name(output)
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


def _is_judged(output: ChosenOutput) -> bool:
    """Whether it is a file of text or a database: videos and pictures see to their own names."""
    usual = output.entry.suffix
    is_file = "://" not in output.path and output.path != "-"
    return is_file and output.entry.takes in {"path", "database"} and usual not in _MEDIA


def _odd_suffix(output: ChosenOutput) -> str:
    """The suffix of its name, where that is not what files of its kind are called; else nothing."""
    suffix, usual = file_suffix(output.path), output.entry.suffix
    usual_ones = {usual, *_ALSO.get(usual, ())}
    return suffix if _is_judged(output) and usual and suffix not in usual_ones else ""


def _right_name(output: ChosenOutput) -> Path:
    """``out.csv`` for ``out.xlsx``, and for ``out.csv.gz``."""
    path, usual = Path(output.path), output.entry.suffix
    inner = path.with_suffix("")
    return inner if inner.suffix.lower() == usual else path.with_suffix(usual)

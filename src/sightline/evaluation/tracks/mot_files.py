"""Finds the files of a MOT benchmark: ground truth by sequence, and the tracks that go with it."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from pathlib import Path

from sightline.errors import ConfigError
from sightline.evaluation.notes import Notes
from sightline.evaluation.text_files import read_text
from sightline.evaluation.tracks.track_outputs import SUFFIXES


def find_sequences(path: Path) -> dict[str, Path]:
    """Ground truth files by the names of their sequences.

    Args:
        path: a ``gt.txt``; a sequence's folder with ``gt/gt.txt`` or ``gt.txt`` in it; or a folder
            of such folders.

    Raises:
        ConfigError: there is none.
    """
    if path.is_file():
        folder = path.resolve().parent
        return {(folder.parent if folder.name == "gt" else folder).name: path}
    for file in (path / "gt" / "gt.txt", path / "gt.txt"):
        if file.is_file():
            return {path.resolve().name: file}
    folders = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
    found = {
        folder.name: file
        for folder in folders
        for file in (folder / "gt.txt", folder / "gt" / "gt.txt")
        if file.is_file()
    }
    if not found:
        raise ConfigError(
            f"{path} holds no ground truth of tracks: give a gt.txt, a folder with gt/gt.txt in "
            "it, or a folder of such folders"
        )
    return found


def find_tracks(
    paths: Sequence[Path], sequences: Sequence[str], notes: Notes | None = None
) -> dict[str, Path]:
    """The file with the tracks of each sequence.

    Args:
        paths: files, or folders of ``.txt`` files (or of ``data`` with them, as TrackEval has it) or,
            for want of these, of outputs of ``sightline track``, named like the sequences. A single file goes with a single sequence whatever it is
            called.
        sequences: the names for which there must be one file each.
        notes: other such files in a folder are left out and added.

    Raises:
        ConfigError: one is missing or too many, or a path is not there.
    """
    notes = Notes() if notes is None else notes
    given, inside = _files(paths)
    if len(sequences) == 1 and len(given) + len(inside) == 1:
        return {sequences[0]: (given + inside)[0]}
    found: dict[str, Path] = {}
    for file in inside:
        if file.stem not in sequences:
            notes.add(file.parent, "left out, the file is named like no sequence", file.name)
    for file in [*given, *(f for f in inside if f.stem in sequences)]:
        if file.stem not in sequences or file.stem in found:
            raise ConfigError(
                f"{file} goes with no sequence of its own: there are {', '.join(sequences)}, and "
                "each needs one file of its name"
            )
        found[file.stem] = file
    if missing := [name for name in sequences if name not in found]:
        raise ConfigError(f"there are no tracks of {', '.join(missing)}: each needs one NAME.txt")
    return found


def _files(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Files that were given, and those in folders that were given."""
    given: list[Path] = []
    inside: list[Path] = []
    for path in paths:
        if not path.exists():
            raise ConfigError(f"{path} is not there: check the path")
        if not path.is_dir():
            given.append(path)
            continue
        texts = [p for p in sorted(path.glob("*.txt")) if not p.name.startswith(".")]
        deeper = [p for p in sorted(path.glob("data/*.txt")) if not p.name.startswith(".")]
        texts += [p for p in deeper if p.stem not in {q.stem for q in texts}]
        stems = {p.stem for p in texts}
        outputs = [p for p in sorted(path.iterdir()) if p.suffix in SUFFIXES and p.name[0] != "."]
        others = {p.stem: p for p in reversed(outputs) if p.stem not in stems}  # one of each name
        inside += texts + sorted(others.values())
    return given, inside


def sequence_length(truth: Path) -> int | None:
    """The number of frames that ``seqinfo.ini`` beside the truth tells; None: there is none. Raises ConfigError: it tells none."""
    for folder in (truth.parent, truth.parent.parent):
        file = folder / "seqinfo.ini"
        if not file.is_file():
            continue
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(read_text(file))
            return parser.getint("Sequence", "seqLength")
        except (configparser.Error, ValueError) as exc:
            raise ConfigError(f"{file}: there is no seqLength: {exc}") from exc
    return None

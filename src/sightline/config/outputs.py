"""Where results are written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from sightline.addresses import database_address
from sightline.config.options import Options
from sightline.config.paths import PathField, paths_in


def _path_text(value: Any) -> Any:
    """Python callers may give a ``Path``."""
    return str(value) if isinstance(value, Path) else value


_TEXT = BeforeValidator(_path_text)


def _folder(text: str) -> str:
    """An output that is many files, which no stream or address takes."""
    if not text or text == "-" or "://" in text:
        raise ValueError(f"give a folder, not {text!r}")
    return text


class OutputOptions(Options):
    """Where a run writes what it sees. What is None is not written."""

    # Text, not paths: "out/" means a folder, also where there is none yet.
    json_lines: Annotated[str | None, PathField("output", "--json", ".jsonl", shared=True)] = Field(
        None, description="JSON lines: a file, a folder/ with one for each stream, - for stdout"
    )
    csv: Annotated[str | None, _TEXT, PathField("output", "--csv", ".csv", shared=True)] = Field(
        None, description="a row for each object: a file, or a folder/ with one for each stream"
    )
    coco: Annotated[
        str | None, _TEXT, PathField("output", "--coco", ".json", companions=(".part",))
    ] = Field(None, description="COCO JSON: a file, or a folder/ with one for each stream")
    mot: Annotated[str | None, PathField("output", "--mot", ".txt")] = Field(
        None, description="MOT rows: a file, or a folder/ with one for each stream"
    )
    annotated: Annotated[str | None, PathField("output", "--output", ".mp4")] = Field(
        None, description="video (.mp4, .mov, .mkv, .avi, .webm) or picture file, or a folder/"
    )
    yolo_txt: Annotated[
        Annotated[str, AfterValidator(_folder)] | None,
        _TEXT,
        PathField(
            "output",
            "--yolo-txt",
            shared=True,
            inside=("data.yaml", "classes.txt"),
            folders=(("labels", r".*\.txt"),),
        ),
    ] = Field(None, description="YOLO labels: a folder, with a file for each picture or frame")
    crops: Annotated[
        Annotated[str, AfterValidator(_folder)] | None,
        _TEXT,
        PathField("output", "--crops", folders=(("", r".*-\d{6,}(-\d+)?\.jpg"),)),
    ] = Field(None, description="pictures of the objects: a folder, by stream and class")
    crops_per_track: int = Field(
        3, ge=0, description="the best so many crops of each track; 0: all of them"
    )
    crops_every: int | None = Field(
        None,
        ge=1,
        description="crops of each so many-th frame only; by default all, and each 25th of videos "
        "without tracks",
    )
    yolo_scores: bool = Field(
        False, description="YOLO labels have the score behind each box, and then the track id"
    )
    database: Annotated[
        Annotated[str, AfterValidator(database_address)] | None,
        PathField("output", "--db", ".db", shared=True, companions=("-wal", "-shm", "-journal")),
    ] = Field(None, description="SQLite file or database URL")
    show: bool = Field(False, description="a live window")
    show_fps: bool = Field(False, description="the rate is drawn into annotated pictures")
    append: bool = Field(False, description="a live stream keeps what is in its files already")

    def paths(self) -> list[str]:
        """Where results are written, in the order of the options; ``-`` is standard output."""
        return [text for _, text, _ in paths_in(self)]

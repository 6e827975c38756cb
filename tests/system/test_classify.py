"""``sightline classify`` and ``sl.classify``: whole pictures of the street, whose kind is known."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sightline as sl
from sightline.errors import ConfigError, ModelError
from sightline.sources.street import StreetOptions, StreetSource, truth_of

SIGHTLINE = Path(sys.executable).with_name("sightline")
MODEL = "street-attributes"


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of single cars and buses, named after what they show."""
    folder = tmp_path_factory.mktemp("crops")
    source = StreetSource(StreetOptions(seed=10_502, width=1280, height=720, fps=1, duration=4))
    for frame in source:
        truth = truth_of(frame)
        for number, (box, labels) in enumerate(zip(truth.boxes, truth.labels, strict=True)):
            kind = {label.attribute: label.value for label in labels}.get("type")
            x1, y1, x2, y2 = box.round().astype(int).tolist()
            inside = x1 > 0 and y1 > 0 and x2 < frame.width and y2 < frame.height
            if kind in {"car", "bus"} and inside and min(x2 - x1, y2 - y1) > 40:
                pixels = np.ascontiguousarray(frame.image[y1:y2, x1:x2, ::-1])
                Image.fromarray(pixels).save(folder / f"{kind}-{frame.index}-{number}.png")
    assert len(list(folder.iterdir())) >= 4
    return folder


def sightline(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIGHTLINE), *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def test_pictures_of_a_folder_are_named(crops: Path, tmp_path: Path) -> None:
    (tmp_path / "crops").symlink_to(crops)
    (crops / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    try:
        done = sightline(
            "classify", "crops", "--model", MODEL, "--top", "2", "--json", "a.jsonl", "--csv", "a.csv",
            cwd=tmp_path,
        )  # fmt: skip
    finally:
        (crops / "broken.png").unlink()
    assert done.returncode == 1
    assert "1 of" in done.stderr
    assert "broken.png is no JPEG" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").open()]
    assert len(lines) == len(list(crops.iterdir())) == len(done.stdout.splitlines())
    first = {
        line["stream"]: next(x["value"] for x in line["labels"] if x["attribute"] == "type")
        for line in lines
    }
    right = [name.startswith(kind) for name, kind in first.items()]
    assert sum(right) >= 0.9 * len(right)
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert len(rows) == 4 * len(lines)  # two attributes, two names each
    assert {row["rank"] for row in rows} == {"1", "2"}
    assert rows[0]["value"] == lines[0]["labels"][0]["value"]


def test_the_same_in_python(crops: Path) -> None:
    found = list(sl.classify(crops, MODEL, top=1))
    assert [len(one.labels) for one in found] == [2] * len(found)
    kinds = [(one.frame.stream, one.labels[0].value) for one in found]
    assert sum(name.startswith(kind) for name, kind in kinds) >= 0.9 * len(kinds)
    assert str(found[0]).startswith(found[0].frame.stream)
    scores = [label.score for one in sl.classify(crops, MODEL, conf=0.9) for label in one.labels]
    assert min(scores) >= 0.9


def test_of_a_video_every_so_many_frames() -> None:
    street = "street://?seed=1&width=320&height=192&fps=5&duration=2"
    assert [one.frame.index for one in sl.classify(street, MODEL, every=4)] == [0, 4, 8]


def test_what_came_before_a_failure_is_told(crops: Path) -> None:
    class Breaks(StreetSource):
        def __iter__(self):  # type: ignore[no-untyped-def]
            yield from list(super().__iter__())[:2]
            raise sl.SightlineError("the camera burns")

    found = sl.classify(Breaks(StreetOptions(width=320, height=192, duration=1)), MODEL)
    assert [next(found).frame.index, next(found).frame.index] == [0, 1]
    with pytest.raises(sl.SightlineError, match="burns"):
        next(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"top": 0}, "top"), ({"conf": 2}, "conf"), ({"every": 0}, "every")],
    ids=["top", "conf", "every"],
)
def test_what_cannot_be_asked_for(crops: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sl.classify(crops, MODEL, **options)


def test_a_detector_is_refused(crops: Path) -> None:
    with pytest.raises(ModelError, match=r"task is 'detect'|is it a detector"):
        list(sl.classify(crops, "street"))


def test_an_output_that_is_an_input_is_refused(crops: Path) -> None:
    name = min(path.name for path in crops.iterdir())
    before = (crops / name).read_bytes()
    done = sightline("classify", name, "--model", MODEL, "--csv", name, cwd=crops)
    assert done.returncode == 2
    assert "would be overwritten" in done.stderr
    assert (crops / name).read_bytes() == before


def test_values_that_hold_at_once_are_no_labels_of_tracks(tmp_path: Path) -> None:
    from sightline.build import BUNDLED

    (tmp_path / "tags.onnx").write_bytes((BUNDLED / "street-attributes.onnx").read_bytes())
    (tmp_path / "tags.yaml").write_text("multi_label: true\n")
    stage = sl.Classify(tmp_path / "tags.onnx")
    with pytest.raises(ConfigError, match=r"tags\.onnx: its values may hold several at once"):
        next(iter(sl.track("street://?duration=1&width=320&height=192", "street", stages=[stage])))

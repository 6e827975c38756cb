"""A scene in a folder: pictures or a video, with truth as COCO and MOT have it."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sightline.errors import ConfigError, SinkError
from sightline.sources.street.export import export
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.source import StreetSource, truth_of
from sightline.types.shapes.run_lengths import run_lengths

OPTIONS = StreetOptions.from_url("street://?seed=5&width=160&height=96&duration=0.2&fps=10")


def test_pictures_and_truth_are_those_of_the_scene(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    assert export(OPTIONS, tmp_path / "a", progress=lambda *step: steps.append(step)) == 2
    assert steps == [(1, 2), (2, 2)]
    folder = tmp_path / "a"
    assert sorted(str(one.relative_to(folder)) for one in folder.rglob("*.*")) == [
        "coco.json", "gt/gt.txt", "img1/000001.jpg", "img1/000002.jpg", "seqinfo.ini",
    ]  # fmt: skip
    coco = json.loads((folder / "coco.json").read_text())
    rows = [line.split(",") for line in (folder / "gt" / "gt.txt").read_text().splitlines()]
    frames = list(StreetSource(OPTIONS))
    number = 0
    for index, frame in enumerate(frames, 1):
        picture = cv2.imread(str(folder / "img1" / f"{index:06d}.jpg"))
        assert abs(picture.astype(int) - frame.image).mean() < 4
        truth = truth_of(frame)
        for row, (box, kind, track) in enumerate(zip(truth.boxes.astype(int).tolist(), truth.class_ids.tolist(), truth.track_ids.tolist(), strict=True), 1):  # fmt: skip
            told, mot = coco["annotations"][number], rows[number]
            x0, y0, x1, y1 = box
            assert (told["id"], told["image_id"], told["category_id"], told["track_id"]) == (
                number + 1,
                index,
                kind,
                track,
            )
            assert told["bbox"] == [x0, y0, x1 - x0, y1 - y0]
            mask = truth.id_map == row
            assert told["area"] == int(mask.sum())
            assert told["segmentation"]["counts"] == run_lengths(mask, (0, 0), (160, 96)).tolist()
            assert [int(one) for one in mot[:8]] == [
                index,
                track,
                x0,
                y0,
                x1 - x0,
                y1 - y0,
                1,
                kind + 1,
            ]
            number += 1
    assert number == len(coco["annotations"]) == len(rows) > 0
    assert {one["id"]: one["name"] for one in coco["categories"]}[7] == "truck"
    told = configparser.ConfigParser()
    told.read(folder / "seqinfo.ini")
    assert dict(told["Sequence"]) == {
        "name": "a", "imdir": "img1", "framerate": "10", "seqlength": "2", "imwidth": "160", "imheight": "96",
        "imext": ".jpg",
    }  # fmt: skip


def test_a_video(tmp_path: Path) -> None:
    assert export(OPTIONS, tmp_path, "mp4") == 2
    with av.open(str(tmp_path / "street.mp4")) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 10
    expected = [frame.image for frame in StreetSource(OPTIONS)]
    assert len(pictures) == 2
    assert abs(np.array(pictures, int) - np.array(expected, int)).mean() < 6
    names = [one["file_name"] for one in json.loads((tmp_path / "coco.json").read_text())["images"]]
    assert names == ["street.mp4#0", "street.mp4#1"]


@pytest.mark.parametrize(
    ("url", "form", "message"),
    [
        ("street://?duration=0", "images", "duration=0 never ends; an export needs a duration"),
        ("street://?duration=1&width=161&height=96", "mp4", "161x96: a video needs even sides"),
    ],
)
def test_what_cannot_be_exported(tmp_path: Path, url: str, form: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        export(StreetOptions.from_url(url), tmp_path / "new", form)  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot write the scene"):
        export(OPTIONS, tmp_path / "file" / "a")

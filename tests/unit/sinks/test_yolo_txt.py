"""Labels in YOLO's layout."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from sightline.build.files.conflicts import conflicts
from sightline.build.files.uses import read_by_source, written
from sightline.config import OutputOptions
from sightline.errors import SinkError
from sightline.evaluation.notes import Notes
from sightline.evaluation.pictures.predictions import read_predictions
from sightline.evaluation.pictures.yolo import read_yolo
from sightline.sinks.yolo_txt import YoloTxtSink
from sightline.types import StreamInfo

CAM = StreamInfo("cam", 96, 64)
STILL = StreamInfo("pictures", 96, 64, still=True)
SIZE = (96, 64)


def write(folder: Path, stream: StreamInfo, *observations: Any, **options: Any) -> None:
    sink = YoloTxtSink(folder, **options)
    sink.open(stream)
    for observation in observations:
        sink.write(observation)
    sink.close()


def labels(folder: Path) -> dict[str, str]:
    root = folder / "labels"
    return {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*.txt")}


@pytest.mark.parametrize(
    ("box", "options", "tracked", "line"),
    [
        pytest.param([24, 16, 72, 48], {}, True, "2 0.500000 0.500000 0.500000 0.500000", id="a label, which has no id"),
        pytest.param([24, 16, 72, 48], {"scores": True}, False, "2 0.500000 0.500000 0.500000 0.500000 0.900000", id="with its score"),
        pytest.param([24, 16, 72, 48], {"scores": True}, True, "2 0.500000 0.500000 0.500000 0.500000 0.900000 7", id="of a track"),
        pytest.param([-48, -9, 48, 32], {}, True, "2 0.250000 0.250000 0.500000 0.500000", id="cut off at the border"),
        pytest.param([90, 60, 200, 99], {}, True, "2 0.968750 0.968750 0.062500 0.062500", id="at the other"),
        pytest.param([-20, 0, -5, 30], {}, True, "", id="outside"),
        pytest.param([10, 10, 10, 30], {}, True, "", id="no area"),
        pytest.param([30, 10, 10, 30], {}, True, "", id="turned over"),
        pytest.param([10, np.nan, 20, 30], {}, True, "", id="not a number"),
        pytest.param([10, 10, np.inf, 30], {}, True, "", id="without an end"),
    ],
)  # fmt: skip
def test_a_line(
    box: Any, options: Any, tracked: bool, line: str, observe: Any, tmp_path: Path
) -> None:
    write(tmp_path, CAM, observe(boxes=[[*box, 0.9, 2, 7]], tracked=tracked), **options)
    assert labels(tmp_path) == {"cam-000000.txt": f"{line}\n" if line else ""}


def test_a_frame_without_objects_has_an_empty_file_and_the_classes_are_named(
    observe: Any, tmp_path: Path
) -> None:
    write(tmp_path, CAM, observe(index=12))
    assert labels(tmp_path) == {"cam-000012.txt": ""}
    assert (tmp_path / "classes.txt").read_text() == "person\nbicycle\ncar\n"
    described = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert described == {
        "train": "images", "val": "images", "names": {0: "person", 1: "bicycle", 2: "car"},
    }  # fmt: skip


def test_a_class_without_a_name_has_its_number(observe: Any, tmp_path: Path) -> None:
    write(tmp_path, CAM, observe(), observe(index=1, boxes=[[1, 1, 9, 9, 0.5, 4, 1]]))
    assert (tmp_path / "classes.txt").read_text() == "person\nbicycle\ncar\n3\n4\n"


def test_pictures_keep_their_names_and_folders(
    observe: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["a b.jpg", "x/1.jpg", "y/1.jpg", "x/1.png", "../../up.jpg", "/abs.jpg"]
    with caplog.at_level(logging.WARNING):
        write(tmp_path / "o", STILL, *(observe(stream=name) for name in names))
    assert set(labels(tmp_path / "o")) == {
        "a b.txt", "x/1.txt", "y/1.txt", "x/1-2.txt", "up.txt", "abs.txt",
    }  # fmt: skip
    assert "several pictures are called x/1" in caplog.text


def test_labels_of_other_classes_stay(observe: Any, tmp_path: Path) -> None:
    write(tmp_path, CAM, observe())
    seen = observe(index=1)
    other = replace(seen, detections=replace(seen.detections, class_names=("cat", "dog")))
    with pytest.raises(SinkError, match="a model with other classes"):
        write(tmp_path, CAM, other)
    assert (tmp_path / "classes.txt").read_text() == "person\nbicycle\ncar\n"
    assert set(labels(tmp_path)) == {"cam-000000.txt"}


def test_sinks_of_several_streams_share_a_folder(observe: Any, tmp_path: Path) -> None:
    def run(name: str) -> None:
        write(tmp_path, replace(CAM, name=name), *(observe(stream=name, index=i) for i in range(9)))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(run, "abcdefgh"))
    assert len(labels(tmp_path)) == 72
    assert (tmp_path / "classes.txt").read_text() == "person\nbicycle\ncar\n"


@pytest.mark.parametrize("name", ["yes", "1", "null", "a: b", "#x", "üé", "it's", "- a"])
def test_class_names_that_yaml_reads_otherwise(name: str, observe: Any, tmp_path: Path) -> None:
    for index in range(2):
        seen = observe(index=index)
        write(
            tmp_path, CAM, replace(seen, detections=replace(seen.detections, class_names=(name,)))
        )
    described = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert described["names"] == {0: name}


@pytest.mark.parametrize("description", [None, "names: [cat]\n"])
def test_labels_of_somebody_else_stay(
    description: str | None, observe: Any, tmp_path: Path
) -> None:
    (tmp_path / "labels" / "val").mkdir(parents=True)
    (tmp_path / "labels" / "val" / "a.txt").write_text("0 0.5 0.5 1 1\n")
    if description:
        (tmp_path / "data.yaml").write_text(description)
    with pytest.raises(SinkError, match="labels that Sightline did not write"):
        write(tmp_path, STILL, observe(stream="a.jpg"))
    assert labels(tmp_path) == {"val/a.txt": "0 0.5 0.5 1 1\n"}


def test_our_own_are_written_again_and_append_keeps_them(observe: Any, tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path, CAM, observe())
    assert set(labels(tmp_path)) == {"cam-000000.txt"}
    for _ in range(2):
        write(tmp_path, CAM, observe(), append=True)
    assert set(labels(tmp_path)) == {f"cam{run}-000000.txt" for run in ("", "-2", "-3")}


@pytest.mark.parametrize(("scores", "tracked"), [(False, True), (True, False), (True, True)])
def test_evaluate_reads_the_folder_as_truth_and_as_results(
    scores: bool, tracked: bool, observe: Any, tmp_path: Path
) -> None:
    import cv2

    boxes = [[8, 8, 40, 40, 0.75, 0, 1], [50, 10, 90, 60, 0.5, 2, 9]]
    names = ("a.jpg", "x/1.jpg", "y/1.jpg")
    seen = [observe(stream=name, boxes=boxes[:n], tracked=tracked) for n, name in enumerate(names)]
    write(tmp_path / "found", STILL, *seen, scores=scores)
    write(tmp_path / "truth", STILL, *seen)
    for name in names:
        path = tmp_path / "truth" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((64, 96, 3), np.uint8))
    notes = Notes()
    truth = read_yolo(tmp_path / "truth", lambda _: SIZE, notes=notes)
    assert truth.class_names == ("person", "bicycle", "car")
    found = read_predictions(tmp_path / "found", truth, notes, lambda _: SIZE)
    for observation, picture, one in zip(seen, truth.pictures, found, strict=True):
        for read in (picture.truth, one):
            np.testing.assert_allclose(read.boxes, observation.detections.boxes, atol=1e-3)
            assert read.class_ids.tolist() == observation.detections.class_ids.tolist()
        if scores:
            np.testing.assert_allclose(one.scores, observation.detections.scores)
    if scores:
        assert notes.lines() == ()


def test_pictures_stand_beside_their_labels(observe: Any, tmp_path: Path) -> None:
    image = np.full((64, 96, 3), (200, 90, 30), np.uint8)
    frames = [observe(index=i, boxes=[[24, 16, 72, 48, 0.9, 2, 7]], image=image) for i in (0, 50)]
    write(tmp_path / "film", CAM, *frames, pictures=True)
    write(tmp_path / "stills", STILL, observe(stream="x/1.png", image=image), pictures=True)
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.jpg")}
    film = {f"film/images/cam-{i:06d}.jpg" for i in (0, 50)}
    assert found == film | {"stills/images/x/1.jpg"}
    for name in found:  # without boxes
        assert np.abs(cv2.imread(str(tmp_path / name)).astype(int) - image).max() <= 3
    # A whole dataset, as the reader of labels sees it.
    dataset = read_yolo(tmp_path / "film", lambda _: SIZE, notes=Notes())
    assert [p.path.name for p in dataset.pictures] == ["cam-000000.jpg", "cam-000050.jpg"]
    assert [p.truth.boxes.tolist() for p in dataset.pictures] == [[[24, 16, 72, 48]]] * 2


@pytest.mark.parametrize("pictures", [True, False])
def test_pictures_of_the_source_are_not_written_over(
    tmp_path: Path, pictures: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = OutputOptions(yolo_txt="set", yolo_pictures=pictures)
    Path("set/images").mkdir(parents=True)
    Path("set/images/1.jpg").touch()
    reads = list(read_by_source("set/images", "the source"))
    refused = [text for _, text in conflicts(reads, list(written(outputs, "images", still=True)))]
    assert len(refused) == pictures

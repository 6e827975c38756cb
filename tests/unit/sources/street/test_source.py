"""The street as a source: the same bytes for the same options, and other ones for others."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sightline.errors import ConfigError, SinkError
from sightline.sources.street import HELD_OUT_SEED, StreetOptions, StreetSource, truth_of
from sightline.sources.street.export import export
from sightline.sources.street.sheet import write_sheet
from sightline.types import SourceState

SMALL = {"width": 160, "height": 96, "duration": 0.2}


def digest(options: StreetOptions) -> tuple[str, str]:
    """Hashes of all pictures and of all truth."""
    pixels, facts = hashlib.sha256(), hashlib.sha256()
    for frame in StreetSource(options):
        truth = truth_of(frame)
        pixels.update(frame.image.tobytes())
        for array in (
            truth.boxes,
            truth.class_ids,
            truth.track_ids,
            truth.visibility,
            truth.id_map,
        ):
            facts.update(array.tobytes())
    return pixels.hexdigest()[:16], facts.hexdigest()[:16]


def test_same_seed_same_bytes() -> None:
    options = StreetOptions(seed=5, weather="rain", light="dusk", **SMALL)
    assert digest(options) == digest(options)


@pytest.mark.parametrize(
    ("options", "pixels", "facts"),
    [
        pytest.param({}, "6387e947178aa8c0", "c5ce20e65655831f", id="day"),
        pytest.param(
            {"light": "night", "weather": "rain", "camera": "corner"},
            "3996acbec5cda47b",
            "74e4ca60e64f904a",
            id="night",
        ),
        pytest.param(
            {"light": "dusk", "camera": "low", "density": 2.0},
            "4224b40cab34f177",
            "e1f033e0b916363e",
            id="dusk",
        ),
        pytest.param(
            {"weather": "fog", "camera": "high"}, "6f01dc9153b8c306", "ce2c98103c7dbc95", id="fog"
        ),
    ],
)
def test_same_bytes_on_every_machine(options: dict[str, object], pixels: str, facts: str) -> None:
    """These hashes change only when the scene itself is changed on purpose."""
    assert digest(StreetOptions(seed=5, **SMALL, **options)) == (pixels, facts)


def test_other_seed_other_street() -> None:
    first, second = (digest(StreetOptions(seed=seed, **SMALL)) for seed in (1, 2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_truth_does_not_depend_on_what_is_seen() -> None:
    """Light and noise change the picture, not what is in it."""
    day = digest(StreetOptions(seed=5, shake=0, **SMALL))
    night = digest(StreetOptions(seed=5, shake=0, light="night", noise=0, jpeg=50, **SMALL))
    assert day[0] != night[0]
    assert day[1] == night[1]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"weather": "rain"}, id="rain"),
        pytest.param({"weather": "fog"}, id="fog"),
        pytest.param({"light": "dusk"}, id="dusk"),
        pytest.param({"light": "night"}, id="night"),
        pytest.param({"camera": "corner"}, id="corner"),
        pytest.param({"camera": "high"}, id="high"),
        pytest.param({"camera": "low"}, id="low"),
        pytest.param({"density": 0.2}, id="density"),
        pytest.param({"pan": 40}, id="pan"),
    ],
)
def test_options_change_the_picture(change: dict[str, object]) -> None:
    plain = next(iter(StreetSource(StreetOptions(seed=8, **SMALL)))).image
    other = next(iter(StreetSource(StreetOptions(seed=8, **SMALL, **change)))).image
    assert np.abs(plain.astype(int) - other).mean() > 2


def test_a_camera_that_turns_moves_the_picture_and_its_truth_alike() -> None:
    """Turned back by the motion that the truth of what is parked tells of, the picture is the same."""
    options = StreetOptions(
        seed=8, width=320, height=192, density=0.4, fps=1, duration=3, pan=30, shake=0, noise=0
    )
    images, boxes = [], []
    for frame in StreetSource(options):
        truth = truth_of(frame)
        images.append(frame.image)
        whole = truth.visibility > 0.999
        boxes.append(dict(zip(truth.track_ids[whole].tolist(), truth.boxes[whole], strict=True)))
    shifts = [
        np.median([boxes[n][i][0] - boxes[0][i][0] for i in boxes[0].keys() & boxes[n].keys()])
        for n in range(1, len(images))
    ]
    assert min(shifts) < -25  # from the left end towards the right: all moves to the left
    for image, shift in zip(images[1:], shifts, strict=True):
        by = round(-shift)
        here, before = image[:60, : 320 - by], images[0][:60, by:]  # the upper part: houses
        assert np.abs(here.astype(int) - before).mean() < 4
        assert np.abs(image[:60].astype(int) - images[0][:60]).mean() > 12


@pytest.mark.parametrize("key", ["noise", "blur", "jpeg"])
def test_the_camera_is_not_perfect(key: str) -> None:
    clean = {"noise": 0.0, "blur": 0.0, "shake": 0.0, "jpeg": 0}
    worse = {**clean, key: 20 if key == "jpeg" else 2.0}
    images = [
        next(iter(StreetSource(StreetOptions(seed=8, **SMALL, **options)))).image
        for options in (clean, worse)
    ]
    assert 0.3 < np.abs(images[0].astype(int) - images[1]).mean() < 12


def test_night_is_darker_and_fog_is_flatter() -> None:
    day, night, fog = (
        next(iter(StreetSource(StreetOptions(seed=8, **SMALL, **change)))).image
        for change in ({}, {"light": "night"}, {"weather": "fog"})
    )
    assert night.mean() < 0.6 * day.mean()
    assert fog.std() < 0.8 * day.std()


@pytest.mark.parametrize(
    ("width", "height"),
    [
        pytest.param(161, 97, id="odd"),
        pytest.param(64, 64, id="least"),
        pytest.param(500, 150, id="wide"),
        pytest.param(150, 400, id="tall"),
    ],
)
@pytest.mark.parametrize("camera", ["mast", "corner", "high", "low"])
def test_sizes(width: int, height: int, camera: str) -> None:
    options = StreetOptions(
        seed=2,
        width=width,
        height=height,
        camera=camera,
        light="night",
        density=3,
        fps=2,
        duration=4,
    )
    for frame in StreetSource(options):
        truth = truth_of(frame)
        assert frame.image.shape == (height, width, 3)
        assert truth.id_map.shape == (height, width)
        assert len(truth) == truth.id_map.max()
        assert (truth.boxes[:, 2:] <= (width, height)).all()
        assert (truth.visibility > 0).all()
        assert (truth.visibility <= 1).all()


def test_frames_and_status() -> None:
    source = StreetSource("street://?seed=1&width=160&height=96&duration=0.4&fps=10", name="gate")
    info = source.open()
    assert (info.name, info.width, info.height, info.fps, info.frames) == ("gate", 160, 96, 10, 4)
    frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert frames[0].image.shape == (96, 160, 3)
    assert source.status.state is SourceState.ENDED
    assert source.status.read == 4


def test_close_ends_an_endless_street() -> None:
    source = StreetSource("street://?duration=0&width=160&height=96")
    assert source.open().frames is None
    frames = iter(source)
    assert [next(frames).index for _ in range(4)] == [0, 1, 2, 3]
    closer = threading.Thread(target=source.close)
    closer.start()
    closer.join()
    assert len(list(itertools.islice(frames, 3))) <= 1
    assert source.status.state is SourceState.ENDED


def test_live_keeps_time() -> None:
    source = StreetSource("street://?live=1&fps=20&duration=0.5&width=160&height=96")
    frames = iter(source)
    next(frames)
    started = time.monotonic()
    assert sum(1 for _ in frames) == 9
    assert time.monotonic() - started == pytest.approx(0.45, abs=0.2)


def test_live_drops_what_nobody_took() -> None:
    source = StreetSource("street://?live=1&fps=20&duration=1&width=160&height=96")
    numbers = []
    for frame in source:
        numbers.append(frame.index)
        if len(numbers) == 3:
            time.sleep(0.3)  # a reader who is busy
    status = source.status
    assert status.dropped["stale"] >= 3
    assert status.read == 20 == len(numbers) + status.dropped["stale"]
    assert numbers == sorted(set(numbers))
    assert numbers[3] - numbers[2] >= 4  # six frames were due meanwhile


@pytest.mark.parametrize("kind", ["images", "mp4"])
def test_export(tmp_path: Path, kind: str) -> None:
    options = StreetOptions(seed=3, **SMALL)
    seen: list[tuple[int, int]] = []
    assert export(options, tmp_path / "out", kind, lambda *at: seen.append(at)) == 5
    assert seen[-1] == (5, 5)
    coco = json.loads((tmp_path / "out/coco.json").read_text())
    frames = list(StreetSource(options))
    if kind == "images":
        first = cv2.imread(str(tmp_path / "out" / coco["images"][0]["file_name"]))
        assert np.abs(first.astype(int) - frames[0].image).mean() < 6
    else:
        with av.open(str(tmp_path / "out/street.mp4")) as file:
            assert sum(1 for _ in file.decode(video=0)) == 5
    expected = [truth_of(frame) for frame in frames]
    assert len(coco["annotations"]) == sum(len(truth) for truth in expected)
    lines = (tmp_path / "out/gt/gt.txt").read_text().splitlines()
    assert len(lines) == len(coco["annotations"])
    first_line = lines[0].split(",")
    assert int(first_line[1]) == expected[0].track_ids[0]
    assert int(first_line[7]) == expected[0].class_ids[0] + 1


def test_run_lengths_give_the_mask_back(tmp_path: Path) -> None:
    options = StreetOptions(seed=3, width=160, height=96, duration=1 / 25, fps=25)
    export(options, tmp_path)
    truth = truth_of(next(iter(StreetSource(options))))
    annotations = json.loads((tmp_path / "coco.json").read_text())["annotations"]
    assert len(annotations) == len(truth) > 0
    for row, annotation in enumerate(annotations, 1):
        coded = annotation["segmentation"]
        flat = np.zeros(coded["size"][0] * coded["size"][1], bool)
        at = 0
        for number, count in enumerate(coded["counts"]):
            flat[at : at + count] = number % 2 == 1
            at += count
        mask = flat.reshape(coded["size"][1], coded["size"][0]).T
        np.testing.assert_array_equal(mask, truth.id_map == row)


def test_export_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="duration=0 never ends"):
        export(StreetOptions(duration=0), tmp_path)
    with pytest.raises(ConfigError, match="even sides"):
        export(StreetOptions(width=161, height=96), tmp_path, "mp4")
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="cannot write the scene"):
        export(StreetOptions(**SMALL), tmp_path / "file")


def test_contact_sheet(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.jpg", ("street://?seed=1", "street://?seed=2"), 2, 100)
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape == (60, 200, 3)


def test_seeds_for_evaluation_are_kept_apart() -> None:
    assert HELD_OUT_SEED == 10_000

"""Detection scores: cases that can be worked out by hand, and equality with pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation import detection
from sightline.evaluation.detection import (
    ClassScores,
    DetectionScores,
    pick_classes,
    score_detections,
    with_classes,
)
from sightline.evaluation.pictures.coco import read_coco
from sightline.evaluation.pictures.predictions import read_predictions
from sightline.types import Detections

Make = Callable[..., Detections]
NAN = math.nan
A, B, FAR = [0, 0, 50, 50], [100, 0, 150, 50], [500, 500, 550, 550]


def score(truth: Detections, found: Detections, **options: Any) -> DetectionScores:
    return score_detections([truth], [found], ("person", "car"), **options)


@pytest.mark.parametrize(
    ("boxes", "scores", "expected"),
    [
        pytest.param([A, B], [0.9, 0.8], (1, 1, 1), id="perfect"),
        # 51 of the 101 recalls 0, 0.01 … 1 are reached
        pytest.param([A], [0.9], (51 / 101, 51 / 101, 0.5), id="one miss"),
        pytest.param([A, B, FAR], [0.9, 0.8, 0.1], (1, 1, 1), id="false positive after all"),
        # precision is 1/2, then 2/3, and is taken as 2/3 up to every recall
        pytest.param([A, B, FAR], [0.8, 0.7, 0.9], (2 / 3, 2 / 3, 1), id="false positive first"),
        pytest.param([], [], (0, 0, 0), id="empty predictions"),
        # an overlap of 0.72 is found at 0.50 … 0.70: five of ten
        pytest.param([[0, 0, 50, 36], [100, 0, 150, 36]], [0.9, 0.8], (0.5, 1, 1), id="loose"),
        pytest.param([A, A, B], [0.9, 0.85, 0.8], (1 * 51 / 101 + 2 / 3 * 50 / 101,) * 2 + (1,),
                     id="found twice"),
    ],
)  # fmt: skip
def test_by_hand(
    make: Make, boxes: list[list[float]], scores: list[float], expected: tuple[float, ...]
) -> None:
    result = score(make([A, B]), make(boxes, scores))
    person = result.per_class["person"]
    assert (person.ap, person.ap50, person.recall) == pytest.approx(expected)
    assert person.count == 2
    assert (result.map, result.map50) == pytest.approx(expected[:2])
    assert result.medium == pytest.approx(expected[0])
    assert math.isnan(result.small)
    assert math.isnan(result.large)


def test_class_without_truth_is_not_in_the_mean(make: Make) -> None:
    result = score(make([A]), make([A, B], [0.9, 0.9], [0, 1]))
    assert result.map == pytest.approx(1)
    assert repr(result.per_class["car"]) == repr(ClassScores(NAN, NAN, NAN, 0))


def test_mean_over_classes(make: Make) -> None:
    result = score(make([A, B], None, [0, 1]), make([A, B], [0.9, 0.9], [0, 0]))
    assert result.map == pytest.approx(0.5)
    assert result.per_class["car"].ap == 0


def test_empty_truth_and_no_pictures(make: Make) -> None:
    for result in (score(make([]), make([A])), score_detections([], [], ("person",))):
        values = asdict(result)
        assert (values.pop("per_class"), values.pop("notes"))[1] == ()
        assert all(math.isnan(value) for value in values.values())


def test_crowd_is_neither_right_nor_wrong(make: Make) -> None:
    truth, found = make([A, [90, 0, 400, 400]]), make([A, B, FAR], [0.5, 0.9, 0.4])
    plain = score(truth, found)
    crowd = score(truth, found, crowd=[np.array([False, True])])
    assert plain.map < 0.6
    assert crowd.map == pytest.approx(1)
    assert crowd.per_class["person"].count == 1


def test_sizes_follow_areas(make: Make) -> None:
    small = score(make([A, B]), make([A], [0.9]), areas=[np.array([10.0, 5000.0])])
    assert (small.small, small.medium) == pytest.approx((1, 0))


def test_equal_to_pictures_apart(make: Make) -> None:
    """An object is matched in its own picture only."""
    result = score_detections([make([A]), make([B])], [make([B]), make([A])], ("person",))
    assert result.map == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"found": []}, "found has 0", id="pictures"),
        pytest.param({"crowd": []}, "crowd has 0", id="crowd"),
        pytest.param({"class_names": ()}, "no name", id="names"),
    ],
)
def test_bad_input(make: Make, options: dict[str, Any], message: str) -> None:
    call = {"truth": [make([A])], "found": [make([A])], "class_names": ("person",)} | options
    with pytest.raises(ValueError, match=message):
        score_detections(**call)


def test_missing_library(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(detection.__dict__["__builtins__"], "__import__", _refuse)
    with pytest.raises(ConfigError, match=r"pip install 'sightline\[evaluation\]'"):
        score(make([A]), make([A]))


def _refuse(name: str, *rest: Any, _import: Any = __import__) -> Any:
    if name.startswith("faster_coco_eval"):
        raise ImportError(name)
    return _import(name, *rest)


def test_with_classes(make: Make) -> None:
    objects = make([A, B, FAR, A], [0.1, 0.2, 0.3, 0.4], [0, 2, 1, 7], [5, 6, 7, 8])
    (kept,) = with_classes([objects], ("cat", "dog", "person"), ("person", "cat"))
    assert kept.class_ids.tolist() == [1, 0]
    assert kept.scores.tolist() == pytest.approx([0.1, 0.2])
    assert kept.track_ids is not None
    assert kept.track_ids.tolist() == [5, 6]
    assert kept.class_names == ("person", "cat")
    with pytest.raises(ConfigError, match=r"none of the classes cat, dog, person is among truck"):
        with_classes([objects], ("cat", "dog", "person"), ("truck",))


def test_pick_classes() -> None:
    assert pick_classes(["car"], ["person", "car"]) == ("car",)
    with pytest.raises(ConfigError, match="no class persn: did you mean person"):
        pick_classes(["persn"], ["person", "car"])


def write_random(folder: Path, seed: int) -> tuple[Path, Path]:
    """Ground truth and results in COCO's files: gaps in the ids, crowds, outlines' areas."""
    rng = np.random.default_rng(seed)
    images = [{"id": int(i), "file_name": f"{i}.jpg"} for i in rng.permutation(200)[:40]]
    categories = [{"id": i, "name": f"kind {i}"} for i in (3, 90, 17, 44)]
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image in images:
        for _ in range(rng.integers(0, 12)):
            x, y = rng.uniform(0, 400, 2)
            w, h = np.exp(rng.uniform(2, 5.5, 2))
            box = [round(float(v), 2) for v in (x, y, w, h)]
            kind = int(rng.choice([3, 90, 17]))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image["id"],
                    "category_id": kind,
                    "bbox": box,
                    "area": box[2] * box[3] * float(rng.uniform(0.4, 1)),
                    "iscrowd": int(rng.random() < 0.07),
                }
            )
            for _ in range(rng.integers(0, 4)):
                jitter = rng.normal(0, 0.12, 4) * [w, h, w, h]
                found.append(
                    {
                        "image_id": image["id"],
                        "category_id": kind if rng.random() < 0.9 else 44,
                        "bbox": [
                            round(max(1.0, float(v)), 2) for v in np.array([x, y, w, h]) + jitter
                        ],
                        "score": round(float(rng.random()), 4),
                    }
                )
    # More than COCO looks at in one picture.
    for _ in range(150):
        box = [round(float(v), 2) for v in (*rng.uniform(0, 400, 2), *rng.uniform(10, 90, 2))]
        found.append({"image_id": images[0]["id"], "category_id": 3, "bbox": box, "score": 0.3})
    paths = folder / "truth.json", folder / "found.json"
    paths[0].write_text(
        json.dumps({"images": images, "annotations": truth, "categories": categories})
    )
    paths[1].write_text(json.dumps(found))
    return paths


def by_pycocotools(truth: Path, found: Path) -> Any:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        ground = coco.COCO(str(truth))
        evaluation = COCOeval(ground, ground.loadRes(str(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools_on_files(tmp_path: Path, seed: int) -> None:
    truth, found = write_random(tmp_path, seed)
    theirs = by_pycocotools(truth, found)
    dataset = read_coco(truth)
    ours = dataset.score(read_predictions(found, dataset))
    assert [
        ours.map, ours.map50, ours.map75, ours.small, ours.medium, ours.large
    ] == pytest.approx(theirs.stats[:6].tolist(), abs=1e-4)  # fmt: skip
    assert 0.1 < ours.map < 0.9
    for k, number in enumerate(theirs.params.catIds):
        of_class = ours.per_class[f"kind {number}"]
        table = theirs.eval["precision"][:, :, k, 0, -1]
        if (table < 0).all():
            assert math.isnan(of_class.ap)
            continue
        recall = theirs.eval["recall"][0, k, 0, -1]
        assert [of_class.ap, of_class.ap50, of_class.recall] == pytest.approx(
            [table.mean(), table[0].mean(), recall], abs=1e-4
        )


def test_equals_pycocotools_on_real_detections(data: Path, tmp_path: Path) -> None:
    folder = data / "tracking" / "TUD-Stadtmitte"
    if not folder.is_dir():
        pytest.skip(f"no tracking data at {folder}")
    tables = [np.loadtxt(folder / name, delimiter=",") for name in ("gt.txt", "det.txt")]
    rows: list[list[dict[str, Any]]] = [
        [
            {
                "id": number,
                "image_id": int(row[0]),
                "category_id": 1,
                "bbox": row[2:6].tolist(),
                "area": row[4] * row[5],
                "iscrowd": 0,
                "score": row[6],
            }
            for number, row in enumerate(table, 1)
        ]
        for table in tables
    ]
    images = [{"id": int(i), "file_name": f"{int(i)}.jpg"} for i in np.unique(tables[0][:, 0])]
    categories = [{"id": 1, "name": "person"}]
    (tmp_path / "t.json").write_text(
        json.dumps({"images": images, "annotations": rows[0], "categories": categories})
    )
    (tmp_path / "f.json").write_text(json.dumps(rows[1]))
    theirs = by_pycocotools(tmp_path / "t.json", tmp_path / "f.json")
    dataset = read_coco(tmp_path / "t.json")
    ours = dataset.score(read_predictions(tmp_path / "f.json", dataset))
    assert ours.map > 0.3
    assert [ours.map, ours.map50, ours.map75] == pytest.approx(theirs.stats[:3].tolist(), abs=1e-4)

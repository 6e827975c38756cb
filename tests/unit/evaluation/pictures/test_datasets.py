"""Label files and results as people have them: the scores are pycocotools', or a note says why not.

Each case writes the same objects in another way. What pycocotools makes of the plain file is what
must come out, to 1e-4; where the case leaves something out, pycocotools gets the rest.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.pictures.datasets import score_files

Json = dict[str, Any]
SIZE = (640, 480)
CATEGORIES = [{"id": 3, "name": "person"}, {"id": 7, "name": "car"}, {"id": 90, "name": "dog"}]
NUMBERS = [3, 7, 90]


@dataclass
class Files:
    """The plain content, and the files that a case makes of it.

    ``expected_truth`` and ``expected_found`` are what pycocotools is given.
    """

    folder: Path
    truth: Json
    found: list[Json]
    expected_truth: Json
    expected_found: list[Json]
    names: list[str] = field(default_factory=lambda: [c["name"] for c in CATEGORIES])

    def coco(self, **changed: Any) -> Path:
        path = self.folder / "truth.json"
        path.write_text(json.dumps(self.truth | changed), encoding="utf-8")
        return path

    def results(self, found: Any = None, name: str = "found.json") -> Path:
        path = self.folder / name
        path.write_text(json.dumps(self.found if found is None else found), encoding="utf-8")
        return path

    def yolo(
        self,
        images: str = "images",
        labels: str = "labels",
        line: Callable[[int, list[float]], str] | None = None,
        yaml: str | None = "names: [person, car, dog]\n",
    ) -> Path:
        """The truth as a YOLO folder, with empty pictures: nobody looks at them."""
        root = self.folder / "yolo"
        line = line or (lambda kind, box: f"{kind} " + " ".join(map(repr, box)))
        for image in self.truth["images"]:
            picture = (root / images / image["file_name"]).with_suffix(".jpg")
            label = (root / labels / image["file_name"]).with_suffix(".txt")
            for path in (picture, label):
                path.parent.mkdir(parents=True, exist_ok=True)
            picture.touch()
            rows = [
                line(NUMBERS.index(a["category_id"]), shares(a["bbox"]))
                for a in self.truth["annotations"]
                if a["image_id"] == image["id"] and a["category_id"] in NUMBERS
            ]
            label.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
        if yaml is not None:
            (root / "data.yaml").write_text(yaml, encoding="utf-8")
        return root

    def ultralytics(self, first_class: int = 1) -> Path:
        """The results as its ``predictions.json`` has them: file stems as ids, where numbers ints."""
        stems = {i["id"]: Path(i["file_name"]).stem for i in self.truth["images"]}
        rows = []
        for row in self.found:
            stem = stems[row["image_id"]]
            changed = {
                "image_id": int(stem) if stem.isnumeric() else stem,
                "category_id": NUMBERS.index(row["category_id"]) + first_class,
            }
            rows.append(row | changed)
        return self.results(rows)

    def json_lines(self, name: Callable[[str], str] = str) -> Path:
        lines = []
        for image in self.truth["images"]:
            objects = [
                {
                    "box": [x, y, x + w, y + h],
                    "score": row["score"],
                    "class": self.names[NUMBERS.index(row["category_id"])],
                }
                for row in self.found
                if row["image_id"] == image["id"]
                for x, y, w, h in [row["bbox"]]
            ]
            lines.append(json.dumps({"stream": name(image["file_name"]), "objects": objects}))
        path = self.folder / "found.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def keep(self, annotations: Callable[[Json], bool]) -> None:
        """What pycocotools is given of the truth."""
        kept = [a for a in self.expected_truth["annotations"] if annotations(a)]
        self.expected_truth["annotations"] = kept


def shares(box: list[float]) -> list[float]:
    x, y, w, h = box
    return [(x + w / 2) / SIZE[0], (y + h / 2) / SIZE[1], w / SIZE[0], h / SIZE[1]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Twelve pictures ``1.jpg`` … ``12.jpg``, three classes, and results that are far from perfect."""
    rng = np.random.default_rng(11)
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": SIZE[0], "height": SIZE[1]}
        for i in range(1, 13)
    ]
    truth: list[Json] = []
    found: list[Json] = []
    for image in images:
        for _ in range(rng.integers(2, 7)):
            x, y = float(rng.integers(0, 400)), float(rng.integers(0, 300))
            w, h = float(rng.integers(10, 200)), float(rng.integers(10, 150))
            kind = int(rng.choice(NUMBERS))
            truth.append(
                {
                    "id": len(truth) + 1, "image_id": image["id"], "category_id": kind,
                    "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
                }
            )  # fmt: skip
            for _ in range(rng.integers(0, 3)):
                box = np.array([x, y, w, h]) + np.round(rng.normal(0, 0.1, 4) * [w, h, w, h], 1)
                found.append(
                    {
                        "image_id": image["id"],
                        "category_id": kind if rng.random() < 0.85 else int(rng.choice(NUMBERS)),
                        "bbox": [round(max(1.0, float(v)), 2) for v in box],
                        "score": round(float(rng.random()), 5),
                    }
                )
    content = {"images": images, "annotations": truth, "categories": CATEGORIES}
    return Files(tmp_path, content, found, copy.deepcopy(content), copy.deepcopy(found))


@dataclass(frozen=True)
class Case:
    """Writes files; ``note`` is what the result must say, "" for nothing at all."""

    write: Callable[[Files], tuple[Path, Path]]
    note: str = ""
    options: Json = field(default_factory=dict)


def coco(change: Callable[[Files], dict[str, Any] | None]) -> Callable[[Files], tuple[Path, Path]]:
    """A case that changes the truth only."""

    def write(files: Files) -> tuple[Path, Path]:
        return files.coco(**(change(files) or {})), files.results()

    return write


def each(files: Files, **change: Callable[[Json], Any]) -> dict[str, Any]:
    """Annotations with some keys made anew."""
    rows = [a | {k: make(a) for k, make in change.items()} for a in files.truth["annotations"]]
    return {"annotations": rows}


def without(rows: list[Json], *keys: str) -> list[Json]:
    return [{k: v for k, v in row.items() if k not in keys} for row in rows]


def first_broken(**change: Any) -> Callable[[Files], tuple[Path, Path]]:
    """A case in which the first annotation cannot be used."""

    def write(files: Files) -> tuple[Path, Path]:
        rows = copy.deepcopy(files.truth["annotations"])
        rows[0] |= change
        files.keep(lambda a: a["id"] != 1)
        return files.coco(annotations=rows), files.results()

    return write


def with_ids(kind: Callable[[int], Any]) -> Callable[[Files], tuple[Path, Path]]:
    def write(files: Files) -> tuple[Path, Path]:
        images = [i | {"id": kind(i["id"])} for i in files.truth["images"]]
        categories = [c | {"id": kind(c["id"])} for c in CATEGORIES]
        ids: dict[str, Callable[[Json], Any]] = {
            "image_id": lambda a: kind(a["image_id"]),
            "category_id": lambda a: kind(a["category_id"]),
        }
        path = files.coco(images=images, categories=categories, **each(files, **ids))
        return path, files.results()

    return write


def huge_ids(files: Files) -> tuple[Path, Path]:
    """As hashes are: beyond what a float holds."""

    def huge(row: Json) -> Json:
        return row | {"image_id": 2**60 + row["image_id"]}

    images = [i | {"id": 2**60 + i["id"]} for i in files.truth["images"]]
    rows = [huge(a) for a in files.truth["annotations"]]
    return files.coco(images=images, annotations=rows), files.results(
        [huge(f) for f in files.found]
    )


def no_categories(files: Files) -> tuple[Path, Path]:
    path = files.folder / "truth.json"
    path.write_text(json.dumps({k: files.truth[k] for k in ("images", "annotations")}))
    return path, files.results()


def outline(a: Json) -> list[list[float]]:
    x, y, w, h = a["bbox"]
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def run_lengths(a: Json) -> Json:
    """The box as a mask, column by column, as COCO counts."""
    x, y, w, h = (int(v) for v in a["bbox"])
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[y : y + h, x : x + w] = 1
    flat = mask.flatten(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate(([0], ends, [len(flat)]))).tolist()
    return {"size": [SIZE[1], SIZE[0]], "counts": counts if not flat[0] else [0, *counts]}


def packed(a: Json) -> Json:
    from faster_coco_eval import mask

    found = mask.frPyObjects(run_lengths(a), SIZE[1], SIZE[0])
    return {"size": found["size"], "counts": found["counts"].decode()}


def encoded(encoding: str) -> Callable[[Files], tuple[Path, Path]]:
    def write(files: Files) -> tuple[Path, Path]:
        for path in (truth := files.coco(), found := files.results()):
            path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))
        return truth, found

    return write


def orphan(files: Files) -> tuple[Path, Path]:
    row = {"id": 999, "image_id": 99, "category_id": 7, "bbox": [0, 0, 9, 9], "area": 81}
    return files.coco(annotations=[row, *files.truth["annotations"]]), files.results()


def same_name_twice(files: Files) -> tuple[Path, Path]:
    """A fourth category called `car`, of which one object is."""
    rows = copy.deepcopy(files.truth["annotations"])
    rows[0]["category_id"] = files.expected_truth["annotations"][0]["category_id"] = 91
    categories = [*CATEGORIES, {"id": 91, "name": "car"}]
    files.expected_truth["categories"] = categories
    return files.coco(annotations=rows, categories=categories), files.results()


def one_picture_under_two_ids(files: Files) -> tuple[Path, Path]:
    """By ids, as pycocotools tells them, they are two pictures."""
    images = [*files.truth["images"], files.truth["images"][0] | {"id": 13}]
    rows = copy.deepcopy(files.truth["annotations"])
    rows[0]["image_id"] = files.expected_truth["annotations"][0]["image_id"] = 13
    files.expected_truth["images"] = images
    return files.coco(images=images, annotations=rows), files.results()


def one_picture_under_two_ids_by_name(files: Files) -> tuple[Path, Path]:
    """By name they are one, and its labels are joined."""
    images = [*files.truth["images"], files.truth["images"][0] | {"id": 13}]
    rows = copy.deepcopy(files.truth["annotations"])
    rows[0]["image_id"] = 13
    rows.append(rows[1] | {"id": 998, "image_id": 13})  # the same label under both ids
    found = files.json_lines()
    return files.coco(images=images, annotations=rows), found


def every_annotation_twice(files: Files) -> tuple[Path, Path]:
    more = [a | {"id": a["id"] + 500} for a in files.truth["annotations"]]
    files.expected_truth["annotations"] += copy.deepcopy(more)
    return files.coco(annotations=files.truth["annotations"] + more), files.results()


def own_coco_file(files: Files) -> tuple[Path, Path]:
    """As `--coco` writes it: its own ids of pictures, classes from 0, another order."""
    order = [i["id"] for i in files.truth["images"]][::-1]
    images = [
        {"id": n, "file_name": f"{i}.jpg", "width": 640, "height": 480}
        for n, i in enumerate(order, 1)
    ]
    rows = [
        row
        | {
            "id": n,
            "image_id": order.index(row["image_id"]) + 1,
            "category_id": NUMBERS.index(row["category_id"]),
        }
        for n, row in enumerate(files.found, 1)
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(files.names)]
    content = {"annotations": rows, "images": images, "categories": categories}
    return files.coco(), files.results(content)


def roboflow(files: Files) -> tuple[Path, Path]:
    root = files.yolo("valid/images", "valid/labels", yaml=None)
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 3\n"
        "names: ['person', 'car', 'dog']\n"
    )
    return root, files.ultralytics()


def listed(files: Files) -> tuple[Path, Path]:
    """CVAT's export: lists of pictures, `path` of another machine."""
    root = files.yolo("images/Validation", "labels/Validation", yaml=None)
    names = [f"data/images/Validation/{i['file_name']}" for i in files.truth["images"]]
    (root / "Validation.txt").write_text("\n".join(names) + "\r\n")
    (root / "data.yaml").write_text(
        "path: /content/export\nval: Validation.txt\nnames:\n  0: person\n  1: car\n  2: dog\n"
    )
    return root / "data.yaml", files.ultralytics()


def parts(files: Files) -> tuple[Path, Path]:
    """`train` beside `val`: only `val` counts, of which there are results."""
    root = files.yolo("images/val", "labels/val", yaml=None)
    (root / "images" / "train").mkdir()
    (root / "images" / "train" / "100.jpg").touch()
    (root / "labels" / "train").mkdir()
    (root / "labels" / "train" / "100.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (root / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\nnames: {0: person, 1: car, 2: dog}\n"
    )
    return root, files.ultralytics()


def ultralytics_folders(files: Files) -> tuple[Path, Path]:
    """`datasets/coco8` beside the project that holds the YAML file, two folders for one split."""
    root = files.yolo("images/a", "labels/a", yaml=None)
    place = files.folder / "datasets" / "coco8"
    place.parent.mkdir()
    root.rename(place)
    for kind, suffix in (("images", ".jpg"), ("labels", ".txt")):
        (place / kind / "b").mkdir()
        (place / kind / "a" / f"12{suffix}").rename(place / kind / "b" / f"12{suffix}")
    yaml = files.folder / "project" / "my-coco8.yaml"
    yaml.parent.mkdir()
    yaml.write_text(
        "path: coco8 # root\nval: [images/a, images/b]\ntest: # none\nnames:\n"
        "  0: person\n  2: dog\n  1: car\ndownload: https://example.com/x.zip\n"
    )
    return yaml, files.ultralytics()


def other_order(files: Files) -> tuple[Path, Path]:
    return files.yolo("val/images", "val/labels"), files.ultralytics()


def beside(files: Files) -> tuple[Path, Path]:
    """labelImg and Darknet: labels beside the pictures, names in a text file."""
    root = files.yolo("obj_train_data", "obj_train_data", yaml=None)
    (root / "obj.names").write_text("person\r\ncar\r\ndog\r\n")
    return root, files.ultralytics()


def strange_files(files: Files) -> tuple[Path, Path]:
    root = files.yolo()
    (root / "labels" / "classes.txt").write_text("dog\ncar\nperson\n")
    (root / "labels" / "notes").mkdir()
    (root / "images" / "._1.jpg").write_bytes(b"\0\5\x16\7Mac")
    (root / "labels" / "._1.txt").write_bytes(b"\0\5\x16\7\xff\xfeMac")
    (root / "images" / ".ipynb_checkpoints").mkdir()
    (root / "images" / ".ipynb_checkpoints" / "1-checkpoint.jpg").touch()
    return root, files.ultralytics()


def key_points(files: Files, yaml: str) -> tuple[Path, Path]:
    def line(kind: int, box: list[float]) -> str:
        points = " ".join(f"{0.1 * i:.3f} {0.05 * i:.3f} {i % 3}" for i in range(1, 5))
        return f"{kind} {' '.join(map(repr, box))} {points}"

    return files.yolo(line=line, yaml=yaml), files.ultralytics()


def key_points_of_two(files: Files) -> tuple[Path, Path]:
    def line(kind: int, box: list[float]) -> str:
        return f"{kind} {' '.join(map(repr, box))} 0.1 0.9 0.8 0.05"

    yaml = "names: [person, car, dog]\nkpt_shape: [2, 2]\n"
    return files.yolo(line=line, yaml=yaml), files.ultralytics()


def polygons_among_boxes(files: Files) -> tuple[Path, Path]:
    count = 0

    def line(kind: int, box: list[float]) -> str:
        nonlocal count
        count += 1
        x, y, w, h = box
        corners = [(x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2, y + h / 2),
                   (x - w / 2, y + h / 2)]  # fmt: skip
        points = [repr(v) for point in corners for v in point]
        return f"{kind} " + " ".join(points if count % 2 else map(repr, box))

    return files.yolo(line=line), files.ultralytics()


def yes_and_no(files: Files) -> tuple[Path, Path]:
    files.names = ["yes", "no", "null"]
    return files.yolo(yaml="names: [yes, no, null]\n"), files.json_lines()


def from_zero(files: Files) -> tuple[Path, Path]:
    return files.yolo(), files.ultralytics(0)


def middle_class_only(files: Files) -> tuple[Path, Path]:
    """Results of one class: that it is `car` counted from 1 can only be told by the boxes."""
    files.found = [f for f in files.found if f["category_id"] == NUMBERS[0]]
    files.expected_found = copy.deepcopy(files.found)
    return files.yolo(), files.ultralytics()


def text_stems(files: Files) -> tuple[Path, Path]:
    for image in files.truth["images"]:
        image["file_name"] = f"cam_{image['id']:03d}.jpg"
    return files.yolo(), files.ultralytics()


def results_in(change: Callable[[Json], Json]) -> Callable[[Files], tuple[Path, Path]]:
    def write(files: Files) -> tuple[Path, Path]:
        return files.coco(), files.results([change(row) for row in files.found])

    return write


def unknown_pictures_in_results(files: Files) -> tuple[Path, Path]:
    extra = [files.found[0] | {"image_id": 77}, files.found[0] | {"category_id": 55}]
    return files.coco(), files.results(extra + files.found)


def bad_rows_in_results(files: Files) -> tuple[Path, Path]:
    extra = [files.found[0] | {"score": math.nan}, files.found[0] | {"bbox": [1, 2]}]
    return files.coco(), files.results(extra + files.found)


def results_without_ids(files: Files) -> tuple[Path, Path]:
    names = {i["id"]: i["file_name"] for i in files.truth["images"]}
    rows = [f | {"file_name": names[f["image_id"]]} for f in files.found]
    return files.coco(), files.results(without(rows, "image_id"))


def lvis(files: Files) -> tuple[Path, Path]:
    url = "http://images.cocodataset.org/val2017/{}.jpg"
    images = [
        {"id": i["id"], "coco_url": url.format(i["id"]), "neg_category_ids": [90]}
        for i in files.truth["images"]
    ]
    return files.coco(images=images), files.results()


def renamed(make: Callable[[str], str]) -> Callable[[Files], tuple[Path, Path]]:
    def write(files: Files) -> tuple[Path, Path]:
        images = [i | {"file_name": make(i["file_name"])} for i in files.truth["images"]]
        return files.coco(images=images), files.json_lines()

    return write


def capital_names(files: Files) -> tuple[Path, Path]:
    files.names = ["Person", "CAR", "dog"]
    return files.coco(), files.json_lines()


def every_line_twice(files: Files) -> tuple[Path, Path]:
    root = files.yolo()
    for path in (root / "labels").iterdir():
        path.write_text(path.read_text() * 2)
    return root, files.ultralytics()


def rewritten(encoding: str, newline: str = "\n") -> Callable[[Files], tuple[Path, Path]]:
    def write(files: Files) -> tuple[Path, Path]:
        root = files.yolo(yaml="names: [person, car, dög]\n")
        for path in [*(root / "labels").iterdir(), root / "data.yaml"]:
            text = path.read_text(encoding="utf-8").replace("\n", newline + newline)
            path.write_bytes(text.encode(encoding))
        return root, files.ultralytics()

    return write


def text_results(files: Files, end: str = "") -> Path:
    """As `yolo predict save_txt save_conf` writes them."""
    folder = files.folder / "predict" / "labels"
    folder.mkdir(parents=True)
    (folder / "other.txt").write_text("0 0.5 0.5 0.1 0.1 0.5\n")
    for image in files.truth["images"]:
        rows = [
            f"{NUMBERS.index(r['category_id'])} {' '.join(map(repr, shares(r['bbox'])))} {r['score']}"
            for r in files.found
            if r["image_id"] == image["id"]
        ]
        text = "".join(row + end + "\n" for row in rows)
        (folder / f"{Path(image['file_name']).stem}.txt").write_text(text)
    return folder


def lexical_ids(files: Files, *, with_name: bool) -> tuple[Path, Path]:
    """The truth's ids follow the order 1, 10, 11, 12, 2 …; Ultralytics' are the numbers themselves."""
    order = sorted((i["id"] for i in files.truth["images"]), key=str)
    for key, rows in (("id", files.truth["images"]), ("image_id", files.truth["annotations"])):
        for row in rows:
            row[key] = order.index(row[key]) + 1
    names = {i: f"{i}.jpg" for i in order}
    rows = [f | ({"file_name": names[f["image_id"]]} if with_name else {}) for f in files.found]
    if not with_name:  # pycocotools goes by ids
        files.expected_truth = copy.deepcopy(files.truth)
        files.found += [
            f | {"image_id": order.index(f["image_id"]) + 1, "score": f["score"] / 2}
            for f in files.found
            if f["image_id"] < 5
        ]
        files.expected_found = rows = files.found
    return files.coco(), files.results(rows)


def coco_80(files: Files) -> tuple[Path, Path]:
    """A YOLO folder of COCO's own classes, and results with COCO's own numbers (dog is 18)."""
    ids = dict(zip(NUMBERS, (0, 2, 16), strict=True))
    numbers = dict(zip(NUMBERS, (1, 3, 18), strict=True))
    root = files.yolo(line=lambda kind, box: f"{ids[NUMBERS[kind]]} {' '.join(map(repr, box))}",
                      yaml=None)  # fmt: skip
    rows = [f | {"category_id": numbers[f["category_id"]]} for f in files.found]
    return root, files.results(rows)


def linked(files: Files) -> tuple[Path, Path]:
    """`Images` and `Labels`, one of them a link to where there is room, the other with one inside."""
    root = files.yolo("store/val", "Labels/val")
    (root / "Images").mkdir()
    (root / "Images" / "val").symlink_to(root / "store" / "val")
    (root / "store" / "val" / "back").symlink_to(root / "store")
    return root, files.ultralytics()


def text_ids(files: Files) -> tuple[Path, Path]:
    """`00001` in the truth, 1 in the results."""
    images = [i | {"id": f"{i['id']:05d}", "file_name": "x.jpg"} for i in files.truth["images"]]
    images = [i | {"file_name": f"x{i['id']}.jpg"} for i in images]
    rows = each(files, image_id=lambda a: f"{a['image_id']:05d}")
    return files.coco(images=images, **rows), files.results()


def yolo_class_twice(files: Files) -> tuple[Path, Path]:
    """Two classes of one name: by name they are one."""
    files.names = ["person", "car", "car"]
    for rows in (files.expected_truth["annotations"], files.expected_found):
        for row in rows:
            row["category_id"] = min(row["category_id"], 7)
    return files.yolo(yaml="names: [person, car, car]\n"), files.json_lines()


TOOK_ONE = r"category_id is taken as the place of the class, counted from 1"
CASES: dict[str, Case] = {
    "plain": Case(coco(lambda f: {})),
    "ids as text": Case(with_ids(str)),
    "ids as floats": Case(with_ids(float)),
    "ids with spaces": Case(with_ids(lambda i: f" {i}")),
    "huge ids": Case(huge_ids),
    "orphan annotation": Case(orphan, r"image_id is not in images: 1 \(annotations\[0\]\)"),
    "no such category": Case(first_broken(category_id=55), "category_id is not in categories: 1"),
    "area null": Case(coco(lambda f: each(f, area=lambda a: None)), "its area is no number"),
    "no area": Case(coco(lambda f: {"annotations": without(f.truth["annotations"], "area")})),
    "area as text": Case(coco(lambda f: each(f, area=lambda a: str(a["area"])))),
    "iscrowd as text": Case(coco(lambda f: each(f, iscrowd=lambda a: "0")), "iscrowd is a text"),
    "iscrowd null": Case(coco(lambda f: each(f, iscrowd=lambda a: None))),
    "no iscrowd": Case(coco(lambda f: {"annotations": without(f.truth["annotations"], "iscrowd")})),
    "boxes as lists of text": Case(coco(lambda f: each(f, bbox=lambda a: list(map(str, a["bbox"]))))),
    "boxes as text": Case(coco(lambda f: each(f, bbox=lambda a: str(a["bbox"])))),
    "only outlines": Case(coco(lambda f: each(f, segmentation=outline, bbox=lambda a: None))),
    "only outlines, as points": Case(
        coco(
            lambda f: each(
                f,
                segmentation=lambda a: [np.reshape(outline(a)[0], (-1, 2)).tolist()],
                bbox=lambda a: [],
            )
        )
    ),
    "only masks": Case(coco(lambda f: each(f, segmentation=run_lengths, bbox=lambda a: []))),
    "only packed masks": Case(coco(lambda f: each(f, segmentation=packed, bbox=lambda a: []))),
    "boxes beside masks": Case(coco(lambda f: each(f, segmentation=packed))),
    "one without a box": Case(first_broken(bbox=None), r"neither bbox nor segmentation .*: 1"),
    "a turned box": Case(first_broken(bbox=[1, 2, 3, 4, 0.5]), r"bbox is not \[x, y, width"),
    "a negative width": Case(first_broken(bbox=[9, 9, -3, 4]), "width or height of its bbox is neg"),
    "a box that is no number": Case(first_broken(bbox=[9, 9, math.inf, 4]), "not made of numbers"),
    "an annotation that is no object": Case(
        coco(lambda f: {"annotations": [3, *f.truth["annotations"]]}), "this is no object"
    ),
    "a class name twice": Case(same_name_twice, "several categories are named car"),
    "class names with spaces": Case(
        coco(lambda f: {"categories": [c | {"name": f" {c['name']} "} for c in CATEGORIES]})
    ),
    "no categories": Case(no_categories, "there are no categories"),
    "one picture under two ids": Case(one_picture_under_two_ids, "several images have one file_name"),
    "one picture under two ids, by name": Case(
        one_picture_under_two_ids_by_name, "several images have one file_name"
    ),
    "every annotation twice": Case(every_annotation_twice, "counted twice as by pycocotools"),
    "UTF-16": Case(encoded("utf-16")),
    "UTF-16 without a mark": Case(encoded("utf-16-le")),
    "UTF-8 with a mark": Case(encoded("utf-8-sig")),
    "LVIS": Case(lvis, "LVIS"),
    "backslashes": Case(renamed(lambda name: f"images\\{name}")),
    "paths of another machine": Case(renamed(lambda name: f"C:\\data\\images\\{name}")),
    "results, ids as text": Case(results_in(lambda r: r | {"image_id": str(r["image_id"])})),
    "results, scores as text": Case(results_in(lambda r: r | {"score": str(r["score"])})),
    "results, outlines": Case(
        results_in(lambda r: {k: v for k, v in r.items() if k != "bbox"} | {"segmentation": outline(r)})
    ),
    "results, other pictures": Case(unknown_pictures_in_results, "image_id is not in the ground truth: 1"),
    "results, bad rows": Case(bad_rows_in_results, r"score must be a number: 1 \(\[0\]\)"),
    "results, names only": Case(results_without_ids),
    "results in an object": Case(lambda f: (f.coco(), f.results({"annotations": f.found}))),
    "own COCO file": Case(own_coco_file),
    "JSON lines": Case(lambda f: (f.coco(), f.json_lines())),
    "JSON lines, other folder": Case(lambda f: (f.coco(), f.json_lines("/data/x/{}".format))),
    "JSON lines, backslashes": Case(lambda f: (f.coco(), f.json_lines("x\\{}".format))),
    "class names in capitals": Case(capital_names, "CAR is taken as car"),
    "YOLO": Case(from_zero),
    "YOLO, Ultralytics' results": Case(lambda f: (f.yolo(), f.ultralytics()), TOOK_ONE),
    "YOLO, one class of results": Case(middle_class_only, TOOK_ONE),
    "YOLO, stems of text": Case(text_stems, TOOK_ONE),
    "YOLO, Roboflow": Case(roboflow, "only its split val is scored, not test, train"),
    "YOLO, lists": Case(listed, TOOK_ONE),
    "YOLO, parts": Case(parts, "only its split val is scored, not train"),
    "YOLO, a part by name": Case(parts, TOOK_ONE, {"split": "val"}),
    "YOLO, Ultralytics' folders": Case(ultralytics_folders, TOOK_ONE),
    "YOLO, images below parts": Case(other_order, "only its part val is scored"),
    "YOLO, labels beside pictures": Case(beside, TOOK_ONE),
    "YOLO, files that are no labels": Case(strange_files, r"a hidden file: 2 \(first: \.") ,
    "YOLO, key points": Case(
        lambda f: key_points(f, "names: [person, car, dog]\nkpt_shape: [4, 3]\n"), TOOK_ONE
    ),
    "YOLO, key points, no kpt_shape": Case(
        lambda f: key_points(f, "names: [person, car, dog]\n"), "taken as a box with key points"
    ),
    "YOLO, key points without visibility": Case(key_points_of_two, TOOK_ONE),
    "YOLO, polygons among boxes": Case(polygons_among_boxes, TOOK_ONE),
    "YOLO, names that are booleans": Case(yes_and_no),
    "YOLO, every line twice": Case(every_line_twice, "the line is there twice"),
    "YOLO, scores": Case(
        lambda f: (
            f.yolo(line=lambda kind, box: f"{kind} {' '.join(map(repr, box))} 0.77"),
            f.ultralytics(),
        ),
        "the number behind the box",
    ),
    "YOLO, floats as classes": Case(
        lambda f: (
            f.yolo(line=lambda kind, box: f" {kind}.0\t{'  '.join(map(repr, box))} "),
            f.ultralytics(),
        ),
        TOOK_ONE,
    ),
    "YOLO, text results": Case(lambda f: (f.yolo(), text_results(f)), "no picture goes with the file: 1"),
    "text results for COCO": Case(lambda f: (f.coco(), text_results(f)), "no picture goes with the file: 1"),
    "ids in lexical order, names beside": Case(
        lambda f: lexical_ids(f, with_name=True), "its file_name is another picture's than its image_id"
    ),
    "ids in lexical order": Case(
        lambda f: lexical_ids(f, with_name=False), "as the pictures' file names it would be"
    ),
    "ids with leading zeros": Case(text_ids),
    "YOLO, COCO's own numbers": Case(coco_80, "COCO's own number of the class"),
    "YOLO, a class name twice": Case(yolo_class_twice, "several classes are named car"),
    "YOLO, links and capitals": Case(linked, TOOK_ONE),
    "YOLO, Windows": Case(rewritten("cp1252", "\r\n"), TOOK_ONE),
    "YOLO, UTF-16": Case(rewritten("utf-16"), TOOK_ONE),
    "YOLO, a mark": Case(rewritten("utf-8-sig", "\r\n"), TOOK_ONE),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_equals_pycocotools_or_says_why(files: Files, case: Case) -> None:
    truth, found = case.write(files)
    from sightline.coco import COCO_NAMES

    ours = score_files(truth, found, lambda path: SIZE, class_names=COCO_NAMES, **case.options)
    theirs = by_pycocotools(files)
    assert [
        ours.map, ours.map50, ours.map75, ours.small, ours.medium, ours.large
    ] == pytest.approx(theirs, abs=1e-4)  # fmt: skip
    assert 0.02 < ours.map < 0.9
    if case.note:
        assert re.search(case.note, "\n".join(ours.notes))
    else:
        assert ours.notes == ()


def by_pycocotools(files: Files) -> list[float]:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        ground = coco.COCO()
        ground.dataset = files.expected_truth
        ground.createIndex()
        evaluation = COCOeval(ground, ground.loadRes(files.expected_found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats[:6]]


AMBIGUOUS = "may be any of 2"


def two_folders(files: Files) -> Path:
    files.truth["images"][0]["file_name"] = "a/1.jpg"
    files.truth["images"][1]["file_name"] = "b/1.jpg"
    return files.yolo()


REFUSED: dict[str, tuple[Callable[[Files], tuple[Path, Path]], str]] = {
    "results by a stem of two pictures": (lambda f: (two_folders(f), f.ultralytics()), AMBIGUOUS),
    "lines by a file name of two pictures": (
        lambda f: (two_folders(f), f.json_lines(lambda name: Path(name).name)),
        AMBIGUOUS,
    ),
    "results of other pictures": (
        lambda f: (f.coco(), f.results([f.found[0] | {"image_id": 77}])),
        "image_id is not in the ground truth. Not one of 1",
    ),
    "results of other classes": (
        lambda f: (f.coco(), f.results([f.found[0] | {"category_id": 77}])),
        "none of its category_id",
    ),
    "a part that is not there": (
        lambda f: (
            f.yolo(yaml="val: nowhere\nnames: [a, b, c]\n") / "data.yaml",
            f.ultralytics(),
        ),
        "nowhere is not there",
    ),
}


@pytest.mark.parametrize(("write", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(files: Files, write: Callable[[Files], tuple[Path, Path]], message: str) -> None:
    truth, found = write(files)
    with pytest.raises(ConfigError, match=re.escape(message)):
        score_files(truth, found, lambda path: SIZE)


@pytest.mark.parametrize(
    ("place", "name", "content"),
    [
        pytest.param("..", "compose.yaml", "a: [1", id="a broken YAML above"),
        pytest.param("..", "data.yaml", "names: [a", id="a broken data.yaml above"),
        pytest.param("..", "data.yaml", "names: {one: x}\n", id="another's data.yaml above"),
        pytest.param("..", "other.yaml", "names: {one: x}\n", id="names of something else above"),
        pytest.param(".", "notes.yml", "a: b: c", id="a broken YAML of another name inside"),
    ],
)
def test_a_yaml_that_does_not_belong_stops_nothing(
    place: str, name: str, content: str, files: Files
) -> None:
    root = files.yolo(yaml=None)
    found = files.ultralytics()
    alone = score_files(root, found, lambda _: SIZE, class_names=files.names)
    (root / place / name).write_text(content, encoding="utf-8")
    scores = score_files(root, found, lambda _: SIZE, class_names=files.names)
    assert (scores.map, scores.map50) == (alone.map, alone.map50)
    assert scores.map > 0.1
    told = [note for note in scores.notes if "not read from the folder above" in note]
    assert bool(told) == (name in {"data.yaml", "other.yaml"})


def test_the_data_s_own_yaml_stops_it(files: Files) -> None:
    root = files.yolo(yaml="names: [a")
    with pytest.raises(ConfigError, match=r"data\.yaml.*not YAML"):
        score_files(root, files.results(), lambda _: SIZE, class_names=files.names)

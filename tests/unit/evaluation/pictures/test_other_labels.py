"""Labels in forms that are not read: the error names the form and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.pictures.datasets import read_dataset

VOC = "<annotation><filename>1.jpg</filename><object><name>car</name></object></annotation>"
CVAT = "<annotations><version>1.1</version><image id='0' name='1.jpg'/></annotations>"
KITTI = "Car 0.00 0 -0.20 10 20 110 220 1.89 0.48 1.20 1.84 1.47 8.41 0.01\n"
LABELME = {"version": "5.4", "shapes": [], "imagePath": "1.jpg"}
VIA = {"1.jpg9": {"filename": "1.jpg", "regions": []}}
STUDIO = [{"id": 1, "data": {"image": "1.jpg"}, "annotations": []}]
SUPERVISELY = {"size": {"height": 4, "width": 4}, "objects": []}
OURS = {"stream": "a", "frame": 0, "objects": []}


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        pytest.param("1.json", LABELME, "labelme's JSON", id="labelme"),
        pytest.param("1.xml", VOC, "Pascal VOC's XML", id="VOC"),
        pytest.param("annotations.xml", CVAT, "CVAT's XML", id="CVAT"),
        pytest.param("a.xml", "<data/>", "this is XML", id="other XML"),
        pytest.param("via.json", VIA, "VGG Image Annotator", id="VIA"),
        pytest.param("a.json", STUDIO, "Label Studio's", id="Label Studio"),
        pytest.param("a.json", [{"image": "1.jpg", "annotations": []}], "Create ML's", id="Create ML"),
        pytest.param("a.json", [{"name": "1.jpg", "labels": []}], "BDD100K", id="BDD100K"),
        pytest.param("1.jpg.json", SUPERVISELY, "Supervisely's", id="Supervisely"),
        pytest.param("v.json", {"asset": {}, "regions": []}, "VoTT's", id="VoTT"),
        pytest.param("r.jsonl", OURS, "give them as --predictions", id="our results"),
        pytest.param("a.csv", "filename,class,xmin\n", "this is a table", id="table"),
        pytest.param("obj.data", "classes = 2\n", "that its `valid` names", id="Darknet"),
        pytest.param("1.jpg", "", "this is a picture", id="picture"),
    ],
)  # fmt: skip
def test_a_file_of_another_form(tmp_path: Path, file: str, content: Any, said: str) -> None:
    path = tmp_path / file
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_dataset(path, lambda _: (4, 4))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert "COCO JSON and YOLO's folders, lists and data.yaml are read" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        pytest.param("Annotations/1.xml", VOC, "datum convert -if voc -i {} -f coco", id="VOC"),
        pytest.param("label_2/1.txt", KITTI, "datum convert -if kitti -i {} -f coco", id="KITTI"),
        pytest.param("1.json", json.dumps(LABELME), "`labelme2coco {}`", id="labelme"),
        pytest.param("annotations.xml", CVAT, "CVAT's XML", id="CVAT"),
        pytest.param("_annotations.csv", "filename,class\n", "this is a table", id="table"),
    ],
)
def test_a_folder_of_another_form(tmp_path: Path, file: str, content: str, said: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(content, encoding="utf-8")
    (tmp_path / "1.jpg").touch()
    with pytest.raises(ConfigError) as caught:
        read_dataset(tmp_path, lambda _: (4, 4))
    assert said.format(tmp_path) in str(caught.value)


def test_the_folder_of_labels_alone(tmp_path: Path) -> None:
    labels = tmp_path / "train" / "labels"
    labels.mkdir(parents=True)
    (labels / "1.txt").write_text("0 .5 .5 .1 .1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="Give the folder above, which has both"):
        read_dataset(labels, lambda _: (4, 4))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        pytest.param("coco.json", '{"images": 3}', "images", id="COCO"),
        pytest.param("gone.json", None, "cannot be read", id="missing"),
        pytest.param("cut.json", '{"shapes": [', "not JSON", id="cut off"),
        pytest.param("labels/1.txt", "0 .5 .5 .1\n", "labels", id="YOLO"),
    ],
)
def test_mistakes_in_forms_that_are_read_are_told_as_before(
    tmp_path: Path, file: str, content: str | None, said: str
) -> None:
    place = tmp_path / file
    place.parent.mkdir(exist_ok=True)
    if content is not None:
        place.write_text(content, encoding="utf-8")
    (tmp_path / "1.xml").write_text(VOC, encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        read_dataset(tmp_path if "/" in file else place, lambda _: (4, 4))
    assert "are read" not in str(caught.value)

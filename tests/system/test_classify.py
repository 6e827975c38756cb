"""``sightline classify`` and ``sl.classify``: whole pictures of the street, whose kind is known."""

from __future__ import annotations

import base64
import contextlib
import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from tests import ports
from tests.waiting import wait_for

import sightline as sl
from sightline.build import BUNDLED, StageModels
from sightline.build.model_files import BUNDLED_CLASSIFIERS
from sightline.errors import ConfigError, ModelError
from sightline.models.file import open_model
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
    with pytest.raises(ModelError, match=r"\.onnx: .*task is 'detect'|is it a detector"):
        list(sl.classify(crops, "street"))


def test_an_output_that_is_an_input_is_refused(crops: Path) -> None:
    name = min(path.name for path in crops.iterdir())
    before = (crops / name).read_bytes()
    done = sightline("classify", name, "--model", MODEL, "--csv", name, cwd=crops)
    assert done.returncode == 2
    assert "would be overwritten" in done.stderr
    assert (crops / name).read_bytes() == before


def test_values_that_hold_at_once_are_no_labels_of_tracks(tmp_path: Path) -> None:
    (tmp_path / "tags.onnx").write_bytes((BUNDLED / "street-attributes.onnx").read_bytes())
    (tmp_path / "tags.yaml").write_text("multi_label: true\n")
    models = StageModels.in_folder(None)
    with contextlib.closing(models):  # clients ask for it, of whole pictures
        assert models.get_classifier(str(tmp_path / "tags.onnx")).card.multi_label
        with pytest.raises(ConfigError, match="may hold several at once"):
            models.track_classifier(str(tmp_path / "tags.onnx"))
    stage = sl.Classify(tmp_path / "tags.onnx")
    with pytest.raises(ConfigError, match=r"tags\.onnx: its values may hold several at once"):
        next(iter(sl.track("street://?duration=1&width=320&height=192", "street", stages=[stage])))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with a detector and a classifier."""
    folder, port = tmp_path_factory.mktemp("service"), ports.free_port()
    (folder / "site.yaml").write_text(
        "models:\n  street: {model: street}\n  kinds: {model: street-attributes, task: classify}\n"
        f"serving: {{port: {port}, grpc_port: null}}\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(SIGHTLINE), "run", "site.yaml"], cwd=folder, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{address}/ready").status_code == 200
        return False

    try:
        wait_for(ready, "the service is not ready", 60)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def ask(service: str, picture: Path, query: str = "") -> httpx.Response:
    return httpx.post(f"{service}/classify{query}", content=picture.read_bytes(), timeout=30)


def test_over_http(service: str, crops: Path) -> None:
    (here, *_) = sl.classify(crops, MODEL, top=2)
    picture = (
        crops / here.frame.stream if (crops / here.frame.stream).exists() else min(crops.iterdir())
    )
    answer = ask(service, picture, "?top=2").json()
    assert answer["labels"] == [
        {"attribute": x.attribute, "value": x.value, "score": round(x.score, 4)}
        for x in here.labels
    ]
    assert answer["model"] == "kinds"
    data = picture.read_bytes()
    form = httpx.post(f"{service}/classify", files={"file": data}, data={"top": "2"}, timeout=30)
    coded = base64.b64encode(data).decode()
    in_json = httpx.post(f"{service}/classify", json={"image": coded, "top": 2}, timeout=30)
    assert form.json()["labels"] == in_json.json()["labels"] == answer["labels"]
    bundled = ask(service, picture, "?top=2&model=street-attributes").json()
    assert (bundled["model"], bundled["labels"]) == (MODEL, answer["labels"])


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("?model=street", 404, "no classifier 'street'.*kinds"),
        ("?model=../x.onnx", 422, "model"),
        ("?top=0", 422, "top"),
        ("?iou=0.5", 422, "no such field"),
        ("?conf=0.5&conf=0.6", 422, "conf"),
        ("?timeout_ms=0.001", 504, "deadline|in time"),
    ],
    ids=["a detector", "a file", "top", "another's field", "twice", "too late"],
)
def test_what_is_refused_over_http(
    service: str, crops: Path, query: str, status: int, message: str
) -> None:
    answer = ask(service, min(crops.iterdir()), query)
    assert answer.status_code == status, answer.text
    assert re.search(message, answer.json()["error"]["message"])


def test_classifiers_are_listed(service: str) -> None:
    listed = httpx.get(f"{service}/models").json()
    assert listed["classifiers"] == ["kinds", MODEL]
    assert [model["name"] for model in listed["models"]] == ["street"]


def test_a_damaged_picture_over_http(service: str, crops: Path) -> None:
    half = min(crops.iterdir()).read_bytes()
    answer = httpx.post(f"{service}/classify", content=half[: len(half) // 2], timeout=30)
    assert answer.status_code == 422
    assert "damaged" in answer.json()["error"]["message"]


def test_many_at_once_are_all_answered(service: str, crops: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        pictures = list(crops.iterdir()) * 4
        answers = list(pool.map(lambda picture: ask(service, picture, "?top=1"), pictures))
    assert {answer.status_code for answer in answers} == {200}
    kinds = [answer.json()["labels"][0]["value"] for answer in answers]
    right = [p.name.startswith(kind) for p, kind in zip(pictures, kinds, strict=True)]
    assert sum(right) >= 0.9 * len(right)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "models: {a: {model: street-attributes, task: classify}}", "all of them are classifiers",
            id="no detector",
        ),
        pytest.param(
            "models: {b: {model: street}, a: {model: street-attributes, task: classify}}\n"
            "streams: {s: {source: 'street://', model: a}}",
            "a is a classifier: it finds no objects", id="a stream of a classifier",
        ),
    ],
)  # fmt: skip
def test_configurations_that_cannot_work(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "site.yaml").write_text(text)
    done = sightline("config", "check", "site.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_bundled_classifiers_are_known() -> None:
    found = {
        path.stem
        for path in BUNDLED.glob("*.onnx")
        if open_model(path).metadata.get("task") == "classify"
    }
    assert found == set(BUNDLED_CLASSIFIERS)

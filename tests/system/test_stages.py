"""Chains of models on the street, where the truth is known: detect, track, classify."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from tests import exported_graphs as graphs
from tests import ports
from tests.command import Run, in_process
from tests.waiting import wait_for

import sightline as sl
from sightline.errors import ConfigError, ModelError
from sightline.sources.street import StreetOptions, StreetSource, truth_of

SIGHTLINE = Path(sys.executable).with_name("sightline")
STREET = "street://?seed=10501&width=640&height=384&fps=5&duration=6"
VEHICLES = ("bicycle", "car", "motorcycle", "bus", "truck")


@pytest.fixture
def sightline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


def objects(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield from json.loads(line)["objects"]


def truth_of_tracks(
    seen: list[sl.Observation],
) -> dict[int, dict[str, str]]:
    """The true labels of the objects that each track was on most of the time."""
    true: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for observation in seen:
        truth, found = truth_of(observation.frame), observation.detections
        assert found.track_ids is not None
        for box, track in zip(found.boxes, found.track_ids.tolist(), strict=True):
            centre = (box[:2] + box[2:]) / 2
            near = np.linalg.norm((truth.boxes[:, :2] + truth.boxes[:, 2:]) / 2 - centre, axis=1)
            if len(near) and near.min() < 8:
                for label in truth.labels[int(near.argmin())]:
                    true[track][label.attribute, label.value] += 1
    return {
        track: {name: value for (name, value), n in counts.items() if n > counts.total() / 4}
        for track, counts in true.items()
    }


def test_vehicles_of_a_street_are_called_what_they_are() -> None:
    source = StreetSource(StreetOptions(seed=10_501, width=960, height=576, fps=5, duration=12))
    stage = sl.Classify("street-attributes", of=VEHICLES)
    seen = list(sl.track(source, "street", stages=[stage]))
    last = {track: labels for observation in seen for track, labels in observation.labels.items()}
    right: list[bool] = []
    for track, true in truth_of_tracks(seen).items():
        told = {label.attribute: label.value for label in last.get(track, ())}
        right += [told[name] == value for name, value in true.items() if name in told]
    assert len(right) >= 20
    assert np.mean(right) >= 0.85, "of single looks four fifths are right"
    people = [
        track
        for observation in seen
        for one in observation.detections
        if (track := one.track_id) in observation.labels and one.name == "person"
    ]
    assert not people, "it was shown vehicles only"


def test_on_the_command_line(tmp_path: Path, sightline: Run) -> None:
    everything_is_masked(tmp_path / "seg.onnx")
    done = sightline(
        "track", STREET, "-m", "street", "--classify", "street-attributes:car,truck", "--segment", "seg.onnx:car",
        "--json", "o.jsonl", "--save-config", "site.yaml",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    stages = yaml.safe_load((tmp_path / "site.yaml").read_text())["streams"]
    (stages,) = (stream["stages"] for stream in stages.values())
    assert [(stage["kind"], stage["of"]) for stage in stages] == [
        ("classify", ["car", "truck"]),
        ("segment", ["car"]),
    ]
    labelled = [one for one in objects(tmp_path / "o.jsonl") if one.get("labels")]
    assert labelled
    assert {one["class"] for one in labelled} <= {"car", "truck"}
    assert {label["attribute"] for one in labelled for label in one["labels"]} <= {"type", "colour"}
    (tmp_path / "o.jsonl").rename(tmp_path / "first.jsonl")
    assert sightline("run", "site.yaml").returncode == 0
    again = [one for one in objects(tmp_path / "o.jsonl") if one.get("labels")]
    assert {one["track_id"] for one in again} == {one["track_id"] for one in labelled}


def everything_is_masked(path: Path) -> Path:
    """A segmentation model that finds one object in each picture: the whole of it."""
    rows = np.zeros((1, 4 + graphs.CLASSES + 4, graphs.CELLS), np.float32)
    width, height = graphs.CANVAS
    rows[0, :4, 100], rows[0, 4, 100] = (width / 2, height / 2, width, height), 0.9
    rows[0, -4:, 100] = 1
    planes = np.ones((1, 4, height // 4, width // 4), np.float32)
    told = {"author": "Ultralytics", "task": "segment", "names": "{0: 'a', 1: 'b', 2: 'c'}"}
    return graphs.answers(output0=rows, output1=planes).save(path, told)


@pytest.mark.parametrize("workers", [0, 2])
def test_three_streams_share_the_models_of_their_stages(
    tmp_path: Path, sightline: Run, workers: int
) -> None:
    everything_is_masked(tmp_path / "seg.onnx")
    stages = [
        {"kind": "classify", "model": "attributes", "of": list(VEHICLES)},
        {"kind": "segment", "model": "seg", "of": "car", "crops": True, "margin": 0, "every": 5},
        {"kind": "detect", "model": "street", "of": "bus", "size": 96, "every": 3},
        {"kind": "detect", "model": "seg", "of": ["person"], "every": 5},
    ]
    streams = {
        f"street-{seed}": {
            "source": f"street://?seed={seed}&width=640&height=384&fps=5&duration=3",
            "stages": stages if seed == 10_501 else stages[:1],
            "outputs": {"json_lines": f"{seed}.jsonl"},
        }
        for seed in (10_501, 10_502, 10_503)
    }
    site = {
        "models": {
            "street": {"model": "street"},
            "attributes": {"model": "street-attributes"},
            "seg": {"model": "seg.onnx", "task": "segment"},
        },
        "streams": streams,
        "workers": workers,
    }
    (tmp_path / "site.yaml").write_text(json.dumps(site))  # JSON is YAML
    checked = sightline("config", "check", "site.yaml")
    assert "then attributes, then seg, then street, then seg" in checked.stdout
    done = sightline("run", "site.yaml")
    assert done.returncode == 0, done.stderr
    for seed in (10_501, 10_502, 10_503):
        seen = list(objects(tmp_path / f"{seed}.jsonl"))
        labelled = [one for one in seen if one.get("labels")]
        assert labelled, done.stderr
        assert {one["class"] for one in labelled} <= set(VEHICLES)
        if seed != 10_501:
            continue
        masked = [one for one in seen if one.get("mask", {"counts": "PPP"})["counts"] != "PPP"]
        assert "car" in {one["class"] for one in masked}
        parts = [one for one in seen if "parent_id" in one and one["class"] == "a"]
        assert parts, done.stderr
        people = {one["track_id"] for one in seen if one["class"] == "person"}
        assert {one["parent_id"] for one in parts} <= people
        assert not any("track_id" in one for one in parts)


class Counting:
    """A stage of one's own: how often each track was seen, as a label."""

    name = "count"

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def submit(self, seen: sl.Observation) -> Future[None] | None:
        del seen

    def settle(self, seen: sl.Observation, found: None) -> sl.Observation:
        del found
        assert seen.detections.track_ids is not None
        self.counts.update(seen.detections.track_ids.tolist())
        labels = {
            track: (*seen.labels.get(track, ()), sl.Label("seen", str(count), 1.0))
            for track, count in self.counts.items()
        }
        return replace(seen, labels={**seen.labels, **labels})


def test_a_stage_of_ones_own_stands_beside_a_classifier() -> None:
    stages = [sl.Classify("street-attributes", of="car"), Counting()]
    seen = list(sl.track(STREET, "street", stages=stages))
    told = [{one.attribute for one in labels} for o in seen for labels in o.labels.values()]
    assert {"seen"} in told
    assert any({"seen", "type"} <= attributes for attributes in told)


@pytest.mark.parametrize(
    ("stages", "error", "message"),
    [
        pytest.param([sl.Classify("street")], ModelError, "classifier", id="a detector"),
        pytest.param([sl.Classify("street-embedder")], ModelError, "task is embed", id="an embedder"),
        pytest.param([sl.Classify("street-atributes")], ConfigError, "did you mean street-attributes", id="misspelt"),
        pytest.param(
            [sl.Classify("street-attributes", of="cra")], ConfigError, "mean 'car'", id="no such class"
        ),
        pytest.param([sl.Segment("street")], ConfigError, "task is detect, so it tells no masks", id="no masks"),
        pytest.param([sl.Detect("street-attributes")], ModelError, "classify", id="a classifier that detects"),
        pytest.param([sl.Detect("street", of="cra")], ConfigError, "mean 'car'", id="of no such class"),
        pytest.param([sl.Detect("street", classes="cra")], ConfigError, "mean 'car'", id="no such part"),
        pytest.param([sl.Detect("street", size=100)], ConfigError, "multiples of 32", id="a wrong size"),
        pytest.param([Counting], ConfigError, "stages: give", id="a class instead of a stage"),
        pytest.param(["street-attributes"], ConfigError, "stages: give", id="a name"),
    ],
)  # fmt: skip
def test_what_is_refused(stages: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        next(iter(sl.track(STREET, "street", stages=stages)))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        pytest.param({"kind": "classify", "model": "no-such"}, "no-such", id="no such model"),
        pytest.param({"kind": "clasify", "model": "street-attributes"}, "classify", id="no such kind"),
        pytest.param({"kind": "classify"}, "model", id="no model"),
        pytest.param({"kind": "segment", "model": "street", "again_s": 1}, "again_s", id="another kind's key"),
        pytest.param({"kind": "detect", "model": "street", "every": 0}, "every", id="every 0th frame"),
        pytest.param(
            {"kind": "classify", "model": "street-attributes", "off": "car"}, "of", id="misspelt key"
        ),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_are_told_with_their_line(
    tmp_path: Path, sightline: Run, stage: dict[str, Any], message: str
) -> None:
    site = {
        "models": {"street": {"model": "street"}},
        "streams": {"a": {"source": STREET, "stages": [stage]}},
    }
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site, sort_keys=False))
    done = sightline("config", "check", "site.yaml")
    assert done.returncode == 2
    assert "site.yaml:" in done.stderr
    assert message in done.stderr


def test_clients_may_use_the_models_of_the_configuration_and_bundled_ones(tmp_path: Path) -> None:
    port = ports.free_port()
    site = {
        "models": {"street": {"model": "street"}},
        "serving": {"port": port, "grpc_port": "none"},
    }
    (tmp_path / "site.yaml").write_text(json.dumps(site))
    service = subprocess.Popen([str(SIGHTLINE), "run", "site.yaml"], cwd=tmp_path)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            def ready() -> bool:
                try:
                    return client.get("/ready").status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(ready, timeout_s=60)
            live = "street://?seed=10501&width=640&height=384&fps=5&duration=0&live=true"
            for model, status in (("site.yaml", 404), ("street-attributes", 201)):
                stages = [{"kind": "classify", "model": model}]
                body = {"name": "gate", "source": live, "stages": stages}
                answer = client.post("/streams", json=body)
                assert answer.status_code == status, answer.text
            with client.stream("GET", "/events") as events:
                assert any('"labels"' in line for line in events.iter_lines())
            assert set(client.get("/streams/gate").json()["missing"]) <= {"classify"}
            assert client.delete("/streams/gate").status_code == 204
    finally:
        service.terminate()
        assert service.wait(30) == 0

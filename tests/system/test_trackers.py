"""Trackers chosen by users, on the street, with the models that come with the program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.waiting import wait_for

import sightline as sl
from sightline.build.application import Application
from sightline.config import file as config_file
from sightline.errors import ConfigError, ModelError

STREET = "street://?seed=10502&width=320&height=192&fps=10&duration=1.5"
SITE = """
models:
  street: {model: street}
  looks: {model: street-embedder}
streams:
  north: {source: "SOURCE", tracker: {kind: deepsort, embedder: looks}, outputs: {csv: north.csv}}
  south: {source: "SOURCE", tracker: {kind: deepsort, embedder: looks}, outputs: {csv: south.csv}}
  west: {source: "SOURCE", tracker: deepsort, outputs: {csv: west.csv}}
"""


@pytest.fixture(scope="module")
def street() -> Any:
    with sl.load("street") as model:
        yield model


@pytest.mark.parametrize(
    ("tracker", "vectors"),
    [
        pytest.param("ocsort", False, id="ocsort"),
        pytest.param({"kind": "ocsort", "camera_motion": "affine"}, False, id="camera motion"),
        pytest.param("deepsort", True, id="the card's embedder"),
        pytest.param({"kind": "deepsort", "embedder": "street-embedder"}, True, id="by name"),
    ],
)
def test_a_tracker_by_its_kind(street: sl.Model, tracker: Any, vectors: bool) -> None:
    *_, last = sl.track(STREET, street, tracker)
    found = last.detections
    assert found.track_ids is not None
    assert len(found) >= 2
    assert not last.missing
    assert (found.embeddings is not None) == vectors
    if found.embeddings is not None:
        lengths = np.linalg.norm(found.embeddings, axis=1)
        assert lengths[found.scores >= 0.5] == pytest.approx(1, abs=1e-3)


def test_one_s_own_deepsort_is_embedded_by_the_stream_as_by_hand(street: sl.Model) -> None:
    """In a stream the vectors are made beside other work; by hand in ``update``. The ids are the same."""
    ids = []
    tracker = sl.DeepSORT("street-embedder", high_threshold=0.5)
    try:
        *_, last = sl.track(STREET, street, tracker)
        ids.append(last.detections.track_ids.tolist())
        tracker.reset()
        again = sl.DeepSORT(tracker.embedder, high_threshold=0.5)
        for seen in sl.track(STREET, street, again):
            last = seen
        ids.append(last.detections.track_ids.tolist())
        by_hand = sl.DeepSORT(tracker.embedder, high_threshold=0.5)
        from sightline.sources.street import StreetSource

        weak = street.detector.replaced(conf=0.1)
        for frame in StreetSource(STREET):
            (found,) = weak.submit((frame,)).result()
            tracked = by_hand.update(found, frame)
        ids.append(tracked.track_ids.tolist())
    finally:
        tracker.close()
    assert ids[0] == ids[1]
    assert len(ids[2]) >= 2


@pytest.mark.parametrize(
    ("model", "tracker", "error", "message"),
    [
        pytest.param(
            "people", "deepsort", ConfigError, "needs an embedder", id="none suits the model"
        ),
        pytest.param(
            "street", {"kind": "deepsort", "embedder": "street-attributes"}, ModelError,
            "an embedder is needed, and this model's task is classify", id="a classifier",
        ),
        pytest.param(
            "street", {"kind": "deepsort", "embedder": "street-embeder"}, ConfigError,
            "no model is called 'street-embeder'", id="no such model",
        ),
        pytest.param(
            "street", {"kind": "ocsort", "embedder": "street-embedder"}, ConfigError,
            "embedder: there is no such option", id="a tracker without looks",
        ),
        pytest.param("street", "deepsrt", ConfigError, "'deepsort'", id="no such tracker"),
    ],
)  # fmt: skip
def test_what_is_refused(model: str, tracker: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        next(sl.track(STREET, model, tracker))


def test_streams_share_an_embedder_behind_the_scheduler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = SITE.replace("SOURCE", STREET)
    read = config_file.parse(text, tmp_path / "site.yaml", {}).configuration
    assert read.served_models == ["street"]  # an embedder detects nothing
    app = Application(read)
    app.open()
    try:
        loaded = {app.stage_models.embedder(name) for name in ("looks", "street-embedder")}
        assert len(loaded) == 2  # one for both streams that name it; the card's own beside it
        wait_for(lambda: all(s.state == "ended" for s in app.fleet.stats().values()), timeout_s=60)
        stats = app.scheduler.stats()
    finally:
        app.close()
    rows = {
        name: (tmp_path / f"{name}.csv").read_text().splitlines()
        for name in ("north", "south", "west")
    }
    assert len(rows["north"]) > 10
    assert [r.split(",")[1:] for r in rows["north"]] == [r.split(",")[1:] for r in rows["south"]]
    assert "looks:embed" in str(stats)

"""Trackers by kind, with their thresholds."""

from __future__ import annotations

import pickle

import pytest
from tests.unit.config.refused import refusal

from sightline.config import StreamOptions
from sightline.config import tracker as module
from sightline.config.options import checked
from sightline.config.tracker import TRACKER_KINDS, TrackParameters, embedder_of
from sightline.tables import TRACKERS


def tracker_of(given: object) -> module.TrackerKind:
    return checked(TrackParameters, tracker=given).tracker


@pytest.mark.parametrize("kind", TRACKERS)
def test_a_kind_alone_or_with_thresholds(kind: str) -> None:
    alone, written = tracker_of(kind), tracker_of({"kind": kind})
    assert alone == written
    assert type(alone) is TRACKER_KINDS[kind]
    assert set(type(alone).model_fields) == {"kind", *TRACKERS[kind].options}


def test_the_first_kind_need_not_be_named() -> None:
    assert tracker_of({"high_threshold": 0.6}).kind == next(iter(TRACKERS)) == "bytetrack"


@pytest.mark.parametrize("kind", TRACKERS)
def test_options_reach_another_process(kind: str) -> None:
    options = tracker_of(kind)
    assert pickle.loads(pickle.dumps(options)) == options


def test_a_module_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'BananaOptions'"):
        _ = module.BananaOptions


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"low_threshold": 0.7, "high_threshold": 0.6},
            "tracker.low_threshold: 0.7 is above high_threshold, 0.6",
            id="thresholds the wrong way round",
        ),
        pytest.param(
            {"minimum_hits": 5, "confirm_within": 3},
            "tracker.confirm_within: 3 is less than minimum_hits, 5",
            id="more hits than frames",
        ),
        pytest.param("bytetracker", "tracker: it must be 'bytetrack', ", id="no such kind"),
        pytest.param(
            {"kind": "ocsort", "gallery": 3},
            "tracker.gallery: there is no such option",
            id="an option of another",
        ),
    ],
)
def test_trackers_that_cannot_be(given: object, message: str) -> None:
    assert refusal(TrackParameters, tracker=given).startswith(message)


def test_the_embedder_of_a_tracker() -> None:
    named = checked(StreamOptions, source="a", tracker={"kind": "deepsort", "embedder": "looks"})
    assert embedder_of(named.tracker) == "looks"
    assert embedder_of(tracker_of("bytetrack")) is None

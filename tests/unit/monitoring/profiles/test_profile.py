"""Profiles add up, and survive being written."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.monitoring.profiles.object_statistics import ObjectStatistics
from sightline.monitoring.profiles.picture_statistics import picture_sample
from sightline.monitoring.profiles.profile import FrameSample, Profile, difference, merged
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, EmbedderInfo, Embedding, Frame, Observation


def embedding(frame: Frame, rng: np.random.Generator) -> Embedding:
    vector = rng.standard_normal(8).astype(np.float32)
    return Embedding(
        EmbedderInfo("looks", "4f0a", 8), frame.index, frame.time, None, None, 1, "car", 0.9, (0, 0, 9, 9),
        vector / np.linalg.norm(vector), 1.0,
    )  # fmt: skip


def samples(count: int, seed: int = 0) -> list[FrameSample]:
    """Noise with some objects in it."""
    rng = np.random.default_rng(seed)
    found = []
    statistics = ObjectStatistics()
    for number in range(count):
        picture = rng.integers(0, 256, (48, 64, 3), np.uint8)
        frame = Frame("gate", number, float(number), 0.0, ArrayPicture(picture), utc=1e9 + number)
        corners = rng.random((4, 2)) * 30
        boxes = np.hstack([corners, corners + 12]).astype(np.float32)
        objects = Detections(
            boxes, rng.random(4).astype(np.float32), rng.integers(0, 2, 4),
            class_names=("car", "bus"), track_ids=np.arange(4),
        )  # fmt: skip
        taken = picture_sample(frame)
        statistics.see(Observation(frame, objects, embeddings=(embedding(frame, rng),)))
        seen = Observation(frame, objects)
        found.append(FrameSample(frame.time, frame.utc, taken, statistics.sample(seen, taken)))
    return found


SAMPLES = samples(24)


def profile(part: list[FrameSample]) -> Profile:
    made = Profile()
    for sample in part:
        made.add(sample)
    return made


def same(a: Profile, b: Profile) -> None:
    assert a.samples == b.samples
    assert (a.began, a.ended, a.utc) == (b.began, b.ended, b.utc)
    assert a.categories == b.categories
    assert a.numbers.keys() == b.numbers.keys()
    for name, counts in a.numbers.items():
        np.testing.assert_array_equal(counts, b.numbers[name])
    np.testing.assert_allclose(a.view, b.view, atol=1e-2)
    assert a.looks.keys() == b.looks.keys()
    for embedder, sketch in a.looks.items():
        assert sketch.count == b.looks[embedder].count
        np.testing.assert_allclose(sketch.total, b.looks[embedder].total, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 23), min_size=1, max_size=4, unique=True))
def test_parts_add_up_to_the_whole(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 24]
    parts = [profile(SAMPLES[a:b]) for a, b in pairwise(edges)]
    same(merged(parts), profile(SAMPLES))


def test_a_part_can_be_taken_away() -> None:
    whole, part, rest = profile(SAMPLES), profile(SAMPLES[:10]), profile(SAMPLES[10:])
    left = difference(whole, part)
    assert left.samples == rest.samples
    for name, counts in rest.numbers.items():
        np.testing.assert_array_equal(left.numbers[name], counts)
    assert +left.categories["classes"] == rest.categories["classes"]
    np.testing.assert_allclose(left.view, rest.view, atol=1e-2)
    same(whole, profile(SAMPLES))  # it is as it was


def test_what_was_written_is_read() -> None:
    own = profile(SAMPLES)
    read = Profile.from_dict(json.loads(json.dumps(own.to_dict())))
    assert np.abs(read.view - own.view).max() <= 0.5  # kept as bytes
    read.view = own.view
    same(read, own)


def test_a_mean_is_that_of_the_values() -> None:
    own = profile(SAMPLES)
    brightness = np.mean([sample.picture.numbers["brightness"] for sample in SAMPLES])
    assert own.mean("brightness") == pytest.approx(brightness, abs=1)
    assert np.isnan(own.mean("label_score"))

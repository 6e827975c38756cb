"""A day of samples takes no more memory than hours of them, and all of them count."""

from __future__ import annotations

import pytest
from tests.unit.monitoring.drift.simulated import Camera

from sightline.monitoring.drift import blocks
from sightline.monitoring.drift.blocks import BlockSeries
from sightline.monitoring.drift.reference import BLOCK, usual_of
from sightline.monitoring.profiles.profile import Profile


def test_long_recordings_are_thinned_and_all_samples_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_BLOCKS", 20)
    series, whole, camera = BlockSeries(), Profile(), Camera()
    for _ in range(30 * BLOCK):
        sample = camera.sample()
        series.add(sample)
        whole.add(sample)
        assert len(series.blocks) <= 20
    usual = usual_of("gate", series.blocks, series.rest)
    assert series.samples == usual.profile.samples == whole.samples
    assert usual.profile.numbers["brightness"].tolist() == whole.numbers["brightness"].tolist()
    assert (usual.profile.began, usual.profile.ended) == (whole.began, whole.ended)
    assert series.seconds == whole.ended - whole.began


def test_short_recordings_keep_each_block() -> None:
    series, camera = BlockSeries(), Camera()
    for _ in range(12 * BLOCK):
        series.add(camera.sample())
    assert [block.samples for block in series.blocks] == [BLOCK] * 12
    assert not series.rest.samples

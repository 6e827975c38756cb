"""A week of a hundred cameras in less than 100 MB: real summaries of a busy street, written as the recorder does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from sightline.build.models import detector
from sightline.build.monitoring.sampling import observed
from sightline.build.sources import inputs
from sightline.config import HistoryOptions, ModelOptions
from sightline.monitoring.history.collecting import StreamCollector
from sightline.monitoring.history.latency import latency_bin
from sightline.monitoring.history.packing import names_in, packed
from sightline.monitoring.history.series import DAY_S, HOUR_S, MINUTE_S, Series
from sightline.monitoring.history.summary import PeriodSummary, added
from sightline.runtime.history.store import HistoryStore
from sightline.sinks import schema

CAMERAS, DAYS, LARGEST_MB = 100, 7, 100
STREET = "street://?seed=7&width=320&height=192&fps=1&duration=121"
START = 20_000 * DAY_S


def street_minutes() -> list[PeriodSummary]:
    """Minutes of sixty sampled frames each, with latencies, drops and states."""
    (named,) = inputs([STREET])
    info, collector, found = named.source.open(), StreamCollector(), list[PeriodSummary]()
    chance = random.Random(1)
    model = ModelOptions(model="street", backend="onnxruntime")
    frames = observed(named, info, detector(model), 1.0, track=True, seconds=None)
    for number, (seen, sample) in enumerate(frames, 1):
        collector.saw(seen)
        assert sample is not None
        collector.sampled(sample)
        if number % 60 == 0:
            one = collector.take()
            for name, count in (("read", 1500), ("analyzed", 1497), ("dropped/stale", 3)):
                one.count(name, count)
            one.count("state/running", 60_000)
            one.count("drift/usual", 60_000)
            for _ in range(1497):
                one.put("latency", latency_bin(chance.lognormvariate(-3, 0.3)))
            found.append(one)
    return found


@pytest.mark.slow
def test_a_week_of_a_hundred_cameras(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    keep = HistoryOptions(database=str(path))
    minutes = street_minutes()
    first = {
        Series("stream", f"camera {number}", "street"): minutes[0] for number in range(CAMERAS)
    }
    store = HistoryStore(path, keep)
    for number in range(3):  # the way that the recorder goes, and what it takes
        store.add(START - DAY_S + number * MINUTE_S, first)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        names = schema.history_names
        new = {name for one in minutes for name in names_in(one)}
        there = dict(connection.execute(sa.select(names.c.name, names.c.id)).all())
        missing = [{"name": name} for name in sorted(new - there.keys())]
        if missing:
            connection.execute(names.insert(), missing)
        numbers = dict(connection.execute(sa.select(names.c.name, names.c.id)).all())
        ids = connection.execute(sa.select(schema.history_series.c.id)).scalars().all()
        kept_s = {
            MINUTE_S: int(keep.minute_days * DAY_S) + HOUR_S,
            HOUR_S: DAYS * DAY_S,
            DAY_S: DAYS * DAY_S,
        }
        for seconds, length in kept_s.items():
            parts = seconds // MINUTE_S
            blobs = [
                packed(added(minutes[(first + n) % len(minutes)] for n in range(parts)), numbers)
                for first in range(len(minutes))
            ]
            for at in range(START, START + length, seconds):
                rows = [
                    {
                        "start": at,
                        "series_id": one,
                        "data": blobs[(at // seconds + one) % len(blobs)],
                    }
                    for one in ids
                ]
                connection.execute(schema.history[seconds].insert(), rows)
    engine.dispose()
    size_mb = path.stat().st_size / 1e6
    assert size_mb < LARGEST_MB, f"{size_mb:.1f} MB"

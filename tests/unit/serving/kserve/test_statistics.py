"""Statistics of the Open Inference Protocol, as numbers."""

from __future__ import annotations

import numpy as np

from sightline.runtime.scheduling.executions import Execution, Watch
from sightline.runtime.scheduling.items import Item, Terms
from sightline.runtime.scheduling.joined import JoinedJob
from sightline.serving.kserve import statistics as statistics_v2
from sightline.serving.kserve.statistics import Statistics


def watched(*executions: Execution, since: int = 0) -> Watch:
    return Watch(since, list(executions))


def test_a_shared_batch_counts_once_for_each_model() -> None:
    found, batch = Statistics(), Execution(3, 10, 12, 20, 21)
    for _ in range(2):
        found.answered("a", 30, 1, 1, watched(batch))
    found.answered("b", 40, 1, 1, watched(batch, since=4))
    a, b = found.of("a"), found.of("b")
    assert (a["inference_count"], a["execution_count"]) == (2, 1)
    assert a["inference_stats"]["compute_infer"] == {"count": 2, "ns": 16}
    assert a["inference_stats"]["success"] == {"count": 2, "ns": 60}
    assert a["batch_stats"] == [
        {
            "batch_size": 3,
            "compute_input": {"count": 1, "ns": 2},
            "compute_infer": {"count": 1, "ns": 8},
            "compute_output": {"count": 1, "ns": 1},
        }
    ]
    assert (b["execution_count"], b["inference_stats"]["queue"]) == (1, {"count": 1, "ns": 6})


def test_sizes_that_clients_choose_do_not_grow_without_end() -> None:
    found = Statistics()
    for rows in range(1, 2000):
        found.answered("a", 1, rows, 1, watched(Execution(1)))
    assert found.of("a")["execution_count"] == 1999
    assert len(found.of("a")["batch_stats"]) == statistics_v2.MOST_SIZES


def test_only_watched_items_that_were_read_are_told() -> None:
    def fail(_: object) -> None:
        raise ValueError

    watches = [Watch(), Watch(), Watch()]
    items = [
        Item((1, 2, 2), lambda _: None, lambda _: 1, Terms("a", watch=watches[0]), 0.0),
        Item((1, 2, 2), lambda _: None, lambda _: 1, Terms("a"), 0.0),
        Item((1, 2, 2), lambda _: None, fail, Terms("a", watch=watches[1]), 0.0),
        Item((1, 2, 2), lambda _: None, lambda _: 1, Terms("a", watch=watches[2]), 0.0),
    ]
    job = JoinedJob(items)
    job.fill(np.zeros((4, 2, 2, 3), np.uint8))
    job.read([np.zeros((4, 1), np.float32)])
    (first,), none, (third,) = (w.executions for w in watches)
    assert (first is third, none, first.pictures) == (True, [], 4)
    assert 0 < first.begun <= first.filled <= first.inferred <= first.done

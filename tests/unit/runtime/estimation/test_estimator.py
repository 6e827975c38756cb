"""What moments of a stream come to, and what becomes of those that cannot be looked at."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref
from concurrent.futures import Future
from dataclasses import replace

import pytest
from tests.unit.evaluation.estimation.simulated import footage
from tests.unit.runtime.estimation.looked_at import NAMES, Site, frame, objects
from tests.waiting import wait_for

from sightline.config import FEWEST_LOOKS
from sightline.errors import (
    ConfigError,
    DeadlineExceeded,
    EngineUnavailable,
    InferenceError,
    ModelError,
    Overloaded,
)
from sightline.evaluation.estimation.learning import learn_calibration
from sightline.runtime.estimation.estimator import OWN_S, AccuracyEstimator, FrameContext
from sightline.types import Detections, Frame


def moment(index: int = 0) -> FrameContext:
    return FrameContext(frame(index + 1), frame(index), frame(index + 2))


def offer(site: Site, count: int = 1) -> None:
    for number in range(count):
        done = site.estimator.offer(moment(3 * number))
        assert done is not None
        assert done.done()


def test_from_ten_moments_on_there_is_an_estimate() -> None:
    site = Site(objects(0.9, 0.8))
    offer(site, FEWEST_LOOKS - 1)
    assert site.estimator.status().state == "waiting"
    assert site.estimator.status().map50 is None
    offer(site)
    status = site.estimator.status()
    assert status.state == "estimated"
    assert (status.frames, status.looked_at, status.newest) == (10, 10, 1000.0)
    assert status.low is not None
    assert status.map50 is not None
    assert status.high is not None
    assert 0 < status.low < status.map50 <= status.high
    assert status.per_class.keys() == {"car"}
    assert status.per_class["car"]["objects"] == pytest.approx(17, abs=2)
    assert any("no calibration" in note for note in status.notes)
    assert site.worker.shown == [1 + 3 * n for n in range(9)] + [1]  # the one in the middle


def test_the_newest_frames_count() -> None:
    site = Site(objects(0.9, 0.9), frames=10)
    site.own.found = objects()
    offer(site, 10)
    assert site.estimator.status().state == "empty"  # the model has found nothing of what is there
    site.own.found = objects(0.9, 0.9)
    offer(site, 10)
    good = site.estimator.status()
    assert good.map50 is not None
    assert (good.frames, good.looked_at, len(good.per_class)) == (10, 20, 1)
    site.own.found = objects(0.4)
    offer(site, 5)
    worse = site.estimator.status()
    assert worse.map50 is not None
    assert worse.map50 < good.map50 - 0.1


def test_where_nothing_is_there_nothing_is_said() -> None:
    site = Site(objects())
    site.own.found = objects()
    offer(site, 12)
    status = site.estimator.status()
    assert (status.state, status.map50, status.low, status.high) == ("empty", None, None, None)
    assert not status.per_class


def test_the_own_model_waits_for_a_moment_only() -> None:
    site = Site()
    begun = time.monotonic()
    offer(site)
    assert site.own.seen == [0, 1, 2]
    assert all(0 < until - begun <= OWN_S + 1 for until in site.deadlines)


def test_without_reference_a_calibration_has_to_do() -> None:
    learnt = learn_calibration([footage(n, skill=0.6) for n in range(3)], NAMES, "s", "l")
    site = Site(calibration=learnt)
    offer(site, 10)
    status = site.estimator.status()
    assert status.map50 is not None
    assert len(status.notes) == 1
    assert "no larger model" in status.notes[0]


@pytest.mark.parametrize(
    ("error", "reason", "told"),
    [
        pytest.param(Overloaded("full"), "busy", False, id="full"),
        pytest.param(DeadlineExceeded("late"), "busy", False, id="late"),
        pytest.param(EngineUnavailable("starts"), "restarting", False, id="restarting"),
        pytest.param(InferenceError("broken"), "failed", True, id="failed"),
    ],
)
@pytest.mark.parametrize("whose", ["own", "reference"])
def test_what_fails_is_left_out_and_counted(
    error: Exception, reason: str, told: bool, whose: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(objects(0.9))
    if whose == "own":
        site.own.found = error
    else:
        site.worker.reference = error
    offer(site, 3)
    status = site.estimator.status()
    assert (status.left_out, status.looked_at, status.frames) == ({reason: 3}, 0, 0)
    assert (status.error is not None) == told
    assert len([one for one in caplog.records if one.levelno >= logging.ERROR]) == int(told)
    site.own.found, site.worker.reference = objects(0.9), objects(0.9)
    offer(site)
    assert site.estimator.status().error is None
    assert site.estimator.status().looked_at == 1


def test_a_reference_that_cannot_be_loaded_is_told_until_it_can() -> None:
    site = Site(objects(0.9))
    site.worker.classes = ModelError("no model file at large.onnx")
    offer(site)
    site.worker.classes = EngineUnavailable("its process starts again in a while")
    offer(site)
    status = site.estimator.status()
    assert status.left_out == {"failed": 1, "restarting": 1}
    assert status.error == "no model file at large.onnx"
    assert not site.own.seen  # for nothing
    site.worker.classes = NAMES
    offer(site)
    assert site.estimator.status().error is None


def test_a_reference_without_the_models_classes_is_refused_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site(objects(0.9))
    site.worker.classes = ("car", "dog")
    offer(site)
    status = site.estimator.status()
    assert status.state == "refused"
    assert "large has no class person" in str(status.error)
    assert not site.estimator.wants_moments
    assert "stream gate" in caplog.text


def test_classes_of_a_reference_are_called_as_the_model_does() -> None:
    theirs = Detections(*vars_of(objects(0.9, 0.9)), class_names=("dog", "car", "person"))
    site = Site(theirs)
    site.worker.classes = ("dog", "car", "person")
    offer(site, 10)
    agreed = site.estimator.status()
    assert agreed.map50 is not None
    assert agreed.per_class.keys() == {"car"}


def vars_of(found: Detections) -> tuple[object, ...]:
    return found.boxes, found.scores, found.class_ids


def test_one_moment_at_a_time() -> None:
    site = Site()
    site.worker.kept = []
    assert site.estimator.offer(moment()) is not None
    assert site.estimator.offer(moment()) is None
    site.worker.kept.pop()()
    assert site.estimator.offer(moment()) is not None
    site.worker.kept.clear()
    full = Site()
    full.worker.full = True
    assert full.estimator.offer(moment()) is None
    full.worker.full = False
    assert full.estimator.offer(moment()) is not None


def test_frames_are_let_go() -> None:
    site = Site(objects(0.9))
    held: list[weakref.ref[Frame]] = []

    def look(one: Frame) -> Detections:
        held.append(weakref.ref(one))
        assert neighbours[0]() is None
        assert neighbours[1]() is None  # before the reference begins, which may take minutes
        return objects(0.9)

    site.worker.look = look  # type: ignore[method-assign]
    shown = moment()
    assert shown.before is not None
    assert shown.after is not None
    neighbours = [weakref.ref(shown.before), weakref.ref(shown.after)]
    assert site.estimator.offer(shown) is not None
    del shown
    gc.collect()
    assert held[0]() is None
    assert site.estimator.status().looked_at == 1


def test_a_stream_that_ends_waits_for_nobody() -> None:
    site = Site()
    site.worker.kept, site.own.held = [], []
    done = site.estimator.offer(moment())
    assert site.workers.users == 1
    site.estimator.close()
    assert site.workers.users == 0
    assert not site.estimator.wants_moments
    assert site.estimator.offer(moment()) is None
    site.worker.kept.pop()()  # its turn comes afterwards
    assert isinstance(done, Future)
    assert done.done()
    assert site.estimator.status().looked_at == 0
    assert not site.own.held


def test_a_stream_that_ends_meanwhile_takes_its_frame_out_of_the_queue() -> None:
    site = Site()
    site.worker.kept, site.own.held = [], []
    site.estimator.offer(moment())
    thread = threading.Thread(target=site.worker.kept.pop())
    thread.start()
    wait_for(lambda: site.own.held)
    site.estimator.close()
    thread.join(10)
    assert not thread.is_alive()
    assert site.own.held[0].cancelled()
    assert site.estimator.status().left_out == {}


def test_a_future_that_nobody_waits_for_any_more() -> None:
    site = Site()
    site.worker.kept = []
    done = site.estimator.offer(moment())
    assert done is not None
    done.cancel()
    site.worker.kept.pop()()
    assert site.estimator.status().looked_at == 1


def test_workers_that_have_ended_have_no_time() -> None:
    site = Site()
    site.workers.ended = True
    assert site.estimator.offer(moment()) is None
    site.estimator.close()
    assert site.workers.users == 0


def test_a_model_that_is_loaded_again_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sightline")
    site = Site(objects(0.9, 0.8))
    offer(site, 10)
    assert site.estimator.status().state == "estimated"
    site.loaded = 1
    offer(site)
    status = site.estimator.status()
    assert (status.state, status.frames, status.looked_at) == ("waiting", 1, 11)
    assert "begins anew" in caplog.text
    site.loaded, site.calibration = (
        2,
        ConfigError("the calibration is of the model small 1, not of small 2"),
    )
    offer(site)
    assert site.estimator.status().state == "refused"
    assert not site.estimator.wants_moments
    site.loaded, site.calibration = 3, None  # it was taken back
    assert site.estimator.wants_moments
    offer(site)
    status = site.estimator.status()
    assert (status.state, status.frames, status.error) == ("waiting", 1, None)


def test_of_a_model_that_is_loaded_meanwhile_nothing_is_counted() -> None:
    site = Site(objects(0.9))
    look = site.worker.look

    def load(one: Frame) -> Detections:
        site.loaded += 1
        return look(one)

    site.worker.look = load  # type: ignore[method-assign]
    offer(site)
    assert site.estimator.status().looked_at == 0


def test_a_calibration_that_does_not_suit_is_refused_at_once() -> None:
    site = Site()
    site.calibration = ConfigError("small.json: the calibration is of the model other")
    refusing = AccuracyEstimator(site.estimator._model, site.estimator._workers)
    assert refusing.status().state == "refused"
    assert "small.json" in str(refusing.status().error)
    assert not refusing.wants_moments


def test_what_was_seen_long_ago_says_nothing() -> None:
    site = Site(objects(0.9, 0.8), frames=10)  # every two seconds: 20 s fill the window
    offer(site, 10)
    site.ticks += 70
    assert site.estimator.status().state == "estimated"
    site.ticks += 20
    status = site.estimator.status()
    assert (status.state, status.map50, status.looked_at) == ("waiting", None, 10)
    offer(site)
    assert site.estimator.status().frames == 1
    site.estimator.close()
    site.ticks += 1000
    assert site.estimator.status().frames == 1


def test_moments_are_as_far_apart_as_the_calibration_was_learnt() -> None:
    learnt = learn_calibration([footage(n, skill=0.6) for n in range(3)], NAMES, "s", "l")
    assert Site(calibration=learnt).estimator.apart_s == 0
    assert Site(calibration=replace(learnt, interval_s=0.5)).estimator.apart_s == 0.5

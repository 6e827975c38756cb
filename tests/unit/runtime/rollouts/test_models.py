"""The two models of a rollout: both in the repository, or the second in a process of its own."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from tests.unit.runtime.rollouts.conftest import frame, objects

from sightline.errors import Conflict, DeadlineExceeded
from sightline.runtime.repository.served_model import Overrides
from sightline.runtime.rollouts import models
from sightline.runtime.rollouts.models import SHOW_S, ServedPair, ShadowPair


class Model:
    def __init__(self, name: str, content: str) -> None:
        self.name, self.content = name, content
        self.asked_as: list[Any] = []
        self.answers = True

    def asked(self, terms: Any, wanted: Overrides) -> Model:
        self.asked_as.append((terms, wanted))
        return self

    def submit(self, frames: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.answers:
            future.set_result([objects(0)])
        return future


class Repository:
    def __init__(self) -> None:
        self.models = {"street": Model("street", "a" * 64), "next": Model("next", "b" * 64)}
        self.loads: list[tuple[str, str | None, str | None]] = []
        self.file_of_first = "a" * 64

    def get(self, name: str) -> Model:
        return self.models[name]

    def load(self, name: str, of: str | None = None, content: str | None = None) -> Model:
        self.loads.append((name, of, content))
        own = content or (self.file_of_first if of == name else "?")
        self.models[name].content = own
        return self.models[name]


def pair(clock: Any = lambda: 100.0) -> tuple[ServedPair, Repository]:
    repository = Repository()
    return ServedPair(repository, ("street", "next"), clock), repository  # type: ignore[arg-type]


@pytest.mark.parametrize(("second", "name"), [(False, "street"), (True, "next")])
def test_a_picture_is_shown_behind_all_who_want_an_answer(second: bool, name: str) -> None:
    now = iter([100.0, 100.25])
    made, repository = pair(lambda: next(now))
    found = made.show(second, frame(), Overrides(conf=0.5))
    assert (len(found.objects), found.seconds, found.cpu_s) == (1, 0.25, None)
    ((terms, wanted),) = repository.models[name].asked_as
    assert (terms.client, terms.priority, terms.deadline) == (
        "compare street",
        "batch",
        100.0 + SHOW_S,
    )
    assert wanted.conf == 0.5
    assert made.second() is repository.models["next"]


def test_a_picture_that_is_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SHOW_S", 0.01)
    made, repository = pair()
    repository.models["next"].answers = False
    with pytest.raises(DeadlineExceeded, match="a picture was not compared in time"):
        made.show(True, frame(), Overrides())


def test_the_file_that_was_judged_is_promoted_and_the_old_one_restored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, repository = pair()
    made.promote()
    assert repository.loads == [("street", "next", "b" * 64)]
    made.restore()
    assert repository.loads[1:] == [("street", "street", None)]
    assert caplog.text == ""


def test_a_file_that_was_exchanged_meanwhile_is_told_when_it_is_restored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, repository = pair()
    made.promote()
    repository.file_of_first = "c" * 64
    made.restore()
    assert (
        "which is not the one that it had before (SHA-256 cccccccccccc, not aaaaaaaaaaaa)"
        in caplog.text
    )


class Background:
    content = "b" * 64

    def __init__(self) -> None:
        self.done: list[str] = []

    def detect(self, frame: Any, wanted: Overrides) -> str:
        self.done.append("detect")
        return "found"

    def restart(self) -> None:
        self.done.append("restart")

    def close(self) -> None:
        self.done.append("close")


def test_a_shadow_answers_nobody_and_is_shown_what_the_first_has_answered() -> None:
    background, repository = Background(), Repository()
    shadow = ShadowPair(repository, ("street", "next"), background)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="model next is a shadow: it answers nobody"):
        shadow.second()
    assert shadow.show(True, frame(), Overrides()) == "found"  # type: ignore[comparison-overlap]
    shadow.restart()
    shadow.promote()
    shadow.close()
    assert background.done == ["detect", "restart", "close"]
    assert repository.loads == [("street", "next", "b" * 64)]
    assert repository.models["next"].asked_as == []

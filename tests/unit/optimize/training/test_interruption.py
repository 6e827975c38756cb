"""Ctrl-C and SIGTERM wait for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from sightline.optimize.training import interruption
from sightline.optimize.training.interruption import INTERRUPTED, held_interrupts, told_interrupts


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_one_is_noted(number: signal.Signals) -> None:
    with held_interrupts() as came:
        assert not came()
        signal.raise_signal(number)
        assert came()


def test_a_second_press_at_once_is_the_same_and_a_later_one_ends_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [10.0]
    monkeypatch.setattr(interruption.time, "monotonic", lambda: now[0])
    with held_interrupts() as came:
        signal.raise_signal(signal.SIGINT)
        now[0] += interruption.ONE_PRESS_S
        signal.raise_signal(signal.SIGINT)
        assert came()
        now[0] += 0.1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_handlers_are_given_back_also_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)

    def fail() -> None:
        with held_interrupts():
            assert signal.getsignal(signal.SIGINT) != before
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert signal.getsignal(signal.SIGINT) == before


def test_in_another_thread_nothing_is_held() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def run() -> None:
        with held_interrupts() as came:
            found.append((came(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert found == [(False, before)]


def interrupted(*words: str) -> None:
    with told_interrupts():
        raise KeyboardInterrupt(*words)


@pytest.mark.parametrize(("words", "said"), [((), ""), (("go on with --resume",), "interrupted: go on with --resume\n")])  # fmt: skip
def test_a_program_says_how_to_go_on(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        interrupted(*words)
    assert caught.value.code == INTERRUPTED
    assert capsys.readouterr().err == said


def test_other_errors_go_through() -> None:
    with pytest.raises(ValueError, match="x"), told_interrupts():
        raise ValueError("x")

"""Logs of the service: one JSON object a line, with ids, without secrets, and not too many."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.cli.terminal import logs as command_logs
from sightline.monitoring import logs
from sightline.monitoring.context import bound, bound_ids
from sightline.monitoring.logs import LimitedHandler, RateLimit

log = logging.getLogger("sightline.test_logs")
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """These tests set up the process' own logging."""
    root, ours = logging.getLogger(), logging.getLogger("sightline")
    before = (root.handlers[:], root.level, ours.level)
    yield
    for handler in [h for h in root.handlers if h not in before[0]]:
        root.removeHandler(handler)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    logging.captureWarnings(capture=False)


@pytest.fixture
def lines() -> Lines:
    """Set logs up as JSON, and read what was written."""
    stream = io.StringIO()
    logs.set_up(2, json=True, stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_ids_and_extras(lines: Lines) -> None:
    with bound(request="7f3a"), bound(stream="gate"):
        log.info("opened %s", "x", extra={"width": 768})
    log.warning("later")
    first, second = lines()
    time = first.pop("time")
    assert time.startswith("20")
    assert time.endswith("Z")
    assert first == {
        "level": "info", "logger": "sightline.test_logs", "message": "opened x",
        "width": 768, "request": "7f3a", "stream": "gate",
    }  # fmt: skip
    assert list(second) == ["time", "level", "logger", "message"]


def test_an_exception_is_one_line_and_has_no_secrets(lines: Lines) -> None:
    try:
        raise ValueError("rtsp://joe:hunter2@cam/1")
    except ValueError:
        log.exception("cannot open")
    (line,) = lines()
    assert line["exception"].startswith("Traceback")
    assert "rtsp://joe:***@cam/1" in line["exception"]
    assert "hunter2" not in json.dumps(line).replace('raise ValueError("rtsp://joe:hunter2', "")


class Secretive:
    """An object whose text is a secret."""

    def __str__(self) -> str:
        return "http://u:hunter2@h/"


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(lambda: log.info("at rtsp://a:hunter2@b/1"), id="message"),
        pytest.param(lambda: log.info("at %s", "rtsp://a:hunter2@b/1"), id="argument"),
        pytest.param(lambda: log.info("at %s", Secretive()), id="object"),
        pytest.param(lambda: log.info("a", extra={"url": "http://u:hunter2@h"}), id="extra"),
        pytest.param(lambda: log.info("a", extra={"token": "hunter2"}), id="named like one"),
        pytest.param(
            lambda: log.info("a", extra={"headers": {"Authorization": "Bearer hunter2"}}), id="deep"
        ),
        pytest.param(lambda: log.info("a", extra={"x": [Secretive()]}), id="object in a list"),
        pytest.param(
            lambda: logging.getLogger("uvicorn.access").warning(
                '%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/a?token=hunter2", "1.1", 200
            ),
            id="uvicorn",
        ),
        pytest.param(lambda: warnings.warn("http://u:hunter2@h/", stacklevel=1), id="a warning"),
    ],
)  # fmt: skip
def test_secrets(lines: Lines, capsys: pytest.CaptureFixture[str], say: Callable[[], None]) -> None:
    say()
    shown = json.dumps(lines()) + capsys.readouterr().err
    assert "hunter2" not in shown
    assert "***" in shown


def test_a_record_that_cannot_be_written_is_not_shown_raw(
    capsys: pytest.CaptureFixture[str],
) -> None:
    limited = Limited()
    values = ("http://u:hunter2@h/",)
    limited.handler.handle(logging.LogRecord("limited", logging.INFO, "", 1, "%d", values, None))
    assert capsys.readouterr().err == "a log record of limited could not be written\n"


def test_uvicorn_writes_through_the_same_handler(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(logging.StreamHandler(sys.stderr))
    logger.propagate = False
    stream = io.StringIO()
    logs.set_up(json=True, stream=stream)
    logger.warning("started")
    assert json.loads(stream.getvalue())["logger"] == "uvicorn.error"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("verbose", "levels"), [(0, ["warning"]), (1, ["info", "warning"]), (2, ["debug", "info", "warning"])])  # fmt: skip
def test_verbosity(verbose: int, levels: list[str]) -> None:
    stream = io.StringIO()
    logs.set_up(verbose, json=True, stream=stream)
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        log.log(level, "x%d", level)
        logging.getLogger("elsewhere").log(min(level, logging.INFO), "not ours")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == levels


def test_text_on_a_terminal() -> None:
    main, other = os.openpty()
    with os.fdopen(other, "w") as terminal, os.fdopen(main, "rb") as reader:
        handler = logs.set_up(stream=terminal)
        with bound(stream="gate"):
            log.info("opened rtsp://a:hunter2@b/1")
        handler.flush()
        shown = reader.read1(4096).decode()
    assert "opened rtsp://a:***@b/1" in shown
    assert "stream=gate" in shown
    assert not shown.startswith("{")


def test_plain_commands_hide_secrets_too(capsys: pytest.CaptureFixture[str]) -> None:
    command_logs.set_up(1)
    try:
        raise ValueError("token=hunter2")
    except ValueError:
        log.exception("at %s", "rtsp://a:pw@b/1")
    entry = json.loads(capsys.readouterr().err)
    assert entry["message"] == "at rtsp://a:***@b/1"
    assert entry["exception"].endswith("ValueError: token=***")


# ---------------------------------------------------------------- ids


def test_ids_belong_to_a_task_and_do_not_leak() -> None:
    async def task(name: str) -> dict[str, str]:
        with bound(request=name):
            await asyncio.sleep(0)
            with bound(stream=f"s{name}"):
                await asyncio.sleep(0)
                inner = dict(bound_ids())
            assert dict(bound_ids()) == {"request": name}
        return inner

    async def both() -> list[dict[str, str]]:
        return await asyncio.gather(task("1"), task("2"))

    assert asyncio.run(both()) == [{"request": n, "stream": f"s{n}"} for n in ("1", "2")]
    assert not bound_ids()


def test_a_new_thread_begins_without_ids() -> None:
    seen: list[dict[str, str]] = []
    with bound(stream="gate"):
        thread = threading.Thread(target=lambda: seen.append(dict(bound_ids())))
        thread.start()
        thread.join()
    assert seen == [{}]


# ---------------------------------------------------------------- limit


class Limited:
    """A handler in virtual time, and what it wrote."""

    def __init__(self, most: int = 3, period_s: float = 10.0) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = LimitedHandler(self.stream, RateLimit(most, period_s), lambda: self.now)
        self.handler.setFormatter(logs._formatter(json=True))
        self.logger = logging.getLogger("limited")
        self.logger.addHandler(self.handler)

    def lines(self) -> list[tuple[str, int]]:
        """Messages, each with the number of those left out."""
        entries = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [(entry["message"], entry.get("left_out", 0)) for entry in entries]


def test_what_repeats_is_counted() -> None:
    limited = Limited()
    for i in range(10):
        limited.logger.warning("lost %d", i)
    limited.logger.warning("something else")
    assert limited.lines() == [(f"lost {i}", 0) for i in range(3)] + [("something else", 0)]
    limited.now = 10
    limited.logger.warning("later")
    assert limited.lines()[4:] == [("lost 9", 6), ("later", 0)]
    limited.logger.warning("lost %d", 10)
    assert limited.lines()[-1] == ("lost 10", 0)


def test_streams_do_not_silence_one_another() -> None:
    limited = Limited(most=1)
    for name in ("a", "b", "a", "b"):
        with bound(stream=name):
            limited.logger.warning("lost")
    assert len(limited.lines()) == 2
    for name in ("c", "d", "c", "d"):
        limited.logger.warning("lost", extra={"stream": name})
    assert len(limited.lines()) == 4
    limited.handler.close()
    entries = [json.loads(line) for line in limited.stream.getvalue().splitlines()]
    assert [entry["stream"] for entry in entries] == list("abcdabcd")


def test_what_waits_holds_no_frames() -> None:
    limited = Limited(most=1)
    for number in range(2):
        try:
            raise ValueError(f"bad {number}")
        except ValueError:
            limited.logger.exception("failed")
    (window,) = limited.handler._limit._windows.values()
    assert window.kept is not None
    assert window.kept.exc_info is None
    limited.handler.close()
    assert json.loads(limited.stream.getvalue().splitlines()[-1])["error"] == "ValueError: bad 1"


def test_the_table_of_events_is_bounded() -> None:
    limited = Limited()
    for i in range(1500):
        limited.logger.warning(f"event {i}")  # noqa: G004 - a new event each time
    assert len(limited.lines()) == 1500
    assert len(limited.handler._limit._windows) <= logs._MOST_EVENTS


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from("ab")), max_size=60))
def test_written_and_left_out_make_the_whole(steps: list[tuple[float, str]]) -> None:
    limited = Limited(most=2, period_s=7)
    for pause, event in steps:
        limited.now += pause
        limited.logger.warning(event)
    limited.handler.close()
    for event in "ab":
        shown = [left_out for message, left_out in limited.lines() if message == event]
        assert len(shown) + sum(shown) == sum(e == event for _, e in steps)

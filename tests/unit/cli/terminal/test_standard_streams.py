"""Standard streams that cannot fail a command."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from sightline.cli.terminal import standard_streams
from sightline.cli.terminal.standard_streams import flush, forget, may_be_seen


def wrapped(file: Any, encoding: str = "ascii") -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding=encoding, write_through=True)


def test_what_an_encoding_lacks_is_written_as_an_escape(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        stream = standard_streams._escaping(wrapped(file), 1)
        stream.write("a … b\udce9")
        stream.flush()
    assert (tmp_path / "out").read_bytes() == rb"a \u2026 b\udce9"


def test_messages_whose_reader_has_left_are_left_out() -> None:
    reader, writer = os.pipe()
    original = wrapped(os.fdopen(writer, "wb", buffering=0))
    messages = standard_streams._Messages(original)
    assert messages.write("seen\n") == 5
    assert os.read(reader, 99) == b"seen\n"
    os.close(reader)
    assert messages.write("nobody reads this\n") == 18
    messages.flush()
    messages.write("nor this\n")
    flushed = os.fstat(messages.fileno())
    assert flushed.st_rdev == Path(os.devnull).stat().st_rdev


def test_who_may_see_what_is_written(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe, (tmp_path / "file").open("w") as file:
        assert may_be_seen(pipe)
        assert not may_be_seen(file)
    os.close(reader)
    with Path(os.devnull).open("w") as nothing:
        assert not may_be_seen(nothing)
    assert not may_be_seen(io.StringIO())


def test_flushing_to_a_reader_that_has_left_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    pipe = os.fdopen(writer, "w")
    pipe.write("in the buffer")
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", pipe)
    flush()
    pipe.close()


def test_what_is_forgotten_goes_nowhere(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as file:
        file.write("before")
        file.flush()
        forget(file)
        file.write("after")
    assert (tmp_path / "out").read_text() == "before"


@pytest.mark.parametrize("number", [1])
def test_a_closed_stream_takes_everything(number: int, tmp_path: Path) -> None:
    stream = standard_streams._escaping(None, number)
    assert (stream.fileno(), stream.encoding.lower()) == (number, "utf-8")

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sightline.errors import SinkError
from sightline.sinks.jsonl import JsonLinesSink, to_json
from sightline.types import Detections, Event, Frame, Label, Observation, StreamInfo

INFO = StreamInfo("cam", 96, 64)


class Empty:
    width, height = 768, 432


def test_the_exact_line(observe):
    seen = observe("car-detection", 12, 0.48, [[1, 2.5, 30.126, 40, 0.91, 2, 3]], size=(768, 432))
    assert to_json(seen) == (
        '{"stream":"car-detection","frame":12,"time":0.48,"width":768,"height":432,"objects":'
        '[{"box":[1.00,2.50,30.13,40.00],"score":0.9100,"class_id":2,"class":"car","track_id":3}]}'
    )


def test_no_objects(observe):
    assert to_json(observe("cam", 0)).endswith('"objects":[]}')


def test_untracked_objects_have_no_track_id(observe):
    line = json.loads(to_json(observe(boxes=[[1, 2, 3, 4, 0.5, 9, 0]], tracked=False)))
    assert list(line["objects"][0]) == ["box", "score", "class_id", "class"]
    assert line["objects"][0]["class"] == "9"


def test_labels_stand_with_their_object(observe):
    boxes = [[1, 2, 3, 4, 0.5, 2, 7], [1, 2, 3, 4, 0.5, 2, 8]]
    labels = {8: (Label("colour", "red", 0.87654),)}
    first, second = json.loads(to_json(observe(boxes=boxes, labels=labels)))["objects"]
    assert "labels" not in first
    assert second["labels"] == [{"attribute": "colour", "value": "red", "score": 0.8765}]


def test_events_come_last_and_only_when_there_are_any(observe):
    events = (
        Event("crossed", 0.5, "cam", 3, {"line": "gate", "counts": np.arange(2)}),
        Event("empty", 0.5, "cam"),
    )
    line = json.loads(to_json(observe(events=events)))
    assert list(line)[-1] == "events"
    assert line["events"] == [
        {"kind": "crossed", "time": 0.5, "track_id": 3, "data": {"line": "gate", "counts": [0, 1]}},
        {"kind": "empty", "time": 0.5},
    ]


coordinates = st.floats(-1e5, 1e5, width=32)


@given(
    boxes=hnp.arrays(np.float32, st.tuples(st.integers(0, 5), st.just(4)), elements=coordinates),
    stream=st.text(),
    name=st.text(),
    tracked=st.booleans(),
    shaped=st.booleans(),
)
def test_the_objects_are_those_of_to_dict(boxes, stream, name, tracked, shaped):
    n = len(boxes)
    found = Detections(
        boxes,
        np.linspace(0, 1, n, dtype=np.float32),
        np.arange(n),
        np.arange(n) if tracked else None,
        class_names=(name,),
    )
    if shaped:
        found = replace(
            found,
            masks=np.indices((n, 5, 6)).sum(axis=0) % 3 == 0,
            keypoints=np.linspace(-3, 900, n * 6, dtype=np.float32).reshape(n, 2, 3),
            angles=np.linspace(-3, 3, n, dtype=np.float32),
        )
    text = to_json(Observation(Frame(stream, 3, 0.1, 0.0, Empty()), found))
    assert "\n" not in text
    line = json.loads(text)
    assert line["objects"] == found.to_dict()
    assert line["stream"] == stream


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"boxes": [[np.nan, 2, 3, 4, 0.5, 2, 7]]}, "finite", id="NaN in a box"),
        pytest.param({"boxes": [[1, 2, 3, 4, np.inf, 2, 7]]}, "finite", id="infinite score"),
        pytest.param(
            {"events": (Event("x", 0.0, "cam", None, {"a": object()}),)}, "object", id="event data"
        ),
        pytest.param({"time": float("nan")}, "JSON", id="NaN time"),
    ],
)
def test_what_json_cannot_hold_is_told(observe, change, message):
    with pytest.raises(SinkError, match=rf"frame 4 of cam .*{message}"):
        to_json(observe("cam", 4, **change))


def test_every_line_is_there_at_once(observe, tmp_path: Path):
    sink = JsonLinesSink(tmp_path / "out.jsonl")
    sink.open(INFO)
    for index in range(3):
        sink.write(observe(index=index))
        assert (tmp_path / "out.jsonl").read_text().count("\n") == index + 1
    sink.close()


def test_a_text_stream_is_flushed_and_left_open(observe):
    class Stream(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Stream()
    sink = JsonLinesSink(stream)
    sink.open(INFO)
    sink.write(observe())
    sink.close()
    assert stream.flushed == 1
    assert json.loads(stream.getvalue())["stream"] == "cam"
    assert not stream.closed


def test_an_old_file_is_overwritten(observe, tmp_path: Path):
    path = tmp_path / "out.jsonl"
    path.write_text("old\n" * 100)
    sink = JsonLinesSink(path)
    sink.open(INFO)
    sink.write(observe())
    sink.close()
    assert len(path.read_text().splitlines()) == 1


def test_a_reader_that_went_away(observe):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        sink = JsonLinesSink(stream)
        sink.open(INFO)
        with pytest.raises(SinkError, match="reader has gone") as caught:
            sink.write(observe())
        assert isinstance(caught.value.__cause__, BrokenPipeError)
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)  # so that closing can flush


def test_a_full_disk(observe):
    sink = JsonLinesSink("/dev/full")
    sink.open(INFO)
    with pytest.raises(SinkError, match="cannot write /dev/full: the disk is full"):
        sink.write(observe())
    sink.close()


def test_writing_after_close_is_refused(observe, tmp_path: Path):
    sink = JsonLinesSink(tmp_path / "out.jsonl")
    sink.open(INFO)
    sink.close()
    with pytest.raises(SinkError, match="closed"):
        sink.write(observe())


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        pytest.param(None, "", id="no file"),
        pytest.param("", "", id="empty"),
        pytest.param("{}\n[]\n", "{}\n[]\n", id="whole lines"),
        pytest.param('{}\n{"stre', "{}\n", id="half a line"),
        pytest.param('{"stre', "", id="nothing but half a line"),
    ],
)
def test_a_file_is_gone_on_with_after_its_last_whole_line(observe, tmp_path, there, kept):
    path = tmp_path / "out.jsonl"
    if there is not None:
        path.write_text(there)
    seen = observe("cam", 0)
    sink = JsonLinesSink(path, append=True)
    sink.open(INFO)
    sink.write(seen)
    sink.close()
    assert path.read_text() == f"{kept}{to_json(seen)}\n"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.errors import SinkError
from sightline.sinks.mot import MotSink
from sightline.types import StreamInfo

BOX = [0, 0, 10.5, 20, 0.9, 2, 7]


def test_frames_and_pixels_are_counted_from_one(observe, tmp_path: Path):
    sink = MotSink(tmp_path / "out.txt")
    sink.open(StreamInfo("cam", 96, 64))
    sink.write(observe(index=0, boxes=[BOX]))
    sink.write(observe(index=1))
    sink.write(observe(index=2, boxes=[BOX], tracked=False))
    sink.close()
    assert (tmp_path / "out.txt").read_text() == (
        "1,7,1.00,1.00,10.50,20.00,0.9000,-1,-1,-1\n3,-1,1.00,1.00,10.50,20.00,0.9000,-1,-1,-1\n"
    )


def test_real_rows_come_out_as_they_went_in(observe, tmp_path: Path, data: Path):
    rows = np.loadtxt(data / "tracking" / "TUD-Stadtmitte" / "gt.txt", delimiter=",")[:200]
    sink = MotSink(tmp_path / "out.txt")
    sink.open(StreamInfo("cam", 640, 480))
    for frame in np.unique(rows[:, 0]):
        boxes = [
            [x - 1, y - 1, x - 1 + w, y - 1 + h, score, 0, track]
            for _, track, x, y, w, h, score, *_ in rows[rows[:, 0] == frame]
        ]
        sink.write(observe(index=int(frame) - 1, boxes=boxes))
    sink.close()
    written = np.loadtxt(tmp_path / "out.txt", delimiter=",")
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    again = np.lexsort((written[:, 1], written[:, 0]))
    np.testing.assert_allclose(written[again, :7], rows[order, :7], atol=0.02)


def test_a_second_stream_needs_a_folder(tmp_path: Path):
    sink = MotSink(tmp_path / "out.txt")
    sink.open(StreamInfo("a", 96, 64))
    with pytest.raises(SinkError, match=r"one stream; give a folder instead \(.*out.txt/\)"):
        sink.open(StreamInfo("b", 96, 64))


def test_a_still_stream_goes_to_a_file_but_not_to_a_folder(observe, tmp_path: Path):
    still = StreamInfo("img1", 96, 64, still=True)
    sink = MotSink(tmp_path / "out.txt")
    sink.open(still)
    sink.write(observe("000001.jpg", 0, boxes=[BOX]))
    sink.close()
    assert (tmp_path / "out.txt").read_text().startswith("1,7,")
    with pytest.raises(SinkError, match="unrelated pictures"):
        MotSink(f"{tmp_path}/many/").open(still)

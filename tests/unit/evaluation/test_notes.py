"""What an evaluation left out."""

from __future__ import annotations

from pathlib import Path

from sightline.evaluation.notes import Notes


def test_notes_of_one_reason_are_counted_with_the_first_place() -> None:
    notes = Notes()
    notes.add(Path("a/truth.json"), "left out", "annotations[3]")
    notes.add("classes", "car is taken as Car")
    notes.add(Path("b/truth.json"), "left out", 7, count=2)
    notes.add(Path("a.txt"), "left out", 7)
    assert notes.lines() == (
        "truth.json: left out: 3 (first: annotations[3])",
        "classes: car is taken as Car",
        "a.txt: left out: 1 (line 7)",
    )
    assert notes.count("left out") == 4
    assert notes.count("nothing of that") == 0


def test_a_note_on_a_whole_file_has_no_count() -> None:
    notes = Notes()
    for _ in range(2):
        notes.add("a.json", "it is old")
    assert notes.lines() == ("a.json: it is old",)
    assert Notes().lines() == ()

"""The sinks of a run: which are made for whom, in what order they close, which files are joined."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.build.outputs import Outputs, joined_files, outputs
from sightline.config import OutputOptions, StreamOptions
from sightline.errors import SinkError
from sightline.sinks.csv_ import CsvSink
from sightline.sinks.jsonl import JsonLinesSink


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stream(name: str, *, live: bool = False, still: bool = False) -> Any:
    return SimpleNamespace(name=name, live=live, still=still)


class Sink:
    """Keeps how it was closed, in a list that several share."""

    def __init__(self, name: str, log: list[str], error: Exception | None = None) -> None:
        self.name, self.log, self.error = name, log, error
        self.state = "running"

    def open(self, stream: Any) -> None: ...

    def write(self, observation: Any) -> None: ...

    def reopen(self) -> None:
        self.log.append(f"reopen {self.name}")

    def close(self) -> None:
        self.log.append(f"{self.name} {self.state}")
        if self.error is not None:
            raise self.error


def test_a_run_that_closes_untold_was_cut_off() -> None:
    log: list[str] = []
    made = Outputs()
    made.add(Sink("a", log), [])  # type: ignore[arg-type]
    made.close()
    assert log == ["a failed"]


def test_all_are_closed_and_the_first_failure_is_told() -> None:
    log: list[str] = []
    made = Outputs()
    for name, error in (("a", None), ("b", SinkError("b is full")), ("c", None)):
        made.add(Sink(name, log, error), [])  # type: ignore[arg-type]
    made.state = "done"
    with pytest.raises(SinkError, match="b is full"):
        made.close()
    assert log == ["a done", "b done", "c done"]


def test_sinks_belong_to_streams_not_to_names() -> None:
    one, twin, other = stream("cam"), stream("cam"), stream("yard")
    made, log = Outputs(), []  # type: ignore[var-annotated]
    shared, own = Sink("shared", log), Sink("own", log)
    made.add(shared, [one, twin])  # type: ignore[arg-type]
    made.add(own, [twin])  # type: ignore[arg-type]
    assert made.sinks(one) == [shared]
    assert made.sinks(twin) == [shared, own]
    assert made.sinks(other) == []


def test_files_are_let_go_of_by_those_that_can() -> None:
    class Rotates(Sink):
        lost = 0

    log: list[str] = []
    made = Outputs()
    for sink in (Rotates("a", log), Sink("b", log)):
        made.add(sink, [])  # type: ignore[arg-type]
    made.reopen()
    assert log == ["reopen a"]


def test_a_file_is_for_all_and_a_folder_has_one_for_each() -> None:
    both = [stream("a"), stream("b")]
    made = outputs(OutputOptions(json_lines="all.jsonl", csv="tables/"), {}, both)
    per = [[type(sink) for sink in made.sinks(one)] for one in both]
    assert per == [[JsonLinesSink, CsvSink]] * 2
    assert made.sinks(both[0])[0] is made.sinks(both[1])[0]
    assert made.sinks(both[0])[1] is not made.sinks(both[1])[1]
    made.close()


def test_without_options_there_is_none() -> None:
    made = outputs(OutputOptions(), {}, [stream("a")])
    assert made.sinks(stream("a")) == []
    made.close()


@pytest.mark.parametrize("live", [True, False])
def test_only_cameras_go_on_with_a_file(live: bool, caplog: pytest.LogCaptureFixture) -> None:
    Path("a.csv").write_text("what was there\n")
    one = stream("cam", live=live)
    made = outputs(OutputOptions(csv="a.csv", append=True), {}, [one])
    for sink in made.sinks(one):
        sink.open(SimpleNamespace(name="cam", width=8, height=8, live=live, still=False))  # type: ignore[arg-type]
    made.close()
    assert ("what was there" in Path("a.csv").read_text()) is live
    assert ("cam: `append` is for cameras" in caplog.text) is not live


def streams(**paths: dict[str, Any]) -> dict[str, StreamOptions]:
    return {
        name: StreamOptions(source="rtsp://camera/live", outputs=OutputOptions(**options))
        for name, options in paths.items()
    }


def test_files_that_several_streams_write_to() -> None:
    Path("link.csv").symlink_to("all.csv")
    found = joined_files(
        streams(
            a={"csv": "all.csv", "json_lines": "-"},
            b={"csv": "./all.csv", "json_lines": "-"},
            c={"csv": "link.csv", "append": True},
            d={"csv": "own.csv", "database": "run.db"},
            e={"csv": "folder/", "database": "run.db"},
            f={"csv": "folder/"},
        )
    )
    assert found == {"all.csv": True, "./all.csv": True, "link.csv": True}


def test_one_writer_joins_nothing() -> None:
    assert joined_files(streams(a={"csv": "a.csv"}, b={"csv": "b.csv"})) == {}
    assert joined_files({}) == {}

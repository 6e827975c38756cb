"""The files that options mean, to read and to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sightline.build.files.uses import (
    path_uses,
    read_by_model,
    read_by_source,
    stream_uses,
    written,
)
from sightline.config import ModelOptions, OutputOptions, StreamOptions


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    return tmp_path


def outputs(still: bool = False, **options: Any) -> list[tuple[str, str, str]]:
    uses = written(OutputOptions(**options), "gate 1", still=still)
    return [(use.path, use.pattern, use.what) for use in uses]


def test_a_file_and_its_companions() -> None:
    assert outputs(json_lines="a.jsonl") == [("a.jsonl", "", "--json")]
    assert {path for path, _, _ in outputs(database="a.db")} >= {"a.db", "a.db-wal", "a.db-shm"}
    assert {path for path, _, _ in outputs(database="sqlite:///a.db")} >= {"a.db", "a.db-wal"}
    assert outputs(json_lines="-") == [("-", "", "--json")]


@pytest.mark.parametrize("folder", ["folder", "new/"])
def test_in_a_folder_each_stream_has_a_file(folder: str) -> None:
    ((path, pattern, _),) = outputs(csv=folder)
    assert (Path(path).parent, pattern) == (Path(folder), "")
    assert Path(path).name.startswith("gate_1-")
    assert path.endswith(".csv")


def test_what_is_no_file_is_not_used() -> None:
    assert outputs(database="postgresql://host/cams") == []
    assert outputs() == []
    assert not path_uses(OutputOptions())
    assert path_uses(OutputOptions(csv="a.csv"))


def test_annotated_pictures_are_one_file_or_all_of_a_folder() -> None:
    assert outputs(still=True, annotated="a.jpg")[0][:2] == ("a.jpg", "")
    path, pattern, _ = outputs(still=True, annotated="folder/")[0]
    assert path == "folder/"
    assert pattern


def test_outputs_of_a_configuration_are_called_by_their_place() -> None:
    at = ("streams", "gate", "outputs")
    (use,) = written(OutputOptions(csv="a.csv"), "gate", still=False, at=at, whose="stream gate: ")
    assert (use.what, use.at, use.shared, str(use)) == (
        "stream gate: csv",
        (*at, "csv"),
        "csv",
        "a.csv",
    )


def test_an_address_is_shown_without_its_password() -> None:
    uses = list(
        written(OutputOptions(database="sqlite:///a.db?password=geheim"), "gate", still=False)
    )
    assert "geheim" not in " ".join(map(str, uses))


def test_sources() -> None:
    def reads(spec: str) -> list[str]:
        return [use.path for use in read_by_source(spec, "the source")]

    for name in ("b.jpg", "a.png", "notes.txt"):
        Path("folder", name).touch()
    assert reads("street.mp4") == ["street.mp4"]
    assert reads("file:///a/b.mp4") == ["/a/b.mp4"]
    assert sorted(Path(path).name for path in reads("folder")) == ["a.png", "b.jpg"]
    assert [Path(path).name for path in reads("folder/*.jpg")] == ["b.jpg"]
    for none in ("rtsp://camera/live", "0", "street://?seed=1", "nowhere/*.jpg"):
        assert reads(none) == [], none


def model(path: str = "m.onnx", name: str = "") -> dict[str, str]:
    return {use.path: use.what for use in read_by_model(ModelOptions(model=path), name)}


def test_a_model_and_what_belongs_to_it() -> None:
    Path("m.onnx").write_bytes(b"\x08\x08")
    assert model() == {"m.onnx": "the model m.onnx", "m.yaml": "the card of the model m.onnx"}
    for beside in ("m.json", "m.onnx.data", "m.txt"):
        Path(beside).touch()
    assert set(model(name="default")) == {"m.onnx", "m.yaml", "m.json", "m.onnx.data"}
    assert model(name="default")["m.json"] == "a part of the model default"


def test_weights_that_an_onnx_file_names() -> None:
    name = b"weights-\xe9.bin"
    entry = b"\x0a\x08location\x12" + bytes([len(name)]) + name
    Path("m.onnx").write_bytes(b"\x08\x08" + entry + entry)
    weights = Path(__import__("os").fsdecode(name))
    weights.touch()
    assert str(weights) in model()


def test_a_file_that_is_not_there_may_come_and_a_name_may_have_none() -> None:
    assert set(model("nowhere.onnx")) == {"nowhere.onnx", "nowhere.yaml"}
    assert model("people") == model("no-such-name") == {}


def test_an_empty_model_file_is_a_file() -> None:
    Path("m.onnx").touch()
    assert "m.onnx" in model()


def test_what_a_stream_reads_and_writes() -> None:
    options = StreamOptions(
        source="street.mp4",
        outputs=OutputOptions(json_lines="a.jsonl"),
        drift={"reference": "gate.drift"},  # type: ignore[arg-type]
        collect={"folder": "hard"},  # type: ignore[arg-type]
    )
    reads, writes = stream_uses("gate", options, ("streams", "gate"))
    assert [use.path for use in reads] == ["street.mp4"]
    named = {use.path: (use.what, use.at) for use in writes}
    assert named["a.jsonl"][0] == "stream gate: json_lines"
    assert named["gate.drift"] == (
        "stream gate: drift.reference",
        ("streams", "gate", "drift", "reference"),
    )
    assert {"hard/gate/data.yaml", "hard/gate/images", "hard/gate/labels"} <= set(named)
    Path("gate.drift").touch()
    reads, writes = stream_uses("gate", options, ("streams", "gate"))
    assert "gate.drift" in {use.path for use in reads}, "it is learnt once, then read"
    assert "gate.drift" not in {use.path for use in writes}

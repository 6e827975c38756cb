"""Outputs that would destroy something are refused before anything is opened, and change nothing."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline.build import inputs, outputs
from sightline.build.files import identity
from sightline.build.files.conflicts import check_command
from sightline.cli.config import read
from sightline.config import ModelOptions, OutputOptions
from sightline.errors import ConfigError, SinkError
from sightline.sources.pictures import ArrayPicture
from sightline.tables import BUNDLED
from sightline.types import Detections, Frame, Observation, StreamInfo

Prepare = Callable[[Path], None]


def contents(folder: Path) -> dict[str, bytes | str]:
    """What every file of a folder holds, and where its links lead to."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a picture, others in a folder, a model with its parts, and links to them."""
    monkeypatch.chdir(tmp_path)
    grey = np.full((48, 64, 3), 90, np.uint8)
    (tmp_path / "in").mkdir()
    for name in ("b.jpg", "in/1.jpg", "in/2-000007.jpg"):
        cv2.imwrite(name, grey)
    (tmp_path / "v.mp4").write_bytes(b"a film")
    shutil.copy(BUNDLED / "street.onnx", tmp_path / "model.onnx")
    shutil.copy(BUNDLED / "street.yaml", tmp_path / "model.yaml")
    (tmp_path / "model.onnx.data").write_bytes(b"weights")
    (tmp_path / "soft.csv").symlink_to("model.onnx")
    (tmp_path / "hard.csv").hardlink_to("v.mp4")
    (tmp_path / "linked").symlink_to("in")
    (tmp_path / "dangling.db").symlink_to("new.csv")
    return tmp_path


COMMANDS = [
    pytest.param("b.jpg", {"json_lines": "b.jpg"}, "b.jpg", id="the input"),
    pytest.param("v.mp4", {"annotated": "v.mp4"}, "v.mp4", id="the video"),
    pytest.param("v.mp4", {"annotated": "./in/../v.mp4"}, "v.mp4", id="by another way"),
    pytest.param("v.mp4", {"json_lines": "{cwd}/v.mp4"}, "v.mp4", id="absolute"),
    pytest.param("v.mp4", {"csv": "hard.csv"}, "v.mp4", id="a hard link"),
    pytest.param("v.mp4", {"csv": "soft.csv"}, "model.onnx", id="a symbolic link to the model"),
    pytest.param("v.mp4", {"csv": "model.onnx"}, "model.onnx", id="the model"),
    pytest.param("v.mp4", {"coco": "model.yaml"}, "model.yaml", id="the model's card"),
    pytest.param("v.mp4", {"mot": "model.onnx.data"}, "model.onnx", id="the model's weights"),
    pytest.param("v.mp4", {"database": "v.mp4"}, "v.mp4", id="a database over the video"),
    pytest.param("v.mp4", {"database": "sqlite:///v.mp4"}, "v.mp4", id="by an address"),
    pytest.param("v.mp4", {"database": "sqlite:////{cwd}/v.mp4"}, "v.mp4", id="absolute address"),
    pytest.param("file://{cwd}/v.mp4", {"csv": "v.mp4"}, "v.mp4", id="the input by an address"),
    pytest.param("in", {"json_lines": "in/1.jpg"}, "in/1.jpg", id="a picture of the folder"),
    pytest.param("in/*.jpg", {"json_lines": "in/1.jpg"}, "in/1.jpg", id="what the glob matches"),
    pytest.param("linked", {"csv": "in/1.jpg"}, "1.jpg", id="a linked folder"),
    pytest.param("in", {"annotated": "in/"}, "in/2-000007.jpg", id="annotated pictures' names"),
    pytest.param("in", {"annotated": "linked/"}, "in/2-000007.jpg", id="the same, linked"),
    pytest.param("b.jpg", {"annotated": "b.jpg"}, "b.jpg", id="one annotated picture"),
    pytest.param("v.mp4", {"json_lines": "o", "csv": "./o"}, "--json", id="two outputs"),
    pytest.param("v.mp4", {"csv": "new.csv", "database": "dangling.db"}, "--csv", id="a dangling link"),
    pytest.param("v.mp4", {"database": "d", "csv": "d-wal"}, "--db", id="a database's own file"),
    pytest.param("v.mp4", {"coco": "c", "csv": "c.part"}, "--coco", id="a file under way"),
    pytest.param("v.mp4", {"mot": "out/", "csv": "out/v.txt"}, "--mot", id="a file in a folder"),
    pytest.param("v.mp4", {"yolo_txt": "o", "csv": "o/data.yaml"}, "--yolo-txt", id="what names the classes"),
    pytest.param("v.mp4", {"yolo_txt": "o/", "mot": "o/labels/a/b.txt"}, "--yolo-txt", id="a folder of labels"),
    pytest.param("in", {"crops": "."}, "in/2-000007.jpg", id="pictures with the names of crops"),
    pytest.param("v.mp4", {"crops": "o", "csv": "o/v/person/1-000001.jpg"}, "--crops", id="a folder of crops"),
    pytest.param("v.mp4", {"json_lines": "in/", "csv": "linked/v.jsonl"}, "--json", id="linked folders"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "outputs", "named"), COMMANDS)
def test_a_command_refuses(source: str, outputs: dict[str, str], named: str, place: Path) -> None:
    before = contents(place)
    options = OutputOptions(**{key: path.format(cwd=place) for key, path in outputs.items()})
    still = source.startswith(("in", "linked", "b."))
    given = [(source.format(cwd=place), "v", still)]
    with pytest.raises(ConfigError) as caught:
        check_command(given, ModelOptions(model="model.onnx"), options)
    assert named in str(caught.value)
    assert any(
        flag in str(caught.value)
        for flag in (
            "--json",
            "--csv",
            "--coco",
            "--mot",
            "--output",
            "--db",
            "--yolo-txt",
            "--crops",
        )
    )
    assert contents(place) == before


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        pytest.param("v.mp4", {"json_lines": "v.jsonl", "csv": "v.csv"}, id="files of their own"),
        pytest.param("v.mp4", {"json_lines": "-", "csv": "/dev/null", "mot": "/dev/null"}, id="no files"),
        pytest.param("v.mp4", {"yolo_txt": "o/", "crops": "o/", "csv": "o/"}, id="one folder for all"),
        pytest.param("in/1.jpg", {"annotated": "in/"}, id="beside the input"),
        pytest.param("v.mp4", {"json_lines": "o/", "csv": "o/", "coco": "o/", "annotated": "o/"}, id="a folder"),
        pytest.param("v.mp4", {"json_lines": "model.json", "csv": "model.bin"}, id="names beside the model"),
        pytest.param("street://", {"json_lines": "street"}, id="an input that is no file"),
        pytest.param("0", {"json_lines": "0"}, id="a camera's number"),
    ],
)  # fmt: skip
def test_a_command_accepts(source: str, outputs: dict[str, str], place: Path) -> None:
    given = [(source, "v", source.startswith("in"))]
    check_command(given, ModelOptions(model="model.onnx"), OutputOptions(**outputs))


def test_weights_that_a_model_names(place: Path) -> None:
    import onnx

    model = onnx.load(place / "model.onnx")
    onnx.save(
        model, place / "big.onnx", save_as_external_data=True, location="tensors", size_threshold=0
    )
    with pytest.raises(ConfigError, match="a part of the model big"):
        check_command(
            [("v.mp4", "v", False)], ModelOptions(model="big.onnx"), OutputOptions(csv="tensors")
        )


def test_case_counts_only_where_the_file_system_says_so(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = OutputOptions(json_lines="Out.txt", csv="out.txt")
    given = [("v.mp4", "v", False)]
    check_command(given, ModelOptions(model="model.onnx"), options)
    monkeypatch.setattr(identity, "_ignores_case", lambda _folder: True)
    with pytest.raises(ConfigError, match="--json writes to"):
        check_command(given, ModelOptions(model="model.onnx"), options)


STREAMS = "models: {default: {model: ./model.onnx}}\nstreams:\n"
CONFIGURATIONS = [
    pytest.param("  a: {source: v.mp4, outputs: {json_lines: site.yaml}}\n", "4:38: streams.a.outputs.json_lines: ", "this configuration", id="the configuration"),
    pytest.param("  a: {source: v.mp4, outputs: {csv: model.onnx}}\n", "streams.a.outputs.csv: ", "the model default", id="the model"),
    pytest.param("  a: {source: v.mp4, outputs: {csv: model.yaml}}\n", "streams.a.outputs.csv: ", "the card of the model default", id="its card"),
    pytest.param("  a: {source: v.mp4, outputs: {mot: v.mp4}}\n", "streams.a.outputs.mot: ", "the source of stream a", id="the source"),
    pytest.param("  a: {source: '0', outputs: {csv: hard.csv}}\n  b: {source: v.mp4}\n", "streams.a.outputs.csv: ", "the source of stream b", id="another's source"),
    pytest.param("  a: {source: '0', outputs: {mot: o}}\n  b: {source: '1', outputs: {mot: ./o}}\n", "streams.b.outputs.mot: ", "stream a: mot", id="two streams"),
    pytest.param("  a: {source: '0', outputs: {json_lines: o, csv: o}}\n", "streams.a.outputs.csv: ", "stream a: json_lines", id="two outputs"),
    pytest.param("  a: {source: '0', outputs: {csv: o}}\n  b: {source: '1', outputs: {database: o}}\n", "streams.b.outputs.database: ", "stream a: csv", id="two kinds"),
    pytest.param("  a: {source: '0', outputs: {annotated: o/}}\n  b: {source: '1', outputs: {coco: o/a.mp4}}\n", "streams.b.outputs.coco: ", "stream a: annotated", id="a folder's file"),
]  # fmt: skip


@pytest.mark.parametrize(("streams", "where", "named"), CONFIGURATIONS)
def test_a_configuration_refuses(streams: str, where: str, named: str, place: Path) -> None:
    (place / "site.yaml").write_text(STREAMS + streams)
    before = contents(place)
    with pytest.raises(ConfigError) as caught:
        read(Path("site.yaml"))
    assert where.removeprefix("4:38: ") in str(caught.value)
    assert "site.yaml:" in str(caught.value)
    assert named in str(caught.value)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        pytest.param(["{source: '0'", "{source: '1'"], False, id="two cameras of one model"),
        pytest.param(["{source: '0'", "{source: '1', model: other"], True, id="of two models"),
        pytest.param(
            ["{source: in", "{source: b.jpg"], True, id="pictures, which may have one name"
        ),
    ],
)
def test_streams_that_share_a_folder_of_labels(rows: list[str], refused: bool, place: Path) -> None:
    models = "{default: {model: ./model.onnx}, other: {model: ./model.onnx}}"
    streams = "".join(f"  s{i}: {row}, outputs: {{yolo_txt: o}}}}\n" for i, row in enumerate(rows))
    (place / "site.yaml").write_text(f"models: {models}\nstreams:\n{streams}")
    if refused:
        with pytest.raises(ConfigError, match=r"stream s0: yolo_txt writes to .*data\.yaml"):
            read(Path("site.yaml"))
    else:
        read(Path("site.yaml"))


def test_streams_share_lines_and_databases(place: Path) -> None:
    outputs = "outputs: {json_lines: all.jsonl, csv: ./all.csv, database: all.db, mot: o/}"
    (place / "site.yaml").write_text(
        STREAMS + "".join(f"  {name}: {{source: '0', {outputs}}}\n" for name in "abc")
    )
    assert len(read(Path("site.yaml")).configuration.streams) == 3


REAL = [
    pytest.param(["detect", "b.jpg", "--model", "model.onnx", "--json", "b.jpg"], id="detect"),
    pytest.param(["track", "v.mp4", "--model", "model.onnx", "--output", "v.mp4"], id="track"),
    pytest.param(["demo", "in/../v.mp4", "--folder", "."], id="demo"),
    pytest.param(["export", "model.onnx", "model.onnx"], id="export"),
    pytest.param(["config", "check", "site.yaml"], id="config check"),
    pytest.param(["run", "site.yaml"], id="run"),
    pytest.param(["serve", "site.yaml"], id="serve"),
    pytest.param(["config", "init", "v.yaml", "--schema", "--force"], id="config init"),
]


@pytest.mark.parametrize("arguments", REAL)
def test_no_command_destroys(arguments: list[str], place: Path) -> None:
    (place / "annotated.mp4").hardlink_to("v.mp4")
    (place / "v.yaml").write_text("mine")
    (place / "v.schema.json").symlink_to("v.yaml")
    (place / "site.yaml").write_text(
        STREAMS + "  a: {source: b.jpg, outputs: {json_lines: site.yaml}}\n"
    )
    before = contents(place)
    done = subprocess.run(
        [sys.executable, "-m", "sightline", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert contents(place) == before


OTHER = "what somebody else keeps here"
KINDS = [
    ("json_lines", "out.jsonl"),
    ("csv", "out.csv"),
    ("mot", "out.txt"),
    ("coco", "out.json"),
    ("annotated", "out.mp4"),
    ("database", "out.db"),
]


def written_after(place: Path, kind: str, path: str, swap: Prepare) -> str:
    """Outputs that are checked, then ``swap`` is done, then they are written; what that failed with."""
    (source,) = inputs(["street://"])
    options = OutputOptions.model_validate({kind: path, "append": False})
    guard = check_command([("v.mp4", "v.mp4", False)], ModelOptions(model="model.onnx"), options)
    swap(place)
    made = outputs(options, {}, [source], guard=guard)
    frame = Frame(source.name, 0, 0.0, 0.0, ArrayPicture(np.full((48, 64, 3), 90, np.uint8)))
    try:
        for sink in made.sinks(source):
            sink.open(StreamInfo(source.name, 64, 48, 25.0))
            sink.write(Observation(frame, Detections.empty()))
        made.close()
    except SinkError as exc:
        with contextlib.suppress(SinkError):
            made.close()
        return str(exc)
    return ""


@pytest.mark.parametrize(("kind", "path"), KINDS)
@pytest.mark.parametrize("there", [False, True], ids=["new", "there before"])
@pytest.mark.parametrize("target", ["v.mp4", "notes"])
def test_a_link_that_comes_after_the_check_is_not_followed(
    kind: str, path: str, there: bool, target: str, place: Path
) -> None:
    Path("notes").write_text(OTHER)
    if there:
        written_after(place, kind, path, lambda _: None)

    def swap(folder: Path) -> None:
        for name in (path, f"{path}.part"):
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(target)

    before = contents(place)
    said = written_after(place, kind, path, swap)
    assert "a link is in the way" in said
    after = contents(place)
    assert {name: after.get(name) for name in ("v.mp4", "notes", "b.jpg")} == {
        name: before[name] for name in ("v.mp4", "notes", "b.jpg")
    }
    assert not [name for name in after if "broken" in name]


@pytest.mark.parametrize(("kind", "path"), KINDS)
def test_a_hard_link_to_an_input_that_comes_after_the_check_is_left_alone(
    kind: str, path: str, place: Path
) -> None:
    said = written_after(place, kind, path, lambda folder: (folder / path).hardlink_to("v.mp4"))
    assert "it leads to a file that is read here" in said
    assert Path("v.mp4").read_bytes() == b"a film"
    assert Path(path).samefile("v.mp4")


@pytest.mark.parametrize(("kind", "path"), KINDS)
def test_a_link_that_was_there_when_it_was_checked_is_followed(
    kind: str, path: str, place: Path
) -> None:
    (place / "far").mkdir()
    (place / path).symlink_to(f"far/{path}")
    assert not written_after(place, kind, path, lambda _: None)
    assert (place / "far" / path).is_file()
    assert (place / path).is_symlink()


def test_a_folder_that_becomes_a_link_to_the_pictures_that_are_read(place: Path) -> None:
    (place / "out").mkdir()
    options = OutputOptions(annotated="out")
    (source,) = inputs(["in/*.jpg"])
    guard = check_command(
        [("in/*.jpg", source.name, True)], ModelOptions(model="model.onnx"), options
    )
    (place / "out").rmdir()
    (place / "out").symlink_to("in")
    before = contents(place)
    made = outputs(options, {}, [source], guard=guard)
    picture = ArrayPicture(np.full((48, 64, 3), 90, np.uint8))
    (sink,) = made.sinks(source)
    sink.open(StreamInfo("pictures", 64, 48, None, still=True))
    with pytest.raises(SinkError, match="it leads to a file that is read here"):
        sink.write(Observation(Frame("2.jpg", 7, 0.0, 0.0, picture), Detections.empty()))
    assert contents(place) == before


def test_a_link_that_leads_to_itself_is_no_place_for_a_database(place: Path) -> None:
    (place / "loop.db").symlink_to("loop.db")
    said = written_after(place, "database", "loop.db", lambda _: None)
    assert "a link is in the way" in said
    assert (place / "loop.db").is_symlink()

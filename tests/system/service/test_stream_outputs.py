"""Outputs of streams that clients add: below one folder, and over nothing that another part uses."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from tests.waiting import wait_for

STREET = "street://?width=128&height=96&fps=20&duration=0&live=true"


def add(client: httpx.Client, name: str = "gate", source: str = STREET, **outputs: Any) -> Any:
    return client.post("/streams", json={"name": name, "source": source, "outputs": outputs})


def analyzed(client: httpx.Client, name: str) -> int:
    return int(client.get(f"/streams/{name}/stats").json()["analyzed"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "recordings"
    path.mkdir()
    return path


def test_a_stream_writes_all_kinds_of_output(serve: Any, folder: Path) -> None:
    with serve(outputs_under=folder).client() as client:
        answer = add(
            client, json_lines="new/gate.jsonl", csv="csv/", mot="gate.txt", coco="gate.json",
            annotated="clips/", database="all.db", yolo_txt="yolo",
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        assert add(client, "yard", database="all.db", csv="csv/").status_code == 201
        wait_for(lambda: analyzed(client, "gate") > 5 and analyzed(client, "yard") > 5)
        assert client.get("/streams/gate").json()["error"] is None
        assert client.delete("/streams/gate").status_code == 204
        assert client.delete("/streams/yard").status_code == 204
    # Whole, now that DELETE has answered.
    lines = (folder / "new" / "gate.jsonl").read_text().splitlines()
    assert len(json.loads((folder / "gate.json").read_text())["images"]) == len(lines)
    with av.open(str(folder / "clips" / "gate.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) >= len(lines)
    assert {json.loads(line)["stream"] for line in lines} == {"gate"}
    labels = {path.name for path in (folder / "yolo" / "labels").iterdir()}
    assert labels == {f"gate-{json.loads(line)['frame']:06d}.txt" for line in lines}
    made = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != "labels"
    }
    assert made == {
        "new/gate.jsonl", "csv/gate.csv", "csv/yard.csv", "gate.txt", "gate.json",
        "clips/gate.mp4", "all.db", "yolo/data.yaml", "yolo/classes.txt",
    }  # fmt: skip
    with closing(sqlite3.connect(folder / "all.db")) as db:
        assert set(db.execute("SELECT name FROM streams")) == {("gate",), ("yard",)}


def test_outputs_that_are_not_closed_in_time_are_told(serve: Any, folder: Path) -> None:
    service = serve(outputs_under=folder)
    service.fleet.remove = partial(service.fleet.remove, timeout_s=0.05)
    with service.client() as client:
        assert add(client, database="gate.db", json_lines="gate.jsonl").status_code == 201
        wait_for(lambda: analyzed(client, "gate") > 5)
        with closing(sqlite3.connect(folder / "gate.db", timeout=20)) as db:
            db.execute("BEGIN IMMEDIATE")  # another program keeps it locked
            answer = client.delete("/streams/gate")
            assert (answer.status_code, answer.json()["state"]) == (202, "ending")
            assert "outputs are not closed" in answer.json()["message"]
            again = add(client)
            assert again.status_code == 409
            assert "being ended" in again.json()["error"]["message"]
            clash = add(client, "yard", json_lines="gate.jsonl")
            assert clash.status_code == 409, clash.text
            db.rollback()
        wait_for(lambda: add(client).status_code == 201)
    stored = len((folder / "gate.jsonl").read_text().splitlines())
    with closing(sqlite3.connect(folder / "gate.db")) as db:
        assert db.execute("SELECT count(*) FROM frames").fetchone() == (stored,)


def test_outputs_are_refused_where_no_folder_is_named(serve: Any) -> None:
    with serve().client() as client:
        for outputs in ({"json_lines": "a.jsonl"}, {"show": True}, {"append": True}):
            answer = add(client, **outputs)
            assert answer.status_code == 403
            assert "serving.outputs_under" in answer.json()["error"]["message"]
        assert client.get("/streams").json() == {"streams": []}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("../a", 403),
        ("a/../../a", 403),
        ("./a", 403),
        ("..", 403),
        ("", 403),
        ("/", 403),
        ("//", 403),
        ("a//b", 403),
        ("-", 403),
        ("~/a", 403),
        (".ssh/authorized_keys", 403),
        ("/etc/passwd", 403),
        ("HERE/a", 403),  # also below the folder
        ("postgresql://host/db", 403),
        ("sqlite:///a.db", 403),
        ("file:///etc/passwd", 403),
        ("link", 403),
        ("folder-link/a", 403),
        ("folder-link/", 403),
        ("dangling", 403),
        ("a\\b", 422),
        ("a\nb", 422),
        ("a\0b", 422),
        ("n" * 201, 422),
        ("é" * 101, 422),
        ("a/" * 600 + "b", 422),
    ],
)
@pytest.mark.parametrize("field", ["json_lines", "database", "annotated"])
def test_no_path_leads_elsewhere(
    field: str, text: str, status: int, serve: Any, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (folder / "link").symlink_to(outside / "file")
    (folder / "folder-link").symlink_to(outside)
    (folder / "dangling").symlink_to(outside / "new")
    with serve(outputs_under=folder).client() as client:
        answer = add(client, **{field: text.replace("HERE", str(folder))})
        assert answer.status_code == status, answer.text
        assert f"outputs.{field}" in answer.json()["error"]["message"]
        assert client.get("/streams").json() == {"streams": []}
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "kept"
    assert sorted(path.name for path in folder.iterdir()) == ["dangling", "folder-link", "link"]


def test_a_window_is_not_for_clients(serve: Any, folder: Path) -> None:
    with serve(outputs_under=folder).client() as client:
        answer = add(client, show=True)
        assert answer.status_code == 403
        assert "outputs.show" in answer.json()["error"]["message"]


def test_a_folder_that_is_a_link_is_the_administrators(serve: Any, folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    with serve(outputs_under=link).client() as client:
        assert add(client, json_lines="a.jsonl").status_code == 201
        wait_for(lambda: (folder / "a.jsonl").exists() and (folder / "a.jsonl").stat().st_size)


def test_nothing_that_is_in_use_is_written(serve: Any, folder: Path, tiny_model: Path) -> None:
    clip = folder / "clip.mp4"
    clip.write_bytes(b"no video, but a file")
    (folder / "model.onnx").hardlink_to(tiny_model)
    site = folder / "site.yaml"
    site.write_text("models: {}")
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    service = serve(outputs_under=folder, files_under=(folder,), files={"the configuration": site})
    with service.client() as client:
        assert add(client, json_lines="a.jsonl", database="all.db", mot="mot/").status_code == 201
        assert client.post(
            "/streams",
            json={"name": "clip", "source": str(clip)},
        ).status_code == 201  # fmt: skip
        wait_for((folder / "a.jsonl").exists)
        (folder / "same.jsonl").hardlink_to(folder / "a.jsonl")
        for what, outputs in {
            "another's output": {"json_lines": "a.jsonl"},
            "its hard link": {"csv": "same.jsonl"},
            "another kind of output": {"mot": "a.jsonl"},
            "what belongs to a database": {"csv": "all.db-wal"},
            "a file of a folder of outputs": {"csv": "mot/gate.txt"},
            "two of its own": {"csv": "x", "json_lines": "x"},
            "the source of another": {"annotated": "clip.mp4"},
            "a model": {"coco": "model.onnx"},
            "the configuration": {"csv": "site.yaml"},
        }.items():
            answer = add(client, "yard", **outputs)
            assert answer.status_code == 409, (what, answer.text)
            assert "yard" in answer.json()["error"]["message"], what
        own = add(client, "own", str(clip), annotated="clip.mp4")
        assert own.status_code == 409
        # What another writes is no source either.
        read = client.post("/streams", json={"name": "yard", "source": str(folder / "a.jsonl")})
        assert read.status_code == 409
        assert add(client).status_code == 409  # the name, as before
        assert client.delete("/streams/gate").status_code == 204
        assert add(client, "yard", json_lines="a.jsonl").status_code == 201  # free again
    for path, content in kept.items():
        assert path.read_bytes() == content, path

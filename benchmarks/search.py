"""Search by looks over many vectors: the library call, over HTTP with embedding, and what usearch finds.

    python benchmarks/search.py [--count 100000] [--queries 300]     the exact index, usearch, and the service
    python benchmarks/search.py --street [--seeds 11000 11001 ...]   is the same car found again?

Vectors are made around centres, as those of embedders lie: several crops of each of many objects.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import httpx
import numpy as np

from sightline import build
from sightline.config import ModelOptions
from sightline.geometry import iou_matrix
from sightline.protocols import VectorIndex
from sightline.runtime.search.searcher import Searcher
from sightline.search.exact import ExactIndex
from sightline.search.usearch_ import UsearchIndex
from sightline.sinks.databases.database_run import DatabaseRun
from sightline.sinks.rows import StoredObservation
from sightline.sources.street import StreetOptions, StreetSource, truth_of
from sightline.types import EmbedderInfo, Embedding, Floats, Ints

SIGHTLINE = Path(sys.executable).with_name("sightline")
K = 10
VIEWS = ("mast", "corner")
VEHICLES = ("car", "bus", "truck")


def clustered(count: int, dimensions: int, rng: np.random.Generator) -> Floats:
    """Vectors (count, dimensions) of length 1: ten of each object, their cosines about 0.8."""
    centres = rng.normal(size=(max(1, count // 10), dimensions))
    vectors = centres[rng.integers(0, len(centres), count)]
    vectors = vectors + 0.5 * rng.normal(size=vectors.shape)
    made: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


def timed(index: VectorIndex, queries: Floats) -> tuple[list[float], list[Ints]]:
    """Milliseconds of each search, and the keys that it found."""
    took, found = [], []
    for query in queries:
        began = time.perf_counter()
        ((keys, _),) = index.search(query[None], K)
        took.append((time.perf_counter() - began) * 1e3)
        found.append(keys)
    return took, found


def told(name: str, took: Sequence[float], more: str = "") -> None:
    p50, p99 = np.percentile(took, [50, 99])
    print(f"{name:46s} p50 {p50:7.2f} ms   p99 {p99:7.2f} ms   {more}")


def library(count: int, dimensions: int, queries: int) -> None:
    """The exact index and usearch, over the same vectors."""
    rng = np.random.default_rng(0)
    vectors = clustered(count + queries, dimensions, rng)
    vectors, asked = vectors[:count], vectors[count:]
    keys = np.arange(count, dtype=np.int64)
    exact: list[Ints] = []
    for name, index in (
        ("exact", ExactIndex(dimensions)),
        ("usearch", UsearchIndex(dimensions)),
    ):
        began = time.perf_counter()
        index.add(keys, vectors)
        built = time.perf_counter() - began
        timed(index, asked[:20])
        took, found = timed(index, asked)
        exact = exact or found
        recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(exact, found, strict=True)])
        told(
            f"{name}, {count} x {dimensions}",
            took,
            f"recall@{K} {recall:.4f}, built in {built:.1f} s",
        )


def fill(database: Path, info: EmbedderInfo, count: int) -> None:
    """A database of so many vectors."""
    vectors = clustered(count, info.dimensions, np.random.default_rng(1))
    run = DatabaseRun(database, {"command": "bench"}, 60.0)
    run.begin()
    stream = run.add_stream("bench", 960, 540, 25.0)
    nothing = np.empty((0, 4), np.float32)
    for at in range(0, count, 2000):
        made = tuple(
            Embedding(
                info,
                at,
                0.0,
                None,
                None,
                at + n,
                "car",
                0.9,
                (0, 0, 9, 9),
                vector,
                1.0,
                b"j" * 4000,
            )
            for n, vector in enumerate(vectors[at : at + 2000])
        )
        frame = StoredObservation(
            stream,
            at,
            0.0,
            nothing,
            nothing[:, 0],
            np.empty(0, np.int64),
            None,
            (),
            embeddings=made,
        )
        run.store([frame])
    run.end("done")


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a service that searches ``run.db`` of a folder."""
    (folder / "site.yaml").write_text(
        "models:\n  street: {model: street}\n  looks: {model: street-embedder}\n"
        "serving: {port: 8799, grpc_port: null, search: {database: run.db}}\n"
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(SIGHTLINE), "run", "site.yaml"], cwd=folder, stdout=log, stderr=log
        )
    try:
        address = "http://127.0.0.1:8799"
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/ready").status_code == 200:
                    break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def over_http(count: int, queries: int) -> None:
    """A picture to a service, which embeds it and searches; one after another."""
    embedder = build.embedder(ModelOptions(model="street-embedder"))
    info = embedder.info
    embedder.close()
    frame = next(iter(StreetSource(StreetOptions(seed=10_502, width=960, height=540, duration=1))))
    picture = cv2.imencode(".jpg", frame.image)[1].tobytes()
    box = ",".join(f"{side:.0f}" for side in truth_of(frame).boxes[-1])
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name) / "run.db", info, count)
        began = time.perf_counter()
        searcher = Searcher(Path(name) / "run.db", info, "exact")
        searcher.refresh()
        print(f"opening a database of {count} vectors: {time.perf_counter() - began:.2f} s")
        took = []
        vector = clustered(1, info.dimensions, np.random.default_rng(2))[0]
        for _ in range(queries):
            began = time.perf_counter()
            assert len(searcher.search(vector, K)) == K
            took.append((time.perf_counter() - began) * 1e3)
        told(f"library call with the database, {count} vectors", took)
        searcher.close()
        took = []
        with served(Path(name)) as address, httpx.Client(timeout=60) as client:
            for number in range(queries + 10):
                began = time.perf_counter()
                answer = client.post(f"{address}/search?box={box}", content=picture)
                answer.raise_for_status()
                if number >= 10:
                    took.append((time.perf_counter() - began) * 1e3)
        told(f"POST /search of a 960x540 JPEG, {count} vectors", took)


def street(name: str, seeds: Sequence[int]) -> None:
    """Vehicles that two cameras see: is the same one found, among all that the other camera sees?"""
    detector = build.detector(ModelOptions(model="street"))
    embedder = build.embedder(ModelOptions(model=name))
    ranks: list[int] = []
    for seed in seeds:
        views = [crops(detector, embedder, seed, view) for view in VIEWS]
        for (ids, vectors), (others, against) in (views, views[::-1]):
            for true, vector in zip(ids, vectors, strict=True):
                if true in others:
                    order = others[np.argsort(-(against @ vector))]
                    ranks.append(int(np.flatnonzero(order == true)[0]) + 1)
    detector.close()
    embedder.close()
    found = np.array(ranks)
    print(
        f"{name}: {len(found)} vehicles seen by both cameras of {len(seeds)} streets: the same one is first in "
        f"{np.mean(found == 1):.3f}, among the first three in {np.mean(found <= 3):.3f}"
    )


def crops(detector: object, embedder: object, seed: int, view: str) -> tuple[Ints, Floats]:
    """The true identities of a view's vehicles, and the vector of each in its largest crop."""
    best: dict[int, tuple[float, Floats]] = {}
    options = StreetOptions(
        seed=seed, width=960, height=576, fps=1, duration=8, camera=view, density=1.5
    )  # fmt: skip
    for frame in StreetSource(options):
        (found,) = detector.submit((frame,)).result()  # type: ignore[attr-defined]
        truth = truth_of(frame)
        kinds = np.array([found.class_name(int(one)) in VEHICLES for one in found.class_ids], bool)
        found = found[kinds & (found.scores > 0.4)]
        if not len(found):
            continue
        vectors = embedder.submit(frame, found.boxes).result()  # type: ignore[attr-defined]
        ious = iou_matrix(found.boxes, truth.boxes)
        for row, vector in enumerate(vectors):
            place = int(np.argmax(ious[row]))
            area = float(np.prod(found.boxes[row, 2:] - found.boxes[row, :2]))
            true = int(truth.track_ids[place])
            if ious[row, place] > 0.6 and area > best.get(true, (0.0, vector))[0]:
                best[true] = area, vector
    vectors = np.array([vector for _, vector in best.values()]).reshape(len(best), -1)
    return np.array(list(best), np.int64), vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--street", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(11_000, 11_012)))
    arguments = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores")
    if arguments.street:
        for name in ("street-embedder", "colours"):
            street(name, arguments.seeds)
    else:
        library(arguments.count, arguments.dimensions, arguments.queries)
        over_http(arguments.count, arguments.queries)


if __name__ == "__main__":
    main()

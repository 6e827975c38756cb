"""What a shadow costs the model that answers: its latency and its throughput, with and without one.

Two services run side by side with the bundled street model, which needs no data; one shows a share of
its requests to the same model as a shadow. They are asked in turns, in short blocks, so that whatever
else the machine does meets both. Measured are the p99 at a share of the capacity (arrivals at a fixed
rate, whether earlier ones were answered or not) and the requests per second of 8 clients that keep their
connections; both as medians of the ratios of the rounds, and p99 over all rounds together.

    python benchmarks/shadow.py
    python benchmarks/shadow.py --share 1.0 --load 0.5 --rounds 40 --json
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

from sightline.runtime.load_generator import LoadResult, LoadTarget, closed_loop, open_loop
from sightline.sources.street.source import StreetSource

CLIENTS = 8
SETTLE_S = 1.0
"""Between two blocks: what a shadow still had to do must not fall into the other service's block."""

SITE = """
models:
  street: {{model: street, backend: {backend}{shadow}}}
  next: {{model: street, backend: {backend}}}
serving: {{port: {port}, grpc_port: none}}
"""


@contextmanager
def service(backend: str, share: float | None) -> Iterator[int]:
    """A service as users start it, with a shadow where ``share`` is given; its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    shadow = "" if share is None else f", shadow: {{model: next, share: {share}}}"
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site.yaml"
        site.write_text(SITE.format(backend=backend, shadow=shadow, port=port))
        command = [str(Path(sys.executable).with_name("sightline")), "run", str(site)]
        # In the same session as the load generator: Linux shares the processor out between sessions
        # first (autogroup), and a low priority counts within one.
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 120
            while not ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the service does not start")
                time.sleep(0.2)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except (urllib.error.HTTPError, OSError):
        return False


def rollout(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/models/street/rollout") as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def picture() -> bytes:
    """A frame of the street as JPEG."""
    source = StreetSource("street://?seed=5")
    source.open()
    frame = next(itertools.islice(iter(source), 100, None))
    return bytes(cv2.imencode(".jpg", frame.image)[1])


def percentile(loads: list[LoadResult], percent: float) -> float:
    found = [latency for load in loads for latency in load.latencies.get(200, ())]
    return float(np.percentile(found, percent)) * 1e3


def ratio(calm: dict[bool, list[LoadResult]], percent: float) -> float:
    """Beside a shadow against without: the median over the rounds."""
    rounds = zip(calm[True], calm[False], strict=True)
    return median(percentile([a], percent) / percentile([b], percent) for a, b in rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=0.2, help="of requests that the shadow sees")
    parser.add_argument("--load", type=float, default=0.25, help="of the capacity, for the latency")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0, help="of one block")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    body = picture()
    calm: dict[bool, list[LoadResult]] = {False: [], True: []}
    full: dict[bool, list[LoadResult]] = {False: [], True: []}
    with service(asked.backend, None) as plain, service(asked.backend, asked.share) as shadowed:
        targets = {
            beside: LoadTarget.of(f"http://127.0.0.1:{port}/detect", body)
            for beside, port in ((False, plain), (True, shadowed))
        }
        for target in targets.values():
            asyncio.run(closed_loop(target, CLIENTS, 3.0))
        capacity = asyncio.run(closed_loop(targets[False], CLIENTS, asked.seconds)).rate
        print(f"capacity {capacity:.1f} requests a second", flush=True)
        for number in range(asked.rounds):
            for beside in (False, True) if number % 2 else (True, False):
                time.sleep(SETTLE_S)
                load = open_loop(targets[beside], asked.load * capacity, asked.seconds)
                calm[beside].append(asyncio.run(load))
            for beside in (False, True) if number % 2 else (True, False):
                time.sleep(SETTLE_S)
                full[beside].append(
                    asyncio.run(closed_loop(targets[beside], CLIENTS, asked.seconds))
                )
            print(
                f"round {number + 1}: p99 {percentile(calm[True][-1:], 99):.1f} ms beside a shadow, "
                f"{percentile(calm[False][-1:], 99):.1f} ms without; {full[True][-1].rate:.1f}/s, "
                f"{full[False][-1].rate:.1f}/s without",
                flush=True,
            )
        told = rollout(shadowed)
    result = {
        "p50_ratio": ratio(calm, 50),
        "p99_ratio": ratio(calm, 99),
        "p99_ratio_of_all_rounds": percentile(calm[True], 99) / percentile(calm[False], 99),
        "throughput_ratio": median(
            a.rate / b.rate for a, b in zip(full[True], full[False], strict=True)
        ),
        "answered": told["first"]["answered"],
        "shadow_saw": told["second"]["shown"],
        "dropped": sum(told["dropped"].values()),
        "agreement": told["agreement"],
        "shadow_cpu_ms": told["second"]["cpu_ms"],
    }
    if asked.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:<28}{value:.3f}" for name, value in result.items()))


if __name__ == "__main__":
    main()

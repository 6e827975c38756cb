"""Cameras that break while a fleet runs: is a stall seen, do they come back, do the others notice?

    python benchmarks/faults.py [--faults 200] [--victims 6] [--steady 4] [--quiet 60] [--seed 7]

Real RTSP servers (GStreamer) behind a proxy of ours, 320×192 at 10 FPS each, all in one fleet with the bundled
street detector at 5 analysed a second. Faults of rows 1–7 of the fault table in equal numbers and any order:
refused, killed, silent, stopped, never answering, another password, redirected in a circle, bytes flipped,
another picture size, a size that changes in mid-stream. The steady streams are measured for a while in which
nothing happens, then while everything does.

A stall is the longest time that a stream was said to run and analysed nothing. "Back" counts from the moment when
the camera is mended to its next analysed picture. A refused password is tried again only every 6 s here (30 s by
default), so its row is shown, but it is not part of the percentile.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.system.camera_clips import make_clips  # noqa: E402
from tests.system.faulty_cameras import (  # noqa: E402
    AUTH_RETRY_S,
    Outcome,
    Watch,
    cameras,
    campaign,
    live_stream,
    missing,
    open_fleet,
    plan,
    wait_for,
)

from sightline.runtime.streams.fleet import Fleet  # noqa: E402 - the cameras stand beside the tests
from sightline.types import StreamStats  # noqa: E402

ROWS = {
    1: "server gone", 2: "silent", 3: "never answers", 4: "wrong password", 5: "redirect",
    6: "damaged bytes", 7: "another size",
}  # fmt: skip
PASSWORD_ROW = 4


class Pace:
    """Frames per second of some streams between two moments."""

    def __init__(self, fleet: Fleet, names: Sequence[str]) -> None:
        self._fleet, self._names = fleet, names
        self._since, self._first = self._now()

    def _now(self) -> tuple[float, Mapping[str, StreamStats]]:
        return time.monotonic(), self._fleet.stats()

    def read_and_analyzed(self) -> dict[str, tuple[float, float]]:
        now, last = self._now()
        took, first = now - self._since, self._first
        return {
            name: (
                (last[name].read - first[name].read) / took,
                (last[name].analyzed - first[name].analyzed) / took,
            )
            for name in self._names
        }


def percentile(values: Sequence[float], q: float) -> float:
    return float(np.percentile(values, q)) if values else float("nan")


def show_rows(outcomes: Sequence[Outcome]) -> None:
    print(
        "\nrow                 faults   stall max   noticed max   back p50     p95     max   corrupt"
    )
    for row, what in ROWS.items():
        of = [outcome for outcome in outcomes if outcome.row == row]
        back = [outcome.back_s for outcome in of if outcome.back_s is not None]
        noticed = [outcome.noticed_s for outcome in of if outcome.noticed_s is not None]
        print(
            f"{row} {what:17s} {len(of):6d} {max((o.blind_s for o in of), default=0):9.2f} s "
            f"{f'{max(noticed):.2f} s' if noticed else '-':>13s} {percentile(back, 50):8.2f} s "
            f"{percentile(back, 95):5.2f} s {max(back, default=0):5.2f} s "
            f"{sum(o.corrupt for o in of):9d}"
        )


def show_steady(
    quiet: Mapping[str, tuple[float, float]], busy: Mapping[str, tuple[float, float]]
) -> None:
    print(
        "\nother streams        read/s quiet   faults   ratio    analysed/s quiet   faults   ratio"
    )
    for name, (read, analyzed) in quiet.items():
        now_read, now_analyzed = busy[name]
        print(
            f"{name:20s} {read:12.2f} {now_read:8.2f} {now_read / read:7.3f} "
            f"{analyzed:19.2f} {now_analyzed:8.2f} {now_analyzed / analyzed:7.3f}"
        )


def show_figure(outcomes: Sequence[Outcome], fleet: Fleet, watch: Watch, count: int) -> None:
    timed = [o.back_s for o in outcomes if o.row != PASSWORD_ROW and o.back_s is not None]
    never = [o for o in outcomes if o.back_s is None]
    stats = fleet.stats().values()
    balanced = not watch.wrong and all(
        s.read == s.analyzed + sum(s.dropped.values()) + s.pending for s in stats
    )
    states = ", ".join(sorted({s.state for s in stats}))
    print(
        f"\n{len(outcomes)} of {count} faults: stall seen within "
        f"{max(o.blind_s for o in outcomes):.2f} s (<= 5), first picture {percentile(timed, 95):.2f} s "
        f"after the return (p95 of {len(timed)}, <= 3; max {max(timed):.2f}), {len(never)} never came "
        f"back, books {'balance' if balanced else 'DO NOT balance'}, all are {states}"
    )
    for outcome in never:
        print(f"  never came back: {outcome}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--victims", type=int, default=6)
    parser.add_argument("--steady", type=int, default=4)
    parser.add_argument("--quiet", type=float, default=60.0, help="seconds in which nothing breaks")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    if why := missing():
        sys.exit(why)
    logging.getLogger("sightline").setLevel(logging.ERROR)  # hundreds of losses are no news here
    victims = [f"victim-{number}" for number in range(arguments.victims)]
    steady = [f"steady-{number}" for number in range(arguments.steady)]

    def tell(outcome: Outcome) -> None:
        back = "never" if outcome.back_s is None else f"{outcome.back_s:.2f} s"
        print(f"{outcome.name:16s} stall {outcome.blind_s:.2f} s, back {back}", flush=True)

    with (
        open_fleet() as fleet,
        tempfile.TemporaryDirectory() as folder,
        cameras([*victims, *steady], make_clips(Path(folder), 3600)) as running,
    ):
        for name, camera in running.items():
            fleet.add(name, live_stream(camera.url))
        if wait_for(lambda: all(s.analyzed > 3 for s in fleet.stats().values()), 60) is None:
            sys.exit(f"the streams do not start: {fleet.stats()}")
        time.sleep(5)
        pace = Pace(fleet, steady)
        time.sleep(arguments.quiet)
        quiet = pace.read_and_analyzed()
        threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        watch = Watch(fleet)
        for name in steady:
            watch.begin(name)
        pace, started, used = Pace(fleet, steady), time.monotonic(), time.process_time()
        faults = plan(arguments.faults, arguments.seed)
        outcomes = campaign(watch, [running[name] for name in victims], faults, tell)
        busy, took = pace.read_and_analyzed(), time.monotonic() - started
        used = time.process_time() - used
        watch.close()
        time.sleep(AUTH_RETRY_S)
        show_rows(outcomes)
        show_steady(quiet, busy)
        gap = max(watch.seen(name).gap_s for name in steady)
        states = set().union(*(watch.seen(name).states for name in steady))
        print(f"their longest pause {gap:.2f} s; they were {', '.join(sorted(states))}")
        show_figure(outcomes, fleet, watch, arguments.faults)
        print(
            f"took {took:.0f} s and {used / took:.2f} cores (load of the machine {os.getloadavg()[0]:.1f}); "
            f"{threading.active_count() - threads:+d} threads, "
            f"{len(os.listdir('/proc/self/fd')) - files:+d} descriptors"  # noqa: PTH208
        )


if __name__ == "__main__":
    main()

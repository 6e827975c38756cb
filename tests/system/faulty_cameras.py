"""Real RTSP cameras that break on request, and what a fleet is seen to make of it.

Each camera is a GStreamer server behind a proxy of ours. Shared by the tests and by
``benchmarks/faults.py``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_ports
from tests.system.camera_clips import Clips

from sightline.build.application import Application
from sightline.config import Configuration, StreamOptions
from sightline.runtime.streams.fleet import Fleet
from sightline.types import StreamStats

PYTHON = Path("/usr/bin/python3")
SERVER = Path(__file__).with_name("rtsp_server.py")
PROXY = Path(__file__).with_name("faulty_proxy.py")
NEEDED = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "assert all(Gst.ElementFactory.find(e) for e in ('qtdemux', 'h264parse', 'rtph264pay'))"
)
ANALYZED_FPS = 5
AUTH_RETRY_S = 6.0
USER, WRONG = "operator", "Zaunkoenig-7"
_LOOK_S = 0.05


def missing() -> str | None:
    """Why there can be no cameras here, or None."""
    if (
        PYTHON.exists()
        and not subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False).returncode
    ):
        return None
    return (
        "no RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 python3-gi "
        "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
    )


class Proxies:
    """The process of the proxies."""

    def __init__(self, upstreams: Sequence[int]) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(PROXY), *map(str, upstreams)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.ports = [int(port) for port in self._answer().split()]

    def behave(self, number: int, mode: str) -> int:
        """From now on; how often the mode before has acted."""
        with self._lock:
            assert self._process.stdin is not None
            self._process.stdin.write(f"{number} {mode}\n")
            answer = self._answer().split()
        assert answer[:2] == [str(number), mode], answer
        return int(answer[2])

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the proxies have died"
        return line


class Camera:
    """A server that can be killed, stopped and started again, and the proxy before it."""

    def __init__(self, name: str, number: int, upstream: int, proxies: Proxies, clips: Clips):
        self.name = name
        self.password = f"Nachtigall-{number}"
        self.clips = clips
        self.acted = 0
        """How often the last mode of the proxy has acted."""
        self._number = number
        self._upstream = upstream
        self._proxies = proxies
        self._server: subprocess.Popen[bytes] | None = None
        host = f"127.0.0.1:{proxies.ports[number]}"
        self.url = f"rtsp://{USER}:{self.password}@{host}/live"

    def start(self, clip: Path | None = None, password: str | None = None) -> None:
        """Returns once the server listens."""
        assert self._server is None
        login = USER, password or self.password
        command = [PYTHON, SERVER, clip or self.clips.plain, self._upstream, *login]
        self._server = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    def restart(self, clip: Path | None = None, password: str | None = None) -> None:
        self.kill()
        self.start(clip, password)

    def kill(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
            self._server = None

    def signal(self, number: signal.Signals) -> None:
        assert self._server is not None
        os.kill(self._server.pid, number)

    def behave(self, mode: str) -> None:
        self.acted = self._proxies.behave(self._number, mode)


@contextmanager
def cameras(names: Sequence[str], clips: Clips) -> Iterator[dict[str, Camera]]:
    """Running cameras by name."""
    upstreams = free_ports(len(names))
    with ExitStack() as stack:
        proxies = Proxies(upstreams)
        stack.callback(proxies.close)
        made = {}
        for number, (name, upstream) in enumerate(zip(names, upstreams, strict=True)):
            made[name] = Camera(name, number, upstream, proxies, clips)
            stack.callback(made[name].kill)
            made[name].start()
        yield made


@dataclass(frozen=True)
class Fault:
    """Breaks a camera and mends it; ``row`` is that of the table of faults.

    ``cuts``: no good picture can come while it lasts.
    """

    row: int
    begin: Callable[[Camera], None]
    end: Callable[[Camera], None]
    cuts: bool = True


def _behaving(row: int, mode: str, cuts: bool = True) -> Fault:
    return Fault(row, lambda c: c.behave(mode), lambda c: c.behave("pass"), cuts)


FAULTS: Mapping[str, Fault] = {
    "refused": _behaving(1, "refuse"),
    "killed": Fault(1, Camera.kill, Camera.start),
    "silent": _behaving(2, "silent"),
    "stopped": Fault(2, lambda c: c.signal(signal.SIGSTOP), lambda c: c.signal(signal.SIGCONT)),
    "never answers": _behaving(3, "mute"),
    "wrong password": Fault(4, lambda c: c.restart(password=WRONG), Camera.restart),
    "redirect": _behaving(5, "redirect"),
    "flipped bytes": _behaving(6, "flip", cuts=False),
    "flipped packets": _behaving(6, "damage", cuts=False),
    "another size": Fault(7, lambda c: c.restart(c.clips.small), Camera.restart, cuts=False),
    "changing size": Fault(7, lambda c: c.restart(c.clips.changing), Camera.restart, cuts=False),
    "time jumps ahead": _behaving(8, "ahead", cuts=False),
    "time jumps back": _behaving(8, "back", cuts=False),
}


def plan(count: int, seed: int) -> list[tuple[str, float]]:
    """Faults of rows 1–7, of each row as many, in any order; and how long each lasts."""
    chance = random.Random(seed)
    rows = [[name for name, fault in FAULTS.items() if fault.row == row] for row in range(1, 8)]
    names = [chance.choice(rows[number % len(rows)]) for number in range(count)]
    chance.shuffle(names)
    long = {"never answers", "redirect", "flipped bytes"}  # what they lead to takes a while
    return [(name, chance.uniform(0.5, 8 if name in long else 4)) for name in names]


def campaign(
    watch: Watch,
    victims: Sequence[Camera],
    faults: Sequence[tuple[str, float]],
    tell: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Inflict all faults, one at a time on each camera, on all cameras at once."""
    left = list(reversed(faults))
    outcomes: list[Outcome] = []

    def suffer(camera: Camera) -> None:
        while True:
            try:
                name, hold_s = left.pop()
            except IndexError:
                return
            outcome = inflict(watch, camera, name, hold_s)
            outcomes.append(outcome)
            if tell is not None:
                tell(outcome)

    with ThreadPoolExecutor(len(victims)) as pool:
        for done in [pool.submit(suffer, camera) for camera in victims]:
            done.result()
    return outcomes


@contextmanager
def open_fleet() -> Iterator[Fleet]:
    """The bundled detector, and no stream yet."""
    with closing(
        Application(Configuration.model_validate({"models": {"street": {"model": "street"}}}))
    ) as site:
        site.open()
        assert isinstance(site.fleet, Fleet)
        yield site.fleet


def live_stream(url: str, **live: float) -> StreamOptions:
    """A camera that is analysed a few times a second; ``live`` are those of its LiveOptions."""
    return StreamOptions.model_validate(
        {
            "source": url,
            "adaptive": {"max_fps": ANALYZED_FPS},
            "live": {"auth_retry_s": AUTH_RETRY_S, **live},
        }
    )


@dataclass
class Seen:
    """What was seen of one stream."""

    stats: StreamStats
    moved_at: float
    """When it last analysed a picture, or was not said to run."""
    blind_s: float = 0.0
    """The longest that it was said to run and analysed nothing."""
    gap_s: float = 0.0
    """The longest without an analysed picture, whatever was said."""
    analyzed_at: float = 0.0
    errors: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)


class Watch:
    """Looks at all streams of a fleet again and again, in a thread of its own."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}
        self._ending = threading.Event()
        self.wrong: list[str] = []
        """Where the books did not balance."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join(10)

    def begin(self, name: str) -> None:
        """Forget what was seen of a stream so far."""
        with self._lock:
            now = time.monotonic()
            self._seen[name] = Seen(self._fleet.stats()[name], now, analyzed_at=now)

    def seen(self, name: str) -> Seen:
        with self._lock:
            return self._seen[name]

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_S):
            stats = self._fleet.stats()
            now = time.monotonic()
            with self._lock:
                for name in self._seen.keys() & stats.keys():
                    self._look(self._seen[name], stats[name], now)

    def _look(self, seen: Seen, stats: StreamStats, now: float) -> None:
        if stats.read != stats.analyzed + sum(stats.dropped.values()) + stats.pending:
            self.wrong.append(f"{stats}")
        if stats.analyzed < seen.stats.analyzed:
            return  # taken before begin()
        new = stats.analyzed > seen.stats.analyzed
        if stats.state == "running" and seen.stats.state == "running":
            seen.blind_s = max(seen.blind_s, now - seen.moved_at)
        if new or stats.state != "running":
            seen.moved_at = now
        seen.gap_s = max(seen.gap_s, now - seen.analyzed_at)
        if new:
            seen.analyzed_at = now
        seen.stats = stats
        seen.states.add(stats.state)
        if stats.error:
            seen.errors.add(stats.error)


@dataclass(frozen=True)
class Outcome:
    """What one fault has done to its stream. ``back_s``: from mended to the first new picture."""

    name: str
    row: int
    noticed_s: float | None
    blind_s: float
    back_s: float | None
    acted: int
    reconnects: int
    corrupt: int
    states: frozenset[str]
    errors: frozenset[str]


def wait_for(true: Callable[[], bool], within_s: float) -> float | None:
    """Seconds until it is true; None where it did not come true in time."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > within_s:
            return None
        time.sleep(_LOOK_S / 2)
    return time.monotonic() - started


def inflict(
    watch: Watch, camera: Camera, fault: str, hold_s: float, patience_s: float = 30
) -> Outcome:
    """Break a camera for ``hold_s`` after it was noticed, mend it, and wait for its pictures."""
    what = FAULTS[fault]
    name = camera.name
    watch.begin(name)
    before = watch.seen(name).stats
    what.begin(camera)
    noticed_s = None
    if what.cuts:
        noticed_s = wait_for(lambda: watch.seen(name).stats.state != "running", patience_s)
    time.sleep(hold_s)
    what.end(camera)
    then = watch.seen(name).stats
    # One may have been under way.
    enough = then.analyzed + (2 if then.state == "running" else 1)
    back_s = wait_for(lambda: watch.seen(name).stats.analyzed >= enough, patience_s)
    after = watch.seen(name)
    return Outcome(
        fault, what.row, noticed_s, after.blind_s, back_s, camera.acted,
        after.stats.reconnects - before.reconnects,
        after.stats.dropped.get("corrupt", 0) - before.dropped.get("corrupt", 0),
        frozenset(after.states), frozenset(after.errors),
    )  # fmt: skip

"""Streams of a fleet that are no RTSP camera: another codec in mid-stream, broken recordings."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
from tests.system.camera_clips import FPS, SIZES, encoded, join
from tests.system.faulty_cameras import Watch, live_stream, open_fleet, wait_for

from sightline.config import StreamOptions


class ChangingCodec(BaseHTTPRequestHandler):
    """A transport stream at twice its pace: the first to ask gets both pieces, others the second."""

    protocol_version = "HTTP/1.0"
    pieces: ClassVar[list[bytes]] = []
    seconds = 1.5

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        try:
            while True:
                self._send(self.pieces[0])
                if len(self.pieces) > 1:
                    del self.pieces[0]
        except OSError:
            pass  # the client has gone

    def _send(self, piece: bytes) -> None:
        step = 188 * max(1, len(piece) // 188 // 30)
        for at in range(0, len(piece), step):
            self.wfile.write(piece[at : at + step])
            time.sleep(self.seconds * step / len(piece))

    def log_message(self, *_: object) -> None:
        """Not to the screen."""


def test_a_codec_that_changes() -> None:
    """Row 7 over HTTP: H.264, and in mid-stream MPEG-2 with the same program."""
    ChangingCodec.pieces = [encoded(SIZES[0], 20), encoded(SIZES[1], 20, "mpeg2video")]
    server = ThreadingHTTPServer(("127.0.0.1", 0), ChangingCodec)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    with open_fleet() as fleet:
        watch = Watch(fleet)
        lines: list[dict[str, object]] = []
        with fleet.subscribe() as feed:
            fleet.add("changing", live_stream(f"http://127.0.0.1:{server.server_port}/live.ts"))
            watch.begin("changing")

            def width() -> object:
                while not feed.empty():
                    lines.append(json.loads(feed.get().line))
                return lines and lines[-1]["width"]

            before = wait_for(lambda: width() == SIZES[0][0], 30)
            after = wait_for(lambda: width() == SIZES[1][0], 30)
            stats = fleet.stats()["changing"]
        watch.close()
    server.shutdown()
    server.server_close()
    assert before is not None
    assert after is not None, watch.seen("changing")
    assert watch.seen("changing").blind_s <= 5
    assert stats.state == "running"
    times = [float(str(line["time"])) for line in lines]
    assert times == sorted(times)


def write_files(folder: Path) -> None:
    """Recordings as they are found on disks: whole, cut off, empty, of sound, of one frame."""
    whole = folder / "whole.mp4"
    join(whole, [encoded(SIZES[1], FPS)], FPS)
    with (
        av.open(str(whole)) as source,
        av.open(str(folder / "cut.mp4"), "w", options={"movflags": "+faststart"}) as out,
    ):
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    for path, source_path in (
        (folder / "cut.mp4", folder / "cut.mp4"),
        (folder / "no-index.mp4", whole),
    ):
        content = source_path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])
    (folder / "empty.mp4").write_bytes(b"")
    with av.open(str(folder / "sound.mp4"), "w") as file:
        sound = file.add_stream("aac", rate=16000)
        for index in range(20):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts = 16000, index * 1024
            file.mux(sound.encode(samples))
        file.mux(sound.encode(None))
    with av.open(str(folder / "one.mp4"), "w") as file:
        video = file.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        grey = np.full((64, 64, 3), 128, np.uint8)
        file.mux(video.encode(av.VideoFrame.from_ndarray(grey, "bgr24")))
        file.mux(video.encode(None))


def test_recordings_that_are_broken(tmp_path: Path) -> None:
    """Rows 10 and 11: what is good is kept, the end is told, and the others go on."""
    write_files(tmp_path)
    with open_fleet() as fleet:
        for path in tmp_path.glob("*.mp4"):
            fleet.add(path.stem, StreamOptions(source=str(path), realtime=True, max_age_ms=60_000))
        street = f"street://?width={SIZES[1][0]}&height={SIZES[1][1]}&duration=0&fps={FPS}"
        fleet.add("street", StreamOptions(source=street, realtime=True))
        over = wait_for(
            lambda: all(
                stats.state in {"failed", "ended"}
                for name, stats in fleet.stats().items()
                if name != "street"
            ),
            60,
        )
        went_on = wait_for(lambda: fleet.stats()["street"].analyzed > 0, 60)
        stats = fleet.stats()
    assert over is not None, stats
    assert went_on is not None, stats
    assert {name for name, one in stats.items() if one.state == "failed"} == {
        "cut", "no-index", "empty", "sound",
    }  # fmt: skip
    for name, said in {
        "cut": r"of 30 frames were read, then it breaks off",
        "no-index": r"cut off before its index \(moov\)",
        "empty": r"is empty",
        "sound": r"has no video in it",
    }.items():
        assert re.search(said, stats[name].error or ""), stats[name]
    # How many of them a busy machine drops is not what this is about.
    assert stats["cut"].read >= 10
    assert stats["cut"].analyzed
    assert (stats["one"].analyzed, stats["one"].error) == (1, None)
    assert (stats["street"].state, stats["street"].error) == ("running", None)
    for one in stats.values():
        assert one.read == one.analyzed + sum(one.dropped.values()) + one.pending

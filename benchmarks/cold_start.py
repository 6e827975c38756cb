"""From nothing to the first result in one picture, over a plain ONNX Runtime script.

Both start a fresh interpreter, load YOLOX-nano and look at one picture. The plain script prints the
shape of its raw output and makes no boxes. Runs alternate, and the ratio of each pair counts: until
the first line of output, and until the process has ended.

    python benchmarks/cold_start.py --data ../shared
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

PLAIN = """
import sys
import cv2, numpy as np, onnxruntime
model, picture = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
image = cv2.imread(picture)
height, width = image.shape[:2]
scale = min(416 / height, 416 / width)
canvas = np.full((416, 416, 3), 114, np.uint8)
small = cv2.resize(image, (int(width * scale), int(height * scale)))
canvas[: small.shape[0], : small.shape[1]] = small
batch = canvas.transpose(2, 0, 1)[None].astype(np.float32)
print(session.run(None, {"images": batch})[0].shape)
"""


def timed(command: list[str]) -> tuple[float, float, float]:
    """Seconds until the first line of output and until the end, and MB at the peak."""
    start = time.perf_counter()
    # Compiled modules are kept, as on any machine where the command ran before.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        raise SystemExit(f"no output from {command}")
    seconds = time.perf_counter() - start
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return seconds, time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    model = str(args.data / "models" / "yolox_nano.onnx")
    picture = str(args.data / "images" / "bus.jpg")
    command = str(Path(sys.executable).with_name("sightline"))
    plain = [sys.executable, "-c", PLAIN, model, picture]
    ours = [command, "detect", picture, "--model", model]
    usage = [command, "--help"]
    for each in (plain, ours, usage):
        timed(each)  # files come into the system's cache
    rows = [(timed(plain), timed(ours), timed(usage)) for _ in range(args.rounds)]
    for name, at in (("plain script", 0), ("sightline detect", 1), ("sightline --help", 2)):
        first, whole, memory = (median(row[at][k] for row in rows) for k in range(3))
        print(f"{name}: first line {first:.3f} s, end {whole:.3f} s, {memory:.0f} MB")
    for k, what in enumerate(("first line", "whole process")):
        print(f"{what}: ratio {median(o[k] / p[k] for p, o, _ in rows):.2f} (wanted 2.00)")


if __name__ == "__main__":
    main()

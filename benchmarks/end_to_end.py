"""From a video file to tracked objects in JSON lines, over the raw engine in the same run.

The raw engine is OpenVINO's own asynchronous queue on the same network at the same input size,
fed with one constant picture: no decoding, no scaling, no boxes. Rounds alternate, and each ratio
compares a round of Sightline with the mean of the raw rounds before and after it.

    python benchmarks/end_to_end.py --data ../shared
    python benchmarks/end_to_end.py --data ../shared --ultralytics /path/to/python
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import openvino as ov
import yaml

from sightline import build
from sightline.config import ByteTrackOptions, ModelOptions
from sightline.models.detector import EngineDetector
from sightline.runtime.streams.stream import Stream
from sightline.sinks.jsonl import JsonLinesSink
from sightline.sources.file import FileSource

CASES = {
    # name: model, --size, what is wanted
    "YOLO11n 640×640": ("yolo11n_random.onnx", (640, 640), 0.90),
    "YOLO11n at the stream's aspect": ("yolo11n_random.onnx", 640, 0.85),
    "YOLOX-nano at the stream's aspect": ("yolox_nano.onnx", None, 0.80),
}

PEER = """
import sys, time
from ultralytics import YOLO
model, video, width, height = sys.argv[1:]
yolo = YOLO(model, task="detect")
def run():
    return sum(1 for _ in yolo.track(video, imgsz=(int(height), int(width)), stream=True, verbose=False))
run()
start = time.perf_counter()
print("frames/s", run() / (time.perf_counter() - start))
"""


class RawEngine:
    """OpenVINO alone, with its own defaults for throughput."""

    def __init__(self, model: Path, canvas: tuple[int, int], scale: float) -> None:
        core = ov.Core()
        graph = core.read_model(str(model))
        graph.reshape([1, 3, canvas[1], canvas[0]])
        prepare = ov.preprocess.PrePostProcessor(graph)
        prepare.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
        prepare.input().model().set_layout(ov.Layout("NCHW"))
        prepare.input().preprocess().convert_element_type(ov.Type.f32).scale(1 / scale)
        compiled = core.compile_model(prepare.build(), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
        self._queue = ov.AsyncInferQueue(compiled, 4)
        for request in self._queue:
            picture = np.full((1, canvas[1], canvas[0], 3), 114, np.uint8)
            request.set_input_tensor(ov.Tensor(picture))

    def fps(self, seconds: float) -> float:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            self._queue.start_async()
            count += 1
        self._queue.wait_all()
        return count / (time.perf_counter() - start)


def run_stream(video: Path, detector: EngineDetector, folder: Path) -> float:
    """Frames per second of one whole run."""
    sink = JsonLinesSink(folder / "out.jsonl")
    result = Stream(
        "bench", FileSource(video), build.pipeline(detector, ByteTrackOptions()), [sink]
    ).run()
    sink.close()
    if result.error is not None:
        raise result.error
    return result.fps


def openvino_export(model: Path, canvas: tuple[int, int], folder: Path) -> Path:
    """The model in the folder that Ultralytics takes for OpenVINO, for one input size."""
    export = folder / f"{model.stem}_{canvas[0]}x{canvas[1]}_openvino_model"
    export.mkdir(exist_ok=True)
    graph = ov.Core().read_model(str(model))
    graph.reshape([1, 3, canvas[1], canvas[0]])
    ov.save_model(graph, str(export / "model.xml"), compress_to_fp16=False)
    known = {p.key: p.value for p in onnx.load(str(model)).metadata_props}
    facts = {
        "task": "detect",
        "stride": int(known["stride"]),
        "batch": 1,
        "imgsz": [canvas[1], canvas[0]],
        "names": ast.literal_eval(known["names"]),
    }
    (export / "metadata.yaml").write_text(yaml.safe_dump(facts))
    return export


def run_peer(python: str, model: Path, video: Path, canvas: tuple[int, int]) -> float:
    """Ultralytics' frames per second with one of its backends."""
    command = [python, "-c", PEER, str(model), str(video), str(canvas[0]), str(canvas[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.rpartition("frames/s")[2])


def compare(python: str, facts: dict[str, Any], data: Path, folder: Path) -> None:
    """Add what Ultralytics does with each backend to the facts of a case.

    Its OpenVINO export has one input size, 640×640 unless the user works out another: both are run.
    """
    model = data / "models" / CASES[str(facts["case"])][0]
    video = data / "videos" / "car-detection.mp4"
    fitted, square = facts["input"], (640, 640)
    runs = {
        "onnx": (model, fitted),
        "openvino as exported": (openvino_export(model, square, folder), square),
        "openvino exported for this size": (openvino_export(model, fitted, folder), fitted),
    }
    for backend, (path, canvas) in runs.items():
        rate = run_peer(python, path, video, canvas)
        facts[f"over ultralytics, {backend}"] = facts["end_to_end_fps"] / rate


def measure(name: str, data: Path, rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    file, size, wanted = CASES[name]
    model, video = data / "models" / file, data / "videos" / "car-detection.mp4"
    detector = build.detector(ModelOptions(model=str(model), backend="openvino", size=size))
    assert isinstance(detector, EngineDetector)
    canvas = detector.canvas((768, 432))
    raw = RawEngine(model, canvas, detector.card.scale)
    raw.fps(1.0)
    run_stream(video, detector, folder)
    raws, streams = [raw.fps(seconds)], []
    for _ in range(rounds):
        streams.append(run_stream(video, detector, folder))
        raws.append(raw.fps(seconds))
    detector.close()
    ratios = [s / ((a + b) / 2) for s, a, b in zip(streams, raws[:-1], raws[1:], strict=True)]
    return {
        "case": name,
        "input": canvas,
        "raw_fps": median(raws),
        "end_to_end_fps": median(streams),
        "ratio": median(ratios),
        "ratios": ratios,
        "wanted": wanted,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared"), help="models and videos")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each raw round")
    parser.add_argument("--case", choices=CASES, action="append", help="only this one")
    parser.add_argument("--ultralytics", metavar="PYTHON", help="interpreter that has ultralytics")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in args.case or CASES:
            facts = measure(name, args.data, args.rounds, args.seconds, Path(folder))
            if args.ultralytics and "YOLO11n" in name:
                compare(args.ultralytics, facts, args.data, Path(folder))
            if args.json:
                print(json.dumps(facts))
                continue
            print(
                f"{name} {facts['input'][0]}×{facts['input'][1]}: end to end "
                f"{facts['end_to_end_fps']:.1f}/s, raw engine {facts['raw_fps']:.1f}/s, "
                f"ratio {facts['ratio']:.3f} (wanted {facts['wanted']:.2f})"
            )
            for key, value in facts.items():
                if key.startswith("over"):
                    print(f"  {key}: {value:.2f}")


if __name__ == "__main__":
    main()

"""What INT8 brings over bf16 and FP32: the speed of one graph in each, measured in turns.

    python benchmarks/optimize.py --data ../shared

YOLOX-nano and the bundled street detector are judged on footage as `sightline optimize` does it. The graph of
YOLO11n has random weights and finds nothing, so only its speed counts. Printed is one row for each variant: the
size of its file, pictures per second, the rate relative to FP32 and to bf16, the accuracy kept, and how many
layers stay in floats.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from pathlib import Path

from sightline import build
from sightline.cli import footage
from sightline.cli.options import model_options
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.cli.toolchain.detector_evidence import detect_footage
from sightline.cli.toolchain.evidence import Evidence
from sightline.cli.toolchain.optimize_request import OptimizeRequest
from sightline.cli.toolchain.optimizing import optimized, original_of
from sightline.models.card import read_card
from sightline.models.file import open_model
from sightline.optimize.variants.gate import LossLimits, Verdict
from sightline.optimize.variants.optimization import Optimization
from sightline.optimize.variants.pictures import NetworkPictures, RecordingDetector
from sightline.optimize.variants.report import report
from sightline.protocols import SharedDetector

NAMES = ("fp16", "bf16", "int8")


def rows(model: str, data: tuple[str, ...], size: str | None) -> list[dict[str, object]]:
    """The entries of the report for a model's variants."""
    with tempfile.TemporaryDirectory() as folder:
        made = optimized(_request(model, data, size, Path(folder) / "made"))
    variants: list[dict[str, object]] = made["variants"]
    return variants


def _request(model: str, data: tuple[str, ...], size: str | None, output: Path) -> OptimizeRequest:
    return OptimizeRequest(
        model, data, None, None, NAMES, output, LossLimits(), "mean-minmax", 300, 600.0, True, size, "openvino"
    )  # fmt: skip


def speeds(model: Path, data: tuple[str, ...], size: str) -> list[dict[str, object]]:
    """The same of a model that finds nothing: every variant is accepted."""
    request = _request(str(model), data, size, Path())
    options = model_options(str(model), size=size, backend="openvino", precision="fp32")
    reading = read_card(open_model(model), build.decoders())
    with closing(NetworkPictures()) as shown, footage.detector(options) as detector:
        assert isinstance(detector, SharedDetector)
        progress = ProgressLine()
        detect_footage(request, RecordingDetector(detector, shown), progress)
        evidence = Evidence(shown, tuple(range(len(shown))), lambda _: Verdict(1.0))
        original = original_of(request, options, reading, evidence)
        variants = Optimization(original, evidence.judge, "mean-minmax", 600.0, True, progress).run(
            NAMES
        )
    made: list[dict[str, object]] = report(variants, {}, {})["variants"]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    shared = parser.parse_args().data
    videos = tuple(str(path) for path in sorted((shared / "videos").glob("*.mp4")))
    street = ("street://?seed=10001&duration=30&fps=10", "street://?seed=10002&duration=30&fps=10")
    models = [
        (str(shared / "models" / "yolox_nano.onnx"), videos, None),
        ("street", street, None),
        (str(shared / "models" / "yolo11n_random.onnx"), videos, "640x640"),
    ]
    print("model            variant     MB   pictures/s  over fp32  over bf16   kept  in floats")
    for model, data, size in models:
        made = speeds(Path(model), data, size) if size else rows(model, data, size)
        bf16 = next(row["speedup"] for row in made if row["name"] == "bf16")
        for row in made:
            over = row["speedup"] / bf16 if row["speedup"] and bf16 else float("nan")  # type: ignore[operator]
            print(
                f"{Path(model).stem:16} {row['name']:9} {row['size_mb']:6.2f} {row['throughput']:10.1f} "
                f"{row['speedup']:9.2f} {over:10.2f} {row['kept']:8.4f} {len(row['in_floats']):6}"  # type: ignore[arg-type]
            )


if __name__ == "__main__":
    main()

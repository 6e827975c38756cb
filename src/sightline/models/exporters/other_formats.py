"""Model files of other programs, by their names, and what makes a file of them that Sightline runs."""

from __future__ import annotations

import zipfile
from pathlib import Path

from sightline.plan_file import PLAN_SUFFIXES

RUNS = (
    "Sightline runs .onnx, OpenVINO's .xml with its .bin, PyTorch programs (.torchscript, .pt2), and TensorRT's "
    "engines (.engine, .plan)"
)

_EXPORT = "export the model that it was made from to ONNX: `yolo export model=best.pt format=onnx`, or `torch.onnx.export`"  # fmt: skip

WEIGHTS = (
    "weights of PyTorch. Make a model of them: `sightline export {path} {stem}.onnx` tells what that "
    "needs; of a checkpoint of Ultralytics `{ultralytics}`, where that package is installed"
)
CONVERTED = "a model of {program}. Convert it with OpenVINO's tool: `ovc {path}` writes {stem}.xml"
ONE_WAY = f"a model for {{program}}, which cannot be turned back: {_EXPORT}"

FORMATS: dict[str, tuple[str, str]] = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".safetensors", ".pkl"), (WEIGHTS, "")),
    **dict.fromkeys(
        PLAN_SUFFIXES,
        (
            (
                "an engine of TensorRT, which runs, but cannot be read or changed: give the ONNX model that it was "
                "made of"
            ),
            "",
        ),
    ),
    **dict.fromkeys((".mlpackage", ".mlmodel", ".mlmodelc"), (ONE_WAY, "Core ML")),
    ".param": (ONE_WAY, "NCNN"),
    ".mnn": (ONE_WAY, "MNN"),
    ".rknn": (ONE_WAY, "Rockchip's processors"),
    ".hef": (ONE_WAY, "Hailo's processors"),
    ".blob": (ONE_WAY, "Luxonis' cameras"),
    ".om": (ONE_WAY, "Ascend's processors"),
    ".axmodel": (ONE_WAY, "Axera's processors"),
    ".kmodel": (ONE_WAY, "Kendryte's processors"),
    ".bmodel": (ONE_WAY, "Sophgo's processors"),
    ".dlc": (ONE_WAY, "Qualcomm's processors"),
    ".imx": (ONE_WAY, "Sony's sensors"),
    ".tflite": (CONVERTED, "TensorFlow Lite"),
    ".pb": (CONVERTED, "TensorFlow"),
    **dict.fromkeys(
        (".h5", ".keras", ".hdf5"),
        (
            (
                "a model of Keras. Save it with `model.export('{stem}_saved_model')`, then convert that with "
                "OpenVINO's tool: `ovc {stem}_saved_model`"
            ),
            "",
        ),
    ),
    **dict.fromkeys(
        (".pdmodel", ".pdiparams"),
        (
            (
                "a model of PaddlePaddle. Convert it: `paddle2onnx --model_dir {folder} --model_filename "
                "{stem}.pdmodel --params_filename {stem}.pdiparams --save_file {stem}.onnx`"
            ),
            "",
        ),
    ),
    **dict.fromkeys((".weights", ".cfg"), ("a model of Darknet. Convert it to ONNX", "")),
    **dict.fromkeys((".caffemodel", ".prototxt"), ("a model of Caffe. Convert it to ONNX", "")),
    **dict.fromkeys(
        (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"),
        ("an archive: unpack it, and give the model file in it", ""),
    ),
    **dict.fromkeys(
        (".yaml", ".yml", ".json", ".txt"),
        ("a file about a model, and no model: give the model file", ""),
    ),
    ".data": (
        "the weights of a large ONNX model: give the .onnx file, with this one beside it",
        "",
    ),
}
"""By suffix, what a file is, and of which program. Folders that other exporters write count too."""

FOLDERS = {"saved_model.pb": ".pb", "*.param": ".param", "*.pdmodel": ".pdmodel", "*.mlmodel": ".mlmodel",
    "*.tflite": ".tflite", "*.pt": ".pt"}  # fmt: skip
"""What a folder holds -> what it is."""


def about(path: Path) -> str:
    """What a file or folder that is no model of ours is, and what to do: a sentence for a message."""
    suffix, target = path.suffix.lower(), path
    if path.is_dir() and suffix not in FORMATS:
        found = ((s, next(iter(sorted(path.glob(p))), None)) for p, s in FOLDERS.items())
        suffix, target = next(((s, one) for s, one in found if one is not None), ("", path))
        if suffix == ".pb":
            target = path  # the folder is the model
    if suffix == ".bin":
        weights = path.with_suffix(".xml")
        beside = (
            "give that" if weights.is_file() else f"it belongs to {weights.name}, which is not here"
        )
        return f"the weights of an OpenVINO model {weights.name}: {beside}"
    if suffix in {".pt", ".pth"} and _is_program(target):
        return f"a PyTorch program: call it {target.stem}.torchscript"
    if suffix not in FORMATS:
        return f"no model that is known; {RUNS}"
    text, program = FORMATS[suffix]
    return text.format(
        path=target, stem=target.stem, folder=target.parent, program=program,
        ultralytics=ultralytics_command(target),
    )  # fmt: skip


def ultralytics_command(checkpoint: Path) -> str:
    """What exports a checkpoint of Ultralytics, where its package is installed."""
    return f"yolo export model={checkpoint} format=onnx dynamic=True"


def _is_program(path: Path) -> bool:
    """Whether a PyTorch file is TorchScript: it holds code beside its weights."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False

"""Options that several commands share, and what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.config import ModelOptions

MODEL = "Model"

Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="An .onnx or .xml file, a name of `sightline models`, or `people`."
    ),
]
Conf = Annotated[
    float | None,
    typer.Option(
        help="Lowest score of an object. \\[default: the card's, .25]", rich_help_panel=MODEL
    ),
]
Iou = Annotated[
    float | None,
    typer.Option(
        help="Overlap above which NMS drops a box. \\[default: .45]", rich_help_panel=MODEL
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        help="640: longer side of an input that fits the picture; 640x384: that very input.",
        rich_help_panel=MODEL,
    ),
]
Classes = Annotated[
    str | None,
    typer.Option(help="Only these, by name: person,car", rich_help_panel=MODEL),
]
MaxDetections = Annotated[
    int | None, typer.Option(help="Most objects in a frame.", rich_help_panel=MODEL)
]
AgnosticNms = Annotated[
    bool,
    typer.Option(
        "--agnostic-nms", help="Boxes of different classes compete.", rich_help_panel=MODEL
    ),
]
Backend = Annotated[str, typer.Option(help="auto, openvino or onnxruntime.", rich_help_panel=MODEL)]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.", rich_help_panel=MODEL)]
Device = Annotated[
    str, typer.Option(help="auto, cpu, gpu, npu, cuda, cuda:1.", rich_help_panel=MODEL)
]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv: all.")]


def model_options(
    model: str,
    *,
    size: str | None = None,
    classes: str | None = None,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    agnostic_nms: bool = False,
    **others: Any,
) -> ModelOptions:
    """The model options that these arguments mean. Raises ConfigError naming the option."""
    from sightline.cli.models import cache_folder
    from sightline.config import ModelOptions, checked

    return checked(
        ModelOptions,
        model=model,
        size=_size(size),
        classes=tuple(c.strip() for c in classes.split(",") if c.strip()) if classes else None,
        backend=backend,
        engine={"precision": precision, "device": device},
        agnostic_nms=agnostic_nms or None,
        models_dir=cache_folder(),
        **others,
    )


def _size(text: str | None) -> int | tuple[int, int] | None:
    if text is None:
        return None
    sides = text.lower().replace("×", "x").split("x")
    if not all(s.isdigit() for s in sides) or len(sides) > 2:
        raise ConfigError(f"--size: give 640 or 640x384 (width x height), not {text!r}")
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))

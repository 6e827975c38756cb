"""Options that several commands share, and what they make."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.tables import ENGINES

if TYPE_CHECKING:
    from sightline.config import ModelOptions

MODEL = "Model"


def cache_folder() -> Path:
    """Where models are kept unless the user says otherwise."""
    from sightline.models import zoo

    return zoo.default_folder(os.environ)


def words(*known: str) -> Callable[[str], list[str]]:
    """What a shell offers for an option's value."""

    def starting(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return starting


def model_names(incomplete: str) -> list[str]:
    """Names of models on this machine; the shell offers files where none begins like this."""
    from sightline.build.model_files import PEOPLE

    return [*words(PEOPLE)(incomplete), *network_names(incomplete)]


def network_names(incomplete: str) -> list[str]:
    """As ``model_names``, of models that are a network: without the detector ``people``."""
    from sightline.build.model_files import bundled_names

    pulled = sorted(path.stem for path in cache_folder().glob("*.onnx"))
    return words(*bundled_names(), *pulled)(incomplete)


def zoo_names(incomplete: str) -> list[str]:
    """Names of models that can be pulled."""
    from sightline.models.zoo import ZOO

    return words(*ZOO)(incomplete)


def listed_names(incomplete: str) -> list[str]:
    """Names of all models that ``sightline models`` lists."""
    return list(dict.fromkeys([*model_names(incomplete), *zoo_names(incomplete)]))


Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="An .onnx or .xml file, a name of `sightline models`, or `people`.",
        autocompletion=model_names,
    ),
]
Conf = Annotated[
    float | None,
    typer.Option(
        help="Lowest score of an object. \\[default: the card's, .25]", rich_help_panel=MODEL
    ),
]
SureConf = Annotated[
    float | None,
    typer.Option(
        help="Score from which a detection is sure: it may begin an id. Weaker ones only go on with "
        "one (--low-threshold). \\[default: the card's, .25]",
        rich_help_panel=MODEL,
    ),
]
"""``--conf`` of a command that tracks."""
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
    typer.Option(help="Only these, by name or number: person,car", rich_help_panel=MODEL),
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
Backend = Annotated[
    str,
    typer.Option(
        help=f"{', '.join(['auto', *ENGINES][:-1])} or {list(ENGINES)[-1]}.",
        rich_help_panel=MODEL,
        autocompletion=words("auto", *ENGINES),
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        help="auto, fp32, bf16 or fp16.",
        rich_help_panel=MODEL,
        autocompletion=words("auto", "fp32", "bf16", "fp16"),
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="auto, cpu, gpu, npu, cuda, cuda:1.",
        rich_help_panel=MODEL,
        autocompletion=words("auto", "cpu", "gpu", "npu", "cuda"),
    ),
]
ModelsDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of pulled models. \\[default: ~/.cache/sightline/models]",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv: all.")]
Footage = Annotated[
    str,
    typer.Argument(help="A video, a folder of pictures, rtsp://, a camera's number, street://."),
]
Seconds = Annotated[
    float | None, typer.Option(min=1, help="Look so long; a live source has no end.")
]
Json = Annotated[bool, typer.Option("--json", help="As one JSON object.")]
TableOrJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of a table.")
]
Frames = Annotated[int | None, typer.Option(min=1, help="Only the first frames or pictures.")]


def model_options(
    model: str,
    *,
    size: str | None = None,
    classes: str | None = None,
    backend: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    agnostic_nms: bool = False,
    models_dir: Path | None = None,
    tiles: Mapping[str, object] | None = None,
    **others: object,
) -> ModelOptions:
    """The model options that these arguments mean; ``tiles`` are those of tiles, None: there are none.

    Raises ConfigError naming the option.
    """
    from sightline.config import EngineOptions, ModelOptions, TiledModelOptions, checked

    return checked(
        ModelOptions if tiles is None else TiledModelOptions,
        model=model,
        size=size,
        classes=classes or None,
        backend=backend,
        engine=checked(EngineOptions, precision=precision, device=device),
        agnostic_nms=agnostic_nms or None,
        models_dir=models_dir or cache_folder(),
        **({} if tiles is None else {"kind": "tiles", **tiles}),
        **others,
    )

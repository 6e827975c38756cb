"""Checkpoints of Ultralytics, exported by that package where it is installed; never a dependency."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import shutil
from pathlib import Path

from sightline.errors import ModelError
from sightline.models.exporters.other_formats import ultralytics_command

log = logging.getLogger(__name__)

LICENCE = (
    "%s is exported by Ultralytics' own package, which is under AGPL-3.0 or a commercial licence, as are "
    "weights that it publishes: read their terms before you ship the result"
)


def to_onnx(checkpoint: Path, folder: Path) -> Path:
    """The ONNX file that Ultralytics makes of a trusted checkpoint, in ``folder``.

    Raises ModelError: the package is not installed, which names the command to run elsewhere; or it
    fails.
    """
    if importlib.util.find_spec("ultralytics") is None:
        raise ModelError(
            f"{checkpoint} is a checkpoint of Ultralytics, whose package is not installed: export it "
            f"where it is: `{ultralytics_command(checkpoint)}`, and give the .onnx file"
        )
    log.warning(LICENCE, checkpoint)
    copy = folder / checkpoint.name  # it writes beside what it is given
    shutil.copyfile(checkpoint, copy)
    try:
        made = (
            importlib.import_module("ultralytics")
            .YOLO(str(copy))
            .export(format="onnx", dynamic=True)
        )
    except Exception as exc:  # whatever a foreign package raises
        raise ModelError(
            f"{checkpoint}: Ultralytics cannot export it: {type(exc).__name__}: {exc}"
        ) from exc
    path = Path(os.fspath(made))
    if not path.is_file():
        raise ModelError(f"{checkpoint}: Ultralytics has written no ONNX file ({made})")
    return path

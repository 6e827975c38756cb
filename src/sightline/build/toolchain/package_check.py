"""A package checked on the machine that it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sightline.build.toolchain.package_trials import data_frames, found_objects, latency_ms
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError
from sightline.geometry import iou_matrix
from sightline.types import Detections

SAME = 0.7
"""The overlap (IoU) from which an object is the one that was found where the package was made."""


@contextmanager
def _package_folder(package: Path) -> Iterator[Path]:
    """A package's folder: itself, or unpacked for a while."""
    from sightline.deploy.package.files import unpacked

    if package.is_dir():
        yield package
        return
    if not package.is_file():
        raise ConfigError(f"{package}: there is no such folder or archive")
    with TemporaryDirectory() as folder:
        yield unpacked(package, Path(folder))


@dataclass(frozen=True)
class PackageCheck:
    """What a check of a package on this machine has found."""

    files: int
    objects: int
    latency_ms: float
    limit_ms: float


def verify_package(path: Path, environment: Mapping[str, str]) -> PackageCheck:
    """Check a package on this machine: its files, its configuration, and what its model finds.

    Args:
        path: the folder, or the archive.
        environment: what ``${NAME}`` in the configuration stands for.

    Raises:
        ConfigError: it is no package, or its configuration is wrong.
        ModelError: a file was changed, or the model does not find what it found where it was packed.
    """
    from sightline.config import file
    from sightline.deploy.package import files

    with _package_folder(path) as folder:
        count = files.check_checksums(folder)
        expected, limit_ms = _promised(folder / files.MANIFEST)
        configuration = file.read(folder / files.CONFIGURATION, environment).configuration
        (options,) = configuration.models.values()
        if not isinstance(options, ModelOptions):
            raise ConfigError(f"{path}: the model of {files.CONFIGURATION} is several models")
        (frame,) = data_frames(str(folder / files.SAMPLE))
        (found,) = found_objects(options, [frame])
        if lost := [one for one in expected if not _is_among(one, found)]:
            raise ModelError(
                f"{path}: the model does not find {len(lost)} of the {len(expected)} objects in "
                f"{files.SAMPLE} that it found where it was packed, such as {lost[0]['class']} at "
                f"{lost[0]['box']}"
            )
        latency = latency_ms(options, frame)
        return PackageCheck(count, len(expected), latency, limit_ms)


def _promised(manifest: Path) -> tuple[list[Any], float]:
    """The objects that must be found, and the longest that a picture may take in ms. Raises ModelError."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        for one in content["expected"]:
            np.array(one["box"], np.float32).reshape(4), one["class_id"], one["class"]
        return content["expected"], float(content["limits"]["latency_ms"])
    except (ValueError, LookupError, TypeError) as exc:
        raise ModelError(
            f"{manifest}: not as `sightline package` writes it: copy the package again"
        ) from exc


def _is_among(expected: Any, found: Detections) -> bool:
    """Whether an object of the manifest is found: of its class, at its place."""
    same = found[found.class_ids == expected["class_id"]]
    box = np.array([expected["box"]], np.float32)
    return bool(len(same)) and float(iou_matrix(box, same.boxes).max()) >= SAME

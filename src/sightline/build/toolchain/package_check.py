"""A package checked on the machine that it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.build.model_files import model_path
from sightline.build.toolchain.cards import read_any_card
from sightline.build.toolchain.package_subjects import CropSubject, DetectorSubject, PackedSubject
from sightline.build.toolchain.package_trials import data_frames
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError
from sightline.models.file import open_model
from sightline.temporary_files import temporary_folder
from sightline.types import Frame


@contextmanager
def _package_folder(package: Path) -> Iterator[Path]:
    """A package's folder: itself, or unpacked for a while."""
    from sightline.deploy.package.files import unpacked

    if package.is_dir():
        yield package
        return
    if not package.is_file():
        raise ConfigError(f"{package}: there is no such folder or archive")
    with temporary_folder() as folder:
        yield unpacked(package, folder)


@dataclass(frozen=True)
class PackageCheck:
    """What a check of a package on this machine has found; ``later`` came into its folder later."""

    files: int
    later: tuple[str, ...]
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
        promised = _promised(folder / files.MANIFEST)
        configuration = file.read(folder / files.CONFIGURATION, environment).configuration
        options = next(
            (one for one in configuration.models.values() if _is_file(one, promised.model)), None
        )
        if not isinstance(options, ModelOptions):
            raise ConfigError(
                f"{path}: {files.CONFIGURATION} does not name {promised.model} as a model"
            )
        (frame,) = data_frames(str(folder / files.SAMPLE))
        subject = _subject(options, promised, frame)
        lost = subject.lost(options, frame, promised.expected)
        if lost:
            raise ModelError(
                f"{path}: the model does not find {len(lost)} of the {len(promised.expected)} objects in "
                f"{files.SAMPLE} that it found where it was packed, such as {_told(lost[0])}"
            )
        return PackageCheck(
            count,
            tuple(files.later_files(folder)),
            len(promised.expected),
            subject.latency_ms(options),
            promised.limit_ms,
        )


def _is_file(options: object, name: str) -> bool:
    return isinstance(options, ModelOptions) and Path(options.model).name == name


def _subject(options: ModelOptions, promised: _Promised, frame: Frame) -> PackedSubject:
    if promised.task not in {"classify", "embed"}:
        return DetectorSubject([frame])
    reading = read_any_card(open_model(model_path(options)))
    boxes = np.array([one["box"] for one in promised.expected], np.float32).reshape(-1, 4)
    return CropSubject([frame], [boxes], reading.card)


def _told(one: Mapping[str, Any]) -> str:
    names = [label["value"] for label in one.get("labels", ())]
    what = one.get("class") or " ".join(names) or "the one"
    return f"{what} at {one['box']}"


@dataclass(frozen=True)
class _Promised:
    """What the manifest says: the file and task of the model, what must be found, and the longest that a
    picture may take."""

    model: str
    task: str
    expected: list[Any]
    limit_ms: float


def _promised(manifest: Path) -> _Promised:
    """Raises ModelError: the manifest is damaged."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        task = str(content.get("task", "detect"))
        for one in content["expected"]:
            np.array(one["box"], np.float32).reshape(4)
            if task == "embed":
                np.array(one["vector"], np.float32).reshape(-1)
            elif task == "classify":
                [(label["attribute"], label["value"]) for label in one["labels"]]
            else:
                one["class_id"], one["class"]
        limit_ms = float(content["limits"]["latency_ms"])
        return _Promised(str(content["model"]), task, content["expected"], limit_ms)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise ModelError(
            f"{manifest}: not as `sightline package` writes it: copy the package again"
        ) from exc

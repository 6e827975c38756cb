"""A detector packed for a machine, from options: variants are tried until its limits are met."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.build.file_conflicts import check_files, read_by_model
from sightline.build.model_files import model_path
from sightline.build.models import decoders
from sightline.build.toolchain.export_sources import DATA
from sightline.build.toolchain.package_trials import (
    data_frames,
    found_objects,
    packed_options,
    variant_trials,
)
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError
from sightline.types import Frame
from sightline.whole_files import check_text, move_into_place, scratch_beside

if TYPE_CHECKING:
    from sightline.deploy.package.targets import Target
    from sightline.deploy.package.trials import PackageTrial
    from sightline.models.card import CardReading
    from sightline.models.model_card import ModelCard


SURE = 0.5
"""The score of an object that must be found on the machine, too."""


@dataclass(frozen=True, kw_only=True)
class PackageOptions:
    """How a model is packed.

    Args:
        target: the machine's name.
        limits: of the machine.
        data: frames on which variants are compared with the original.
        wheels: files of Python packages that lie in the package, for a machine without a network.
        missed: pack what is nearest to the limits where none meets them.
    """

    target: str
    limits: Target
    data: str = DATA
    wheels: tuple[Path, ...] = ()
    missed: bool = False


@dataclass(frozen=True)
class Packed:
    """What was written, with what was tried and the limits that are missed."""

    path: Path
    chosen: PackageTrial
    trials: Sequence[PackageTrial]
    missed: Sequence[str]


def package(
    model: ModelOptions, output: Path, options: PackageOptions, tell: Callable[[str], None]
) -> Packed:
    """Write a package: a folder, or an archive where ``output`` ends with ``.tar.gz``.

    Args:
        tell: is called with each variant that was tried.

    Raises:
        ConfigError: the model is no ONNX detector, or the output is there already.
        ModelError: it cannot be read, or no variant meets the limits: nothing is written then.
        SinkError: the files cannot be written.
    """
    from sightline.deploy.package.trials import best, missed, tried

    path = model_path(model)
    check_files({use.what: Path(use.path) for use in read_by_model(model)}, {"the package": output})
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output} is there already: give another name, or remove it")
    _check_wheels(options.wheels)
    check_text(path, "a package, which is for other machines")
    reading = _reading(path)
    frames = data_frames(options.data)
    trials = []
    with scratch_beside(output) as scratch:
        for trial in tried(
            variant_trials(reading, frames, options.limits, scratch), options.limits
        ):
            trials.append(trial)
            tell(str(trial))
        chosen = best(trials, options.limits)
        gaps = missed(chosen, options.limits)
        if gaps and not options.missed:
            raise ModelError(
                f"no variant of {path.name} meets the limits of {options.target}; the nearest "
                f"is {chosen}: {'; '.join(gaps)}. --allow-missed packs it all the same"
            )
        name = _plain(output)
        folder = scratch / name
        _write(folder, name, reading, chosen, frames, options, trials)
        _place(folder, output)
    return Packed(output, chosen, trials, gaps)


def _check_wheels(wheels: Sequence[Path]) -> None:
    names = [wheel.name for wheel in wheels]
    for wheel in wheels:
        if not wheel.is_file() or wheel.suffix != ".whl":
            raise ConfigError(f"--wheel {wheel}: there is no such .whl file")
        if names.count(wheel.name) > 1:
            raise ConfigError(f"--wheel {wheel}: two wheels have this name")


def _reading(path: Path) -> CardReading:
    from sightline.models.card import read_card
    from sightline.models.file import open_model

    if path.suffix.lower() != ".onnx":
        raise ConfigError(
            f"{path}: an .onnx file is needed: `sightline export {path} {path.stem}.onnx` makes one of "
            "a PyTorch model"
        )
    return read_card(open_model(path), decoders())


def _write(
    folder: Path,
    name: str,
    reading: CardReading,
    chosen: PackageTrial,
    frames: Sequence[Frame],
    options: PackageOptions,
    trials: Sequence[PackageTrial],
) -> None:
    from sightline.deploy.package import files
    from sightline.imaging.picture_files import encoded
    from sightline.models.model_card import write_card
    from sightline.whole_files import sink_error

    target = options.limits
    try:
        folder.mkdir()
        for part in sorted(chosen.path.parent.iterdir()):
            shutil.copyfile(part, folder / part.name)
        file = folder / chosen.path.name
        write_card(_card(reading, chosen, options), file)
        how = packed_options(file, chosen.size, target)
        sure = [int((found.scores >= SURE).sum()) for found in found_objects(how, frames)]
        sample = frames[sure.index(max(sure))]
        (folder / files.SAMPLE).write_bytes(encoded(sample.image, ".png"))
        (expected,) = found_objects(how, data_frames(str(folder / files.SAMPLE)))
        manifest = {
            "name": name,
            "model": file.name,
            "target": options.target,
            "limits": target.model_dump(),
            "measured": chosen.figures(),
            "tried": [trial.figures() for trial in trials],
            "expected": expected[expected.scores >= SURE].to_dict(),
        }
        text = files.configuration_text(name, file.name, target.runtime, chosen.size, target.threads, "auto")  # fmt: skip
        files.write_texts(folder, name, manifest, text)
        for wheel in options.wheels:
            (folder / "wheels").mkdir(exist_ok=True)
            shutil.copyfile(wheel, folder / "wheels" / wheel.name)
        files.write_checksums(folder)
    except OSError as error:
        raise sink_error(folder, error) from error


def _card(reading: CardReading, chosen: PackageTrial, options: PackageOptions) -> ModelCard:
    from sightline.models.history import made_by

    step = made_by(
        "sightline package",
        options.limits.runtime,
        source=reading.file.path.name,
        source_sha256=reading.file.sha256,
        options={"target": options.target, "variant": chosen.variant},
        figures=chosen.figures(),
    )
    return reading.card.after(step)


def _place(folder: Path, output: Path) -> None:
    from sightline.deploy.package.files import write_archive

    if output.name.endswith(".tar.gz"):
        archive = folder.with_name(f"{folder.name}.tar.gz")
        write_archive(folder, archive)
        move_into_place(archive, output)
    else:
        move_into_place(folder, output)


def _plain(output: Path) -> str:
    """The name of a package: of its folder, or of its archive without the suffix."""
    from sightline.whole_files import safe_name

    return safe_name(output.name.removesuffix(".tar.gz"))

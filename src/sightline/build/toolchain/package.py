"""A model packed for a machine, from options: variants are tried until its limits are met."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.build.files.conflicts import check_files, paths_read
from sightline.build.model_files import PEOPLE, bundled_names, model_path
from sightline.build.sources import inputs
from sightline.build.toolchain.cards import onnx_card
from sightline.build.toolchain.crops import boxes_of, check_shown
from sightline.build.toolchain.export_sources import DATA
from sightline.build.toolchain.package_subjects import CropSubject, DetectorSubject, PackedSubject
from sightline.build.toolchain.package_trials import VariantTrials, data_frames
from sightline.build.toolchain.package_variants import (
    TAUGHT,
    PackageTraining,
    VariantMaker,
    packed_options,
)
from sightline.build.toolchain.training import TrainingRequest
from sightline.config import ClassifyOptions, ModelOptions, stage_options
from sightline.errors import ConfigError, ModelError
from sightline.models.exporters.metadata import DETECTION_TASKS
from sightline.types import Frame
from sightline.whole_files import check_text, move_into_place, scratch_beside, writable_folder

if TYPE_CHECKING:
    from sightline.deploy.package.files import PackedUse
    from sightline.deploy.package.targets import Target
    from sightline.deploy.package.trials import PackageTrial
    from sightline.models.card import CardReading
    from sightline.models.model_card import ModelCard


@dataclass(frozen=True, kw_only=True)
class PackageOptions:
    """How a model is packed.

    Args:
        target: the machine's name.
        limits: of the machine.
        data: frames on which variants are compared with the original.
        crops: of a classifier or an embedder, the detector whose objects it is shown there, and in use:
            ``MODEL`` or ``MODEL:class,class``; None: it is shown whole pictures.
        models_dir: where that is looked up by its name.
        wheels: files of Python packages that lie in the package, for a machine without a network.
        training: how networks are taught where no other variant meets the limits; None: none is.
        taught: the variants that are taught then, in their order.
        missed: pack what is nearest to the limits where none meets them.
    """

    target: str
    limits: Target
    data: str = DATA
    crops: str | None = None
    models_dir: Path | None = None
    wheels: tuple[Path, ...] = ()
    training: TrainingRequest | None = None
    taught: str = TAUGHT
    missed: bool = False


@dataclass(frozen=True)
class Packed:
    """What was written, with what was tried and the limits that are missed."""

    path: Path
    chosen: PackageTrial
    trials: Sequence[PackageTrial]
    missed: Sequence[str]


def package(
    model: ModelOptions,
    output: Path,
    options: PackageOptions,
    tell: Callable[[str], None],
    progress: Callable[[str], None] = lambda _: None,
) -> Packed:
    """Write a package: a folder, or an archive where ``output`` ends with ``.tar.gz``.

    Networks that were taught for it are kept beside it, in ``NAME.training``, until it is written: the same call
    goes on where an interrupted one was.

    Args:
        tell: is called with each variant that was tried.
        progress: is told what is being done meanwhile.

    Raises:
        ConfigError: the model is no ONNX file, nothing says what it is shown, the output is there already, or
            the training step is not the model's.
        ModelError: it cannot be read, or no variant meets the limits: nothing is written then.
        SinkError: the files cannot be written.
    """
    from sightline.deploy.package.trials import best, missed

    path = model_path(model)
    _check_output(model, output)
    _check_wheels(options.wheels)
    check_text(path, "a package, which is for other machines")
    training = None
    if options.training is not None:
        folder = output.with_name(f"{_plain(output)}.training")
        training = PackageTraining.begin(options.training, options.taught, folder)
    reading = onnx_card(path)
    _check_crops(reading, options)
    subject = _subject(reading, data_frames(options.data), model, options)
    with scratch_beside(output) as scratch, _kept_trainings(training) as done:
        trials = _trials(reading, subject, options, scratch, training, (tell, progress))
        chosen = best(trials, options.limits)
        gaps = missed(chosen, options.limits)
        if gaps and not options.missed:
            raise ModelError(
                f"no variant of {path.name} meets the limits of {options.target}; the nearest "
                f"is {chosen}: {'; '.join(gaps)}. {_untried(training)}. --allow-missed packs the nearest all the same"
            )
        name = _plain(output)
        folder = scratch / name
        _write(folder, name, reading, chosen, subject, options, trials)
        _place(folder, output)
        done()
    return Packed(output, chosen, trials, gaps)


def _check_output(model: ModelOptions, output: Path) -> None:
    """Raise ConfigError where a package would be written over something."""
    check_files(paths_read(model), {"the package": output})
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output} is there already: give another name, or remove it")


def _trials(
    reading: CardReading,
    subject: PackedSubject,
    options: PackageOptions,
    scratch: Path,
    training: PackageTraining | None,
    tell: tuple[Callable[[str], None], Callable[[str], None]],
) -> list[PackageTrial]:
    """What was tried, up to the first variant that meets all limits; ``tell`` is of trials and of progress."""
    from sightline.deploy.package.trials import tried

    tell_trial, progress = tell
    trials = []
    with ExitStack() as stack:
        maker = VariantMaker(
            reading, subject, options.limits, scratch, stack, training, tell_trial, progress
        )
        maker.check_training()
        for trial in tried(
            VariantTrials(maker, subject, options.limits, tell_trial), options.limits
        ):
            trials.append(trial)
            tell_trial(str(trial))
    return trials


@contextmanager
def _kept_trainings(training: PackageTraining | None) -> Iterator[Callable[[], None]]:
    """A folder for trainings, which lasts until what it gives is called, or where nothing was kept in it."""
    if training is None:
        yield lambda: None
        return
    folder = writable_folder(training.folder)

    def done() -> None:
        for file in folder.glob("*.checkpoint.pt"):
            file.unlink()

    try:
        yield done
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()


def _untried(training: PackageTraining | None) -> str:
    if training is None:
        return (
            "Networks that are pruned, distilled or taught for INT8 are tried, too, with --training STEP "
            "(see docs/guides/optimizing.md)"
        )
    return f"What was taught is kept in {training.folder} for another try"


def _check_crops(reading: CardReading, options: PackageOptions) -> None:
    """Raise ConfigError where nothing says what a model of crops is shown, or that is said of a detector."""
    card = reading.card
    if card.task in DETECTION_TASKS:
        if options.crops is not None:
            raise ConfigError(
                f"--crops {options.crops}: it is for classifiers and embedders, and the task of {card.name} "
                f"is {card.task}"
            )
        return
    if card.task == "embed" and options.crops is None:
        raise ConfigError(
            f"{card.name} makes vectors of objects: name the detector whose objects it is shown, --crops street"
        )
    check_shown(card, inputs([options.data]), options.crops, "--data")


def _subject(
    reading: CardReading, frames: Sequence[Frame], model: ModelOptions, options: PackageOptions
) -> PackedSubject:
    card = reading.card
    if card.task in DETECTION_TASKS:
        return DetectorSubject(frames, card)
    with boxes_of(options.crops, model) as boxes:
        shown = [boxes(frame) for frame in frames]
    if sum(map(len, shown)) < 2:
        raise ConfigError(
            f"--data {options.data}: {options.crops} finds no objects in it to show: give other footage"
        )
    return CropSubject(frames, shown, card)


def _check_wheels(wheels: Sequence[Path]) -> None:
    names = [wheel.name for wheel in wheels]
    for wheel in wheels:
        if not wheel.is_file() or wheel.suffix != ".whl":
            raise ConfigError(f"--wheel {wheel}: there is no such .whl file")
        if names.count(wheel.name) > 1:
            raise ConfigError(f"--wheel {wheel}: two wheels have this name")


def _write(
    folder: Path,
    name: str,
    reading: CardReading,
    chosen: PackageTrial,
    subject: PackedSubject,
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
        sample, expected = subject.sample(how)
        (folder / files.SAMPLE).write_bytes(encoded(sample.image, ".png"))
        use = _use(folder, reading, chosen, options)
        manifest = {
            "name": name,
            "model": file.name,
            "task": reading.card.task,
            "target": options.target,
            "limits": target.model_dump(),
            "measured": chosen.figures(),
            "tried": [trial.figures() for trial in trials],
            "expected": expected,
        }
        text = files.configuration_text(
            name, file.name, target.runtime, use, target.threads, "auto"
        )
        files.write_texts(folder, name, manifest, text, use)
        for wheel in options.wheels:
            (folder / "wheels").mkdir(exist_ok=True)
            shutil.copyfile(wheel, folder / "wheels" / wheel.name)
        files.write_checksums(folder)
    except OSError as error:
        raise sink_error(folder, error) from error


def _use(
    folder: Path, reading: CardReading, chosen: PackageTrial, options: PackageOptions
) -> PackedUse:
    """What the package does with its model; a detector that others cannot have by name lies in it, too."""
    from sightline.deploy.package.files import PackedUse
    from sightline.models.model_card import write_card

    task = reading.card.task
    if options.crops is None:
        return PackedUse(task, chosen.size)
    stage = stage_options(ClassifyOptions, options.crops)
    detector = stage.model
    if detector != PEOPLE and detector not in bundled_names():
        found = onnx_card(model_path(ModelOptions(model=detector, models_dir=options.models_dir)))
        file = folder / f"objects-{found.file.path.name}"
        content = found.file.content
        file.write_bytes(content if isinstance(content, bytes) else content.read_bytes())
        write_card(found.card, file)
        detector = file.name
    return PackedUse(task, chosen.size, detector, tuple(map(str, stage.of)))


def _card(reading: CardReading, chosen: PackageTrial, options: PackageOptions) -> ModelCard:
    from sightline.models.history import made_by
    from sightline.optimize.variants.report import PACKAGES

    taught: dict[str, Any] = {}
    if options.training and chosen.training:
        taught = options.training.options()
    step = made_by(
        "sightline package",
        *PACKAGES,
        source=reading.file.path.name,
        source_sha256=reading.file.sha256,
        options={"target": options.target, "variant": chosen.variant, **taught},
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

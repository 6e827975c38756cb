"""Which file a model option means: a path, the name of a bundled model, or of a pulled one."""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path

from sightline.config import (
    MODEL_SUFFIXES,
    Configuration,
    ModelOptions,
    ServedModelOptions,
    SharedModelOptions,
)
from sightline.errors import ConfigError, ModelError
from sightline.tables import BUNDLED

PEOPLE = "people"
"""The detector that needs no file."""

RUN = (".onnx", ".xml", ".torchscript", ".pt2", ".engine", ".plan")
"""Suffixes of models in folders."""


def model_path(options: ModelOptions, *, of_crops: bool = False) -> Path:
    """The file that a model option means.

    A file that exists comes first, then a bundled model, then a pulled one. ``of_crops``: a classifier
    or an embedder is wanted.

    Raises:
        ConfigError: no model has this name, and the message suggests the nearest; or it is empty.
        ModelError: the model can be pulled but was not yet, or was changed since; or there is no
            file at this path.
    """
    from sightline.models import zoo

    text = options.model
    if not text.strip():
        raise ConfigError("model: it is empty: give a file, or the name of a model")
    path = Path(text).expanduser()
    if path.is_file():
        return path
    if is_path(text):
        if path.is_dir():
            return _only_model_in(path)
        raise ModelError(_absent(path, options))
    if (bundled := BUNDLED / f"{text}.onnx").is_file():
        return bundled
    if options.models_dir is not None and zoo.is_name(text):
        found = zoo.resolve(text, options.models_dir)
        if found is not None:
            return found
    if path.is_dir():
        return _only_model_in(path)
    if text in zoo.ZOO:
        raise ModelError(
            f"model {text} is not here yet: fetch it with `sightline models pull {text}`"
        )
    raise _unknown(text, options, of_crops=of_crops)


def located(options: ModelOptions) -> Path | None:
    """Where the file of a model option lies or would lie, unchecked; None where nothing is known."""
    from sightline.models import zoo

    text = options.model
    if text == PEOPLE:
        return None
    path = Path(text).expanduser()
    if path.is_file() or is_path(text):
        return path
    if (bundled := BUNDLED / f"{text}.onnx").is_file():
        return bundled
    if options.models_dir is not None and zoo.is_name(text):
        return zoo.path_of(text, options.models_dir)
    return None


def model_identity(options: ModelOptions) -> str:
    """The name of a model with the beginning of its file's digest: two of one name are told apart."""
    from sightline.models.file import open_model

    path = located(options)
    if path is None:
        return options.model
    return f"{path.stem} {open_model(path).sha256[:12]}"


def model_content(options: SharedModelOptions) -> str:
    """The SHA-256 of the files that decide what a model says: networks, weights and cards beside them, of all its parts.

    Raises ModelError, ConfigError: as ``model_path``, or a file cannot be read.
    """
    from sightline.models.file import open_model

    found = [open_model(model_path(file)).weights_sha256 for file in options.files]
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def configured_identity(configuration: Configuration, name: str) -> str:
    """What tells a model of a configuration from others of its name: of an ensemble, all of its files."""
    models = configuration.models
    options = models.get(name) or next(iter(models.values()))
    return " and ".join(model_identity(file) for file in options.files)


def configured_model(configuration: Configuration, name: str) -> SharedModelOptions:
    """A model of a configuration; or a file, or one that is bundled or pulled, beside those."""
    models = configuration.models
    if name in models:
        return models[name]
    pulled = next(iter(models.values())).files[0].models_dir
    return ServedModelOptions(model=name, models_dir=pulled)


def is_path(text: str) -> bool:
    """Whether a model option is meant as a file: it has a folder in it or a model file's suffix."""
    return "/" in text or "\\" in text or Path(text).suffix.lower() in MODEL_SUFFIXES


def bundled_names() -> list[str]:
    """Detectors that come with the package."""
    return sorted(card.stem for card in BUNDLED.glob("*.yaml"))


BUNDLED_CLASSIFIERS = ("street-attributes",)
"""The models that come with the package and name pictures."""


def bundled_files() -> list[str]:
    """Models that come with the package, with those of stages."""
    return sorted(file.stem for file in BUNDLED.glob("*.onnx"))


def _only_model_in(folder: Path) -> Path:
    """The model in a folder that an exporter wrote: ``best_openvino_model``, or Hugging Face's with ``onnx``.

    Raises:
        ModelError: it holds none, or several.
    """
    from sightline.models.exporters.other_formats import about

    folders = (folder, folder / "onnx")
    files = sorted(f for one in folders for suffix in RUN for f in one.glob(f"*{suffix}"))
    usual = [f for f in files if f.name == "model.onnx"]  # others beside it are of fewer bits
    if len(files) == 1 or len(usual) == 1:
        return (usual or files)[0]
    if files:
        listed = " or ".join(map(str, files[:5]))
        raise ModelError(f"{folder}: it is a folder with several models: give {listed}")
    raise ModelError(f"{folder}: it is a folder without a model that runs here: {about(folder)}")


def _names(options: ModelOptions) -> list[str]:
    """Every name that ``model`` can be."""
    from sightline.models import zoo

    return [PEOPLE, *bundled_names(), *zoo.names(options.models_dir or Path())]


def _unknown(text: str, options: ModelOptions, *, of_crops: bool) -> ConfigError:
    if text == PEOPLE:
        return ConfigError(
            "`people` is a detector without a model file, for `detect`, `track` and streams: give a model file, or the "
            "name of a model"
        )
    detectors = bundled_names()
    of_others = [name for name in bundled_files() if name not in detectors]
    known = of_others if of_crops else _names(options)
    near = [*_near_files(text, Path()), *difflib.get_close_matches(text.lower(), known, n=2)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    file = text if Path(text).suffix else f"{text}.onnx"
    return ConfigError(
        f"no model is called {text!r}: {hint} For a file of yours give its path: ./{file}"
    )


def _near_files(name: str, folder: Path) -> list[str]:
    """The model file in a folder, as a path, whose name is nearly this one; with its suffix or without."""
    files = [one.name for one in folder.glob("*") if one.suffix.lower() in MODEL_SUFFIXES]
    if not Path(name).suffix:
        stems = {Path(file).stem: file for file in files}
        near = [stems[stem] for stem in difflib.get_close_matches(name, stems, n=1)]
    else:
        near = difflib.get_close_matches(name, files, n=1)
    return [str(folder / file) for file in near]


def _absent(path: Path, options: ModelOptions) -> str:
    """What to say of a path that leads to no file."""
    text = f"no model file at {path}"
    if path.stem in _names(options) and path.parent == Path():
        return f"{text}; the model's name is {path.stem}, without {path.suffix}"
    if path.parent.is_dir() and (near := _near_files(path.name, path.parent)):
        return f"{text}; did you mean {near[0]}?"
    return f"{text}; `sightline models list` shows models that have a name"

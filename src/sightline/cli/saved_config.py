"""``--save-config``: the configuration file that does what a command line does."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.errors import ConfigError
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.build import SourceInput
    from sightline.config import LiveOptions, ModelOptions, OutputOptions, TrackerKind

SaveConfig = Annotated[
    Path | None,
    typer.Option(
        help="Write this command as a configuration file for `sightline run`, then do it."
    ),
]

_SUFFIXES = (".yaml", ".yml")
_HEAD = "# Written by `sightline {command} --save-config`; `sightline run {file}` does the same.\n"


def of_command(
    inputs: Sequence[SourceInput],
    model: ModelOptions,
    outputs: OutputOptions,
    live: LiveOptions,
    tracker: TrackerKind | None,
    how: Mapping[str, object],
) -> dict[str, Any]:
    """The tree of a configuration that does what ``detect`` (no tracker) or ``track`` does.

    ``how`` are further options of each stream.

    Raises ConfigError: the command does something that no configuration can say.
    """
    from sightline import build
    from sightline.config import StreamOptions

    if model.model == build.PEOPLE:
        raise ConfigError(
            "--save-config: the detector `people` has no network, which `sightline run` needs: give "
            "a model file"
        )
    written = written_model(model)
    # A few pictures are looked at by the runtime that starts soonest; `run` would take the fastest.
    if model.backend == "auto" and build.few_pictures(inputs):
        written["backend"] = "onnxruntime"
        written["engine"] = {**written.get("engine", {}), "hint": "latency"}
    same: dict[str, object] = {} if tracker is not None else {"track": False}
    if tracker is not None and tracker.model_fields_set:
        same["tracker"] = tracker.model_dump(exclude_none=True)
    same |= {
        name: value
        for name, value in how.items()
        if value != StreamOptions.model_fields[name].get_default()
    }
    results = outputs.model_dump(mode="json", exclude_defaults=True)
    streams = {}
    for name, one in zip(_names(inputs), inputs, strict=True):
        streams[name] = {"source": one.spec, **same}
        if one.kind in build.LIVE:  # `run` waits for cameras unless it is told not to
            streams[name]["live"] = {
                "wait_for_camera": False, **live.model_dump(mode="json", exclude_defaults=True),
            }  # fmt: skip
        if results:
            streams[name]["outputs"] = dict(results)
    return {"models": {served_name(model.model): written}, "streams": streams}


def of_service(model: ModelOptions, serving: Mapping[str, object]) -> dict[str, Any]:
    """The tree of a configuration that does what ``serve`` does; tokens stay in the environment."""
    tokens = {"token": "SIGHTLINE_TOKEN", "admin_token": "SIGHTLINE_ADMIN_TOKEN"}
    kept = {
        key: f"${{{tokens[key]}}}" if key in tokens else value
        for key, value in serving.items()
        if value is not None or key not in tokens
    }
    return {"models": {served_name(model.model): written_model(model)}, "serving": kept}


def save(
    file: Path,
    command: str,
    tree: Mapping[str, object],
    *,
    option: str = "--save-config",
    head: str = _HEAD,
) -> None:
    """Write a configuration, checked as ``sightline config check`` does. Passwords are for its owner.

    ``option`` is the one that messages name, ``head`` a comment at the beginning, with ``{command}`` and
    ``{file}`` in it.

    Raises:
        ConfigError: there is such a file, its name does not end in .yaml, or ``sightline run`` would
            refuse the configuration.
        SinkError: it cannot be written.
    """
    import yaml

    from sightline.build.files.conflicts import configuration_conflicts
    from sightline.config import file as config_file
    from sightline.whole_files import write_whole

    if file.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"{option} {file}: give a name that ends in .yaml")
    if file.exists():
        raise ConfigError(f"{option} {file}: there is such a file: remove it or take another")
    placed = _placed(tree, file)
    text = head.format(command=command, file=printable(file.name))
    text += yaml.safe_dump(placed, sort_keys=False, allow_unicode=True, width=1000)
    try:
        found = config_file.parse(text, file, os.environ)
    except ConfigError as exc:
        raise ConfigError(f"{option}: `sightline run` cannot do this: {exc}") from exc
    for use, why in configuration_conflicts(found.configuration, {"this configuration": file}):
        raise ConfigError(
            f"{option}: `sightline run` cannot do this: {'.'.join(map(str, use.at))}: {why}; "
            "a folder/ gives each stream a file of its own"
        )
    secret = re.search(r"://[^/\s]*:[^/\s]*@", text) is not None
    write_whole(file, text.encode(), mode=0o600 if secret else None)
    if secret:
        typer.secho(
            f"note: {file} holds a password, and only you can read it; "
            "${NAME} in its place would take it from the environment",
            err=True,
        )


def served_name(model: str) -> str:
    """A name for URLs and files: the model file's, with what a name may not hold replaced."""
    return _plain(Path(model).stem) or "model"


def _plain(text: str) -> str:
    allowed = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in text)
    return allowed.strip("-._")[:64]


def _names(inputs: Sequence[SourceInput]) -> list[str]:
    """Names that a configuration can hold, one for each input; a change is said."""
    names: list[str] = []
    for one in inputs:
        first = _plain(one.name) or "stream"
        name, number = first, 1
        while name in names:
            number += 1
            name = f"{first[:60]}-{number}"
        if name != one.name:
            typer.secho(
                f"note: stream {printable(one.name)} is called {name} in the file", err=True
            )
        names.append(name)
    return names


def written_model(model: ModelOptions) -> dict[str, Any]:
    """A model's options as they stand in a file: what differs from the defaults."""
    from sightline.cli.options import cache_folder

    written = model.model_dump(mode="json", exclude_defaults=True)
    if model.models_dir == cache_folder():
        written.pop("models_dir", None)
    return written


def _placed(tree: Mapping[str, object], file: Path) -> dict[str, Any]:
    """The tree with paths that mean the same from the folder of the file, and with ``${`` escaped."""
    from sightline.config.file import place

    escaped: dict[str, Any] = _escaped(tree)
    if file.absolute().parent.resolve() != Path.cwd().resolve():
        place(escaped, Path.cwd())
    return escaped


def _escaped(tree: object) -> Any:
    """Texts as they must be written: ``${`` would be a variable. Tokens are meant as such."""
    if isinstance(tree, Mapping):
        return {
            key: value if key in {"token", "admin_token"} else _escaped(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [_escaped(value) for value in tree]
    return tree.replace("${", "$${") if isinstance(tree, str) else tree

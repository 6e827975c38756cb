"""``sightline config``: write, check and describe the configuration file."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline.cli import word_hints
from sightline.cli.options import cache_folder
from sightline.errors import ConfigError, ModelError, SourceError
from sightline.redaction import printable, redact_address

if TYPE_CHECKING:
    from sightline.config import ModelOptions, SharedModelOptions
    from sightline.config.file import ConfigurationFile
    from sightline.config.options import Loc

EXAMPLE = Path(__file__).with_name("example.yaml")

app = typer.Typer(
    name="config", help="Write, check and describe the configuration file.", no_args_is_help=True
)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("sightline.yaml"),
    schema: Annotated[
        bool, typer.Option("--schema", help="Write the JSON schema beside it, for editors.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write a commented example that runs as it is."""
    from sightline.build.files.conflicts import check_files

    text = EXAMPLE.read_text(encoding="utf-8").replace("FILE", file.name)
    written = [file]
    if schema:
        beside = file.with_suffix(".schema.json")
        text = f"# yaml-language-server: $schema={beside.name}\n{text}"
        written.append(beside)
    for path in written:
        if path.exists() and not force:
            raise ConfigError(f"{path} exists: --force replaces it")
    if schema:
        check_files({}, {"the configuration": file, "its schema": beside})
    try:
        file.write_text(text, encoding="utf-8")
        if schema:
            beside.write_text(_schema_text(), encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{exc.filename}: {exc.strerror}") from exc
    typer.echo(f"wrote {' and '.join(map(str, written))}; next: sightline config check {file}")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file to check.")] = Path("sightline.yaml"),
) -> None:
    """Check a file: each mistake with its line, or what it sets up.

    It says which file each model's name stands for, and looks class names up in that file. Nothing else is
    opened: neither cameras nor addresses, and no model is loaded. Exits with 2 where something is wrong.
    """
    from sightline.build.monitoring.accuracy import calibration_mistakes

    word_hints.check_configuration(file)
    found = read(file)
    refused = [
        f"{found.where(*at)}: {why}" for at, why in calibration_mistakes(found.configuration)
    ]
    if refused:  # `run` goes on, without these estimates
        raise ConfigError("\n".join(refused))
    typer.echo(f"{typer.style('ok', fg='green')}  {file}")
    for what, text in _summary(found):
        typer.echo(printable(f"{what:<10} {text}"))


@app.command("schema")
def print_schema() -> None:
    """Print the JSON schema of the file, for editors and other programs."""
    typer.echo(_schema_text(), nl=False)


def _schema_text() -> str:
    from sightline.config.schema import schema

    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def read(file: Path) -> ConfigurationFile:
    """Read a configuration file, and see whether its models and sources can be what they are called.

    Models without a ``models_dir`` are looked for where `sightline models pull` puts them.

    Raises ConfigError, with a line for each mistake.
    """
    from sightline.build.files.conflicts import configuration_conflicts
    from sightline.build.stages import NamedClasses
    from sightline.config import file as config_file

    found = _with_models_dir(config_file.read(file, os.environ))
    wrong = [f"{found.where(*at)}: {why}" for at, why in _mistakes(found)]
    if not wrong:  # what is no model has no classes
        for at, why in NamedClasses(found.configuration).mistakes():
            wrong.append(f"{found.where(*at)}: {why}")
    for use, why in configuration_conflicts(found.configuration, {"this configuration": file}):
        wrong.append(f"{found.where(*use.at)}: {'.'.join(map(str, use.at))}: {why}")
    if len(wrong) > 1:
        wrong.insert(0, f"{len(wrong)} mistakes")
    if wrong:
        raise ConfigError("\n".join(wrong))
    return found


def _mistakes(found: ConfigurationFile) -> Iterator[tuple[Loc, str]]:
    """Models, sources and certificates that cannot be what they are called, each with its place."""
    from sightline.build.output_names import refuse_name
    from sightline.build.sources import check_source
    from sightline.monitoring.mail import trusted

    if found.configuration.mail is not None:
        try:
            trusted(found.configuration.mail)
        except ConfigError as exc:
            yield ("mail", "ca_file"), str(exc)
    for name, model in found.configuration.models.items():
        for place, options in enumerate(model.files):
            try:
                _model_file(options)
            except ConfigError as exc:
                key = ("model",) if options is model else ("of", place)
                yield ("models", name, *key), str(exc)
    for name, stream in found.configuration.streams.items():
        try:
            check_source(stream)
        except (ConfigError, SourceError) as exc:
            yield ("streams", name, "source"), str(exc)
        for at, model_name in stream.further_models:
            try:
                _stage_model(found, model_name)
            except ConfigError as exc:
                yield ("streams", name, *at), str(exc)
        for output in stream.outputs.chosen():
            try:
                refuse_name(output)
            except ConfigError as exc:
                yield ("streams", name, "outputs", output.kind), str(exc)


def _with_models_dir(found: ConfigurationFile) -> ConfigurationFile:
    models = {
        name: model.with_files(lambda file: {"models_dir": file["models_dir"] or cache_folder()})
        for name, model in found.configuration.models.items()
    }
    configuration = found.configuration.model_copy(update={"models": models})
    return dataclasses.replace(found, configuration=configuration)


def _model_file(options: ModelOptions) -> str:
    """The file that a model option means, or why it is not there yet. Raises ConfigError."""
    from sightline.build.model_files import PEOPLE, is_path, model_path

    if options.model == PEOPLE:
        return PEOPLE
    if options.engine.url is not None:
        return redact_address(options.engine.url)
    try:
        return str(model_path(options))
    except ModelError as exc:
        return "not there yet" if is_path(options.model) else str(exc)


def _stage_model(read: ConfigurationFile, name: str) -> str:
    """The file of a stage's model. Raises ConfigError: there is none of this name."""
    from sightline.config import ModelOptions

    models = read.configuration.models
    if name in models:
        return name
    pulled = next(iter(models.values())).files[0].models_dir
    file = _model_file(ModelOptions(model=name, models_dir=pulled))
    return name if file == name else f"{name} ({file})"


def _summary(read: ConfigurationFile) -> Iterator[tuple[str, str]]:
    configuration = read.configuration
    for name, model in configuration.models.items():
        yield "model", f"{name}: {_told(model)}"
    for name, stream in configuration.streams.items():
        model_name = stream.model if stream.model != "default" else configuration.served_models[0]
        source = f"{redact_address(stream.source)}{_absent(stream.source)}"
        then = "".join(
            f", {'beside' if at[0] == 'estimate' else 'then'} {_stage_model(read, further)}"
            for at, further in stream.further_models
        )
        yield "stream", f"{name}: {source}, {model_name}{then}, priority {stream.priority}"
    serving = configuration.serving
    if serving is None:
        yield "service", "none"
    else:
        yield "service", f"http://{serving.host}:{serving.port}{_grpc(serving)}"
    for rule in configuration.alerts:
        limit = f"above {rule.above:g}" if rule.above is not None else f"below {rule.below:g}"
        yield "alert", f"{rule.name}: {rule.metric} {limit} for {rule.for_s:g} s"


def _told(model: SharedModelOptions) -> str:
    """What a model is made of: its files, and how they are used."""
    files = []
    for one in model.files:
        file = _model_file(one)
        files.append(one.model + (f" ({file})" if file != one.model else ""))
    kind = getattr(model, "kind", "")
    return f"{kind} of {', '.join(files)}" if kind else files[0]


def _grpc(serving: Any) -> str:
    token = "with a token" if serving.token else "without a token"
    grpc = "" if serving.grpc_port is None else f", gRPC on port {serving.grpc_port}"
    return f"{grpc}, {token}"


def _absent(spec: str) -> str:
    """A note on a path that leads to nothing yet; it may come before the file is run."""
    if spec.startswith("/") and not any(c in spec for c in "*?[") and not Path(spec).exists():
        return " (not there yet)"
    return ""

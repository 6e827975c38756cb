"""``sightline models``: which models can be had by name, and fetching them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.cli.options import cache_folder, listed_names, zoo_names
from sightline.cli.terminal.cells import cell
from sightline.errors import ConfigError, ModelError
from sightline.redaction import printable

if TYPE_CHECKING:
    from sightline.models.download import Progress

app = typer.Typer(name="models")


def _renamed(folder: Path | None) -> Path | None:
    if folder is not None:
        typer.secho("warning: --folder is called --models-dir now", fg="yellow", err=True)
    return folder


ModelsDir = Annotated[
    Path | None,
    typer.Option(
        "--models-dir", help="Where models are kept.", show_default="~/.cache/sightline/models"
    ),
]
Folder = Annotated[Path | None, typer.Option("--folder", hidden=True, callback=_renamed)]
"""What ``--models-dir`` was called in version 0.1.0."""


@app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List models: those on this machine and those that can be had by name; fetch them.

    [bold]Examples[/bold]

    sightline models

    sightline models pull yolox_nano
    """
    if context.invoked_subcommand is None:
        list_models()


@contextmanager
def show_progress(name: str) -> Iterator[Progress]:
    """A progress callback that draws on stderr: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield _lines(name)
        return
    from rich import progress
    from rich.console import Console

    with progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@app.command("list")
def list_models(models_dir: ModelsDir = None, folder: Folder = None) -> None:
    """List models by name: those on this machine, then those that can be pulled."""
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "licence", "size", "input", "COCO mAP", "here")
    for row in model_rows(models_dir or folder or cache_folder()):
        table.add_row(*map(cell, row))
    # Away from a terminal rich takes 80 columns and would cut the names.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def model_rows(folder: Path) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Name, licence, size, input, mAP and where it is: of each model that comes with Sightline, is in
    the folder of pulled models or in the current one, or can be pulled."""
    from sightline.build.model_files import bundled_files, bundled_names
    from sightline.models import zoo
    from sightline.tables import BUNDLED

    detectors = bundled_names()
    for name in (*detectors, *(one for one in bundled_files() if one not in detectors)):
        path = BUNDLED / f"{name}.onnx"
        origin = f"comes with Sightline{_use_of_bundled(path)}"
        yield name, _licence(path), _size(path), "", "", origin
    yield "people", "Apache-2.0", "", "", "", "comes with OpenCV"
    known = sorted(zoo.names(folder), key=lambda name: _state(name, folder) == "no")
    for name in known:
        entry, path = zoo.ZOO.get(name), zoo.path_of(name, folder)
        here = path.is_file()
        size = _size(path) if here else f"{entry.size_mb:.1f} MB" if entry else ""
        licence = _licence(path, "" if entry is None else entry.licence)
        facts = ("", "") if entry is None else (
            "{}x{}".format(*entry.input_size), f"{entry.coco_map:.1f}",
        )  # fmt: skip
        yield name, licence, size, *facts, _state(name, folder)
    for path in sorted(p for p in Path().iterdir() if _is_model(p)):
        yield f"./{path.name}", _licence(path), _size(path), "", "", "in this folder"


def _use_of_bundled(path: Path) -> str:
    """Where the name of a bundled model is given, unless it is a detector, which is a ``--model``."""
    from sightline.models.graphs import fields

    uses = {"classify": ", for --classify", "embed": ", for --embedder"}
    return uses.get(fields.metadata(path).get("task", ""), "")


def _is_model(path: Path) -> bool:
    """A file that can be given as --model; an .xml without its weights is something else."""
    suffix = path.suffix.lower()
    return path.is_file() and (
        suffix == ".onnx" or (suffix == ".xml" and path.with_suffix(".bin").is_file())
    )


def _size(path: Path) -> str:
    files = [path, path.with_suffix(".bin")] if path.suffix.lower() == ".xml" else [path]
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    return f"{size_mb:.{1 if size_mb >= 0.05 else 2}f} MB"


def _licence(path: Path, published: str = "") -> str:
    """As the file says; else as who publishes it says."""
    from sightline.models.licence import licence_of

    said = licence_of(path) if path.is_file() else None
    return said or published or "not said"


@app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Names from the list, or URLs.", autocompletion=zoo_names),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Fetch an ONNX file of your own.")] = None,
    sha256: Annotated[str | None, typer.Option(help="What the file must have, in hex.")] = None,
    models_dir: ModelsDir = None,
    folder: Folder = None,
) -> None:
    """Fetch models into the folder and print their paths.

    With --url, NAME is what the file is called; its own name where none is given.
    """
    from sightline.models import zoo
    from sightline.models.download import shown

    folder = models_dir or folder or cache_folder()
    wanted = names or ([url] if url else [])
    if not wanted:
        raise ConfigError("name a model: sightline models pull NAME (see: sightline models list)")
    if len(wanted) > 1 and (url or sha256):
        raise ConfigError("--url and --sha256 are about one model: give one name")
    for name in wanted:
        label = shown(name).rpartition("/")[2] if "://" in name else name
        with show_progress(label) as progress:
            path = zoo.pull(
                url or name,
                folder,
                sha256,
                progress,
                name=name if url and names else None,
                plain_http=url is not None,
            )
        typer.secho(f"{path.stem}: licence {_licence(path, _published(path.stem))}", err=True)
        typer.echo(path)


def _published(name: str) -> str:
    from sightline.models import zoo

    return zoo.ZOO[name].licence if name in zoo.ZOO else ""


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="A name of the list, or a model's file.", autocompletion=listed_names),
    ],
    models_dir: ModelsDir = None,
    folder: Folder = None,
) -> None:
    """Show where a model lies, what it is and where it came from."""
    from sightline.models import zoo

    folder = models_dir or folder or cache_folder()
    if name not in zoo.names(folder):
        _print_facts(_facts_of_file(name, folder))
        return
    path, record = zoo.resolve(name, folder), zoo.recorded(name, folder)
    lines: dict[str, object] = {
        "name": name,
        "licence": _licence(zoo.path_of(name, folder), _published(name)),
    }
    if (entry := zoo.ZOO.get(name)) is not None:
        lines |= {
            "source": entry.url,
            "input": "{}x{}".format(*entry.input_size),
            "COCO mAP": f"{entry.coco_map:.1f} (as published)",
            **entry.card,
        }
    lines["path"] = path or f"not pulled: sightline models pull {name}"
    if path is not None and record is not None:
        lines |= {
            "sha256": record.sha256,
            "size": f"{record.size:,} bytes",
            "pulled from": record.url or "put there by hand",
            "pulled at": record.pulled_at,
        }
    elif path is not None:
        lines["sha256"] = f"not recorded: sightline models pull {name}"
    _print_facts(lines)


def _facts_of_file(name: str, folder: Path) -> dict[str, object]:
    """What is known of a model that was not pulled: a file, or one that comes with Sightline.

    Raises ModelError or ConfigError, as ``--model`` does: there is none.
    """
    from sightline.build.model_files import PEOPLE, model_path
    from sightline.config import ModelOptions

    if name == PEOPLE:
        return {"name": name, "licence": "Apache-2.0", "path": "it comes with OpenCV, as no file"}
    path = model_path(ModelOptions(model=name, models_dir=folder))
    if not _is_model(path):
        raise ModelError(f"{path} is no model file: give an .onnx or .xml file")
    return {
        "name": path.stem,
        "licence": _licence(path),
        "path": path,
        "size": _size(path),
        "more": f"sightline inspect {shlex.quote(name)}",
    }


def _print_facts(facts: Mapping[str, object]) -> None:
    for key, value in facts.items():
        typer.echo(printable(f"{key + ':':<15}{value}"))


def _state(name: str, folder: Path) -> str:
    from sightline.models import zoo

    try:
        path, record = zoo.resolve(name, folder), zoo.recorded(name, folder)
    except ModelError:
        return "changed"  # a list shows all models; `show` and `pull` say what is wrong
    if path is None:
        return "no"
    return "yes" if record else "by hand"


def _lines(name: str) -> Callable[[int, int | None], None]:
    """Progress as plain lines: at the start, at each quarter, or at each 10 MB of unknown size."""
    last: tuple[int | None, int] | None = None

    def write(done: int, total: int | None) -> None:
        nonlocal last
        step = (total, done * 4 // total if total else done // 10_000_000)
        if step != last:
            last = step
            size = f" of {total / 1e6:.1f}" if total else ""
            typer.echo(f"{name}: {done / 1e6:.1f}{size} MB", err=True)

    return write

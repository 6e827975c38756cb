"""``sightline models``: which models can be had by name, and fetching them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightline.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from sightline.models.download import Progress

app = typer.Typer(name="models", help="List and fetch models by name.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option(help="Where models are kept.", show_default="~/.cache/sightline/models"),
]


def cache_folder() -> Path:
    """Where models are kept unless the user says otherwise."""
    from sightline.models import zoo

    return zoo.default_folder(os.environ)


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
def list_models(folder: Folder = None) -> None:
    """List the models that can be had by name, and your own in the folder."""
    from rich.console import Console
    from rich.table import Table

    from sightline.models import zoo

    folder = folder or cache_folder()
    table = Table("name", "licence", "size", "input", "COCO mAP", "pulled")
    for name in zoo.names(folder):
        entry = zoo.ZOO.get(name)
        if entry is None:
            size = zoo.path_of(name, folder).stat().st_size / 1e6
            facts = ["your own", f"{size:.1f} MB", "", ""]
        else:
            facts = [
                entry.licence,
                f"{entry.size_mb:.1f} MB",
                "{}x{}".format(*entry.input_size),
                f"{entry.coco_map:.1f}",
            ]
        table.add_row(name, *facts, _state(name, folder))
    # Away from a terminal rich takes 80 columns and would cut the names.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Names from the list, or URLs.")] = None,
    url: Annotated[str | None, typer.Option(help="Fetch an ONNX file of your own.")] = None,
    sha256: Annotated[str | None, typer.Option(help="What the file must have, in hex.")] = None,
    folder: Folder = None,
) -> None:
    """Fetch models into the folder and print their paths.

    With --url, NAME is what the file is called; its own name where none is given.
    """
    from sightline.models import zoo
    from sightline.models.download import shown

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
                folder or cache_folder(),
                sha256,
                progress,
                name=name if url and names else None,
                plain_http=url is not None,
            )
        typer.echo(path)


@app.command()
def show(name: str, folder: Folder = None) -> None:
    """Show where a model lies, what it is and where it came from."""
    from sightline.models import zoo

    folder = folder or cache_folder()
    if name not in zoo.names(folder):
        raise zoo.unknown(name, folder)
    path, record = zoo.resolve(name, folder), zoo.recorded(name, folder)
    lines: dict[str, object] = {"name": name}
    if (entry := zoo.ZOO.get(name)) is not None:
        lines |= {
            "licence": entry.licence,
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
    for key, value in lines.items():
        typer.echo(f"{key + ':':<15}{value}")


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

"""``sightline search embed``: vectors of another embedder for what a database holds already."""

from __future__ import annotations

import json
import sys

import typer

from sightline.cli.analyze import Quiet
from sightline.cli.options import ModelsDir, Verbose, cache_folder
from sightline.cli.search.options import Database, Embedder, Json
from sightline.cli.terminal import logs
from sightline.redaction import printable


def embed(
    db: Database = "index.db",
    embedder: Embedder = None,
    models_dir: ModelsDir = None,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Make vectors with another embedder, of the pictures that a database keeps of its objects.

    The footage is not needed. What has a vector already is left out.

    [bold]Examples[/bold]

    sightline search embed --db street.db --embedder colours
    """
    from sightline import build
    from sightline.config import ModelOptions
    from sightline.runtime.search.stored import StoredEmbeddings
    from sightline.runtime.search.stored_pictures import embed_pictures

    logs.set_up(verbose)
    name = embedder or build.DEFAULT_EMBEDDER
    stored = StoredEmbeddings(db)
    model = None
    made = left_out = 0
    try:
        model = build.embedder(ModelOptions(model=name, models_dir=models_dir or cache_folder()))
        for done in embed_pictures(stored, model):
            made, left_out = done
            if not quiet:
                typer.echo(f"{made} embedded", file=sys.stderr)
    finally:
        stored.close()
        if model is not None:
            model.close()
    if json_:
        typer.echo(json.dumps({"embedder": name, "embedded": made, "left_out": left_out}))
    elif not quiet:
        more = f", {left_out} pictures left out: they are damaged" if left_out else ""
        typer.echo(printable(f"{db}: {made} objects have vectors of {name} now{more}"))

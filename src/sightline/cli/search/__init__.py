"""``sightline search``: index footage, and find objects in it by their looks."""

import typer

from sightline.cli.search.embed import embed
from sightline.cli.search.index import index
from sightline.cli.search.query import query
from sightline.cli.search.same import same

app = typer.Typer(
    name="search",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Index footage, and find objects in it by their looks.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(index)
app.command()(query)
app.command()(same)
app.command()(embed)

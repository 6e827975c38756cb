"""``sightline drift``: is what a camera shows still what it was?"""

import typer

from sightline.cli.drift.check import check
from sightline.cli.drift.learn import learn

app = typer.Typer(
    name="drift",
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Learn what a camera is usually like, and check whether it still is.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(learn)
app.command()(check)

"""``sightline rollout``: second models of a running service, looked at, promoted and taken back."""

from __future__ import annotations

import json
import os
import urllib.parse
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sightline.addresses import web_address
from sightline.errors import ConfigError, NotFound, SourceError
from sightline.redaction import printable, redact_address

if TYPE_CHECKING:
    import urllib.error

_LONGEST_S = 120.0
"""Promoting loads a model."""


Action = Literal["show", "promote", "rollback", "restart"]


def rollout(
    url: Annotated[str, typer.Argument(help="Address of the service.", show_default=False)],
    model: Annotated[
        str | None, typer.Argument(help="The first model \\[default: all]", show_default=False)
    ] = None,
    action: Annotated[
        Action,
        typer.Option("--do", help="What is done with its second model.", show_choices=True),
    ] = "show",
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show second models of a running service (shadow, split, canary), or promote and take them back.

    Tokens are taken from SIGHTLINE_TOKEN, and for changes from SIGHTLINE_ADMIN_TOKEN where that is set.

    [bold]Examples[/bold]

    sightline rollout http://127.0.0.1:8000

    sightline rollout http://127.0.0.1:8000 street --json

    sightline rollout http://127.0.0.1:8000 street --do promote
    """
    from sightline.cli.terminal.cells import table_console
    from sightline.cli.terminal.rollout_view import print_rollout

    if action != "show" and model is None:
        raise ConfigError(f"--do {action}: name the model")
    try:
        base = web_address(url).rstrip("/")
    except ValueError as exc:
        raise ConfigError(
            f"{redact_address(url)}: give an address such as http://127.0.0.1:8000: {exc}"
        ) from None
    if model is None:
        found: list[dict[str, Any]] = _asked(f"{base}/rollouts")["rollouts"]
    else:
        at = f"{base}/models/{urllib.parse.quote(model, safe='')}/rollout"
        found = [_asked(at) if action == "show" else _asked(f"{at}/{action}", post=True)]
    if json_:
        typer.echo(json.dumps(found if model is None else found[0]))
        return
    if not found:
        typer.echo("no model has a second one: `shadow`, `split` or `canary` gives it one")
    console = table_console()
    for number, one in enumerate(found):
        if number:
            console.print()
        print_rollout(one, console)


def _asked(url: str, *, post: bool = False) -> Any:
    """The service's answer. Raises SourceError: there is none; NotFound, ConfigError: what it says."""
    import http.client
    import urllib.error
    import urllib.request

    token = os.environ.get("SIGHTLINE_TOKEN")
    if post:
        token = os.environ.get("SIGHTLINE_ADMIN_TOKEN") or token
    # Only http and https get here: `web_address` has looked at it.
    request = urllib.request.Request(url, b"" if post else None)  # noqa: S310
    if token:  # not for whoever a redirect leads to
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST_S) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        message = _message(exc)
        raise (NotFound if exc.code == 404 else SourceError)(
            f"{redact_address(url)}: {message}"
        ) from exc
    except (OSError, ValueError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", exc)
        if isinstance(exc, (ValueError, http.client.HTTPException)):  # not HTTP, or no JSON
            reason = "something else does; give the address of `sightline run` or `serve` and its HTTP port"
        raise SourceError(
            f"{redact_address(url)}: no service answers there: {printable(str(reason))}"
        ) from exc


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return printable(str(json.load(error)["error"]["message"]))
    except (OSError, ValueError, KeyError, TypeError):
        return f"it answered {error.code}"

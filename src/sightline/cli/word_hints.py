"""Hints for words of other programs on the command line: ``--imgsz``, ``predict``, ``model=yolo11n.pt``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from sightline.errors import ConfigError
from sightline.media_suffixes import PICTURES, UNREAD_PICTURES, VIDEOS
from sightline.vocabulary.foreign_words import COMMANDS, ours

_UsageError: Any = typer.BadParameter.__mro__[1]
"""click's, which some versions of Typer have inside of them and others import."""

_ARGUMENTS = "sightline.arguments"
_NEAR_NAME = 0.75
"""How alike two names of files must be for one to be meant by the other: `site.yml` and `site.yaml`."""
_LEAST_SIDE = 64
"""The least side of a network's input; nobody has so many cameras at one computer."""

_SENTENCES = {
    "source": "sources stand without an option: sightline detect bus.jpg",
    "class_names": "class names stand in the model's card, a .yaml beside the model",
}
"""What is no option of a command, and how it is said instead."""

_FLAGS = {"annotated": "--output FILE or --output FOLDER/", "json_lines": "--json FILE"}
"""The flags of options whose short name is what people use."""


class HintingGroup(TyperGroup):
    """The root of all commands. An error of usage names our word for another program's."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names. Raises click's UsageError, with a hint."""
        word = args[0].lower() if args else ""
        if args[:1] and args[0] not in self.commands and not ctx.resilient_parsing:
            if word in COMMANDS:
                ctx.fail(f"No such command '{args[0]}': it is `sightline {COMMANDS[word]}` here.")
            if Path(args[0]).is_file():
                ctx.fail(
                    f"No such command '{args[0]}': say what to do with it: sightline detect {args[0]}"
                )
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Keep the arguments for ``invoke``: a command's own error knows only what it is about."""
        ctx.meta[_ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises click's UsageError, with a hint."""
        given = ctx.meta.get(_ARGUMENTS, [])
        try:
            return super().invoke(ctx)
        except _UsageError as exc:
            name = getattr(exc, "option_name", None)
            if name is not None and (hint := _option_hint(name, exc.ctx)):
                exc.message, exc.possibilities = f"No such option: {name}: {hint}", None
            elif hint := _assignment_hint(given, exc.ctx):
                raise _UsageError(hint, exc.ctx) from exc
            raise


def check_sources(
    sources: Sequence[str], classes: str | None, size: str | None, ctx: object
) -> None:
    """Refuse what is no source but an option that is written in another way. Raises ConfigError."""
    hint = _assignment_hint(sources, ctx)
    if hint is not None:
        raise ConfigError(hint)
    plain = [one for one in sources if re.fullmatch(r"[^\W\d][\w -]*", one)]
    left = [one for one in plain if not Path(one).exists()]
    if classes and left:
        raise ConfigError(
            f"there is no file {left[0]}; classes have commas between them: "
            f"--classes {','.join([classes.rstrip(' ,'), *left])}"
        )
    sides = [one for one in sources if one.isdecimal() and int(one) >= _LEAST_SIDE]
    if size and size.isdecimal() and sides:
        raise ConfigError(
            f"there is no camera {sides[0]}; width and height have an x between them: "
            f"--size {size}x{sides[0]}"
        )


def check_configuration(file: Path) -> None:
    """Refuse a picture or a video in the place of a configuration file. Raises ConfigError."""
    if file.suffix.lower() in PICTURES | UNREAD_PICTURES:
        raise ConfigError(f"{file} is no configuration file: sightline detect {file} looks at it")
    if file.suffix.lower() in VIDEOS:
        raise ConfigError(f"{file} is no configuration file: sightline track {file} looks at it")
    if not file.exists():
        there = [one.name for pattern in ("*.yaml", "*.yml") for one in file.parent.glob(pattern)]
        near = get_close_matches(file.name, there, 1, _NEAR_NAME)
        hint = f"`sightline config init {file}` writes one"
        if near:
            hint = f"did you mean {file.with_name(near[0])}?"
        raise ConfigError(f"{file}: No such file or directory; {hint}")


def _option_hint(word: str, ctx: Any) -> str | None:
    """What an option of another program is called here; None where that is not known."""
    params = {p.name: p for p in ctx.command.params} if ctx is not None else {}
    for name in (word.lstrip("-"), *ours(word)):
        if name in params:
            return f"it is {_FLAGS.get(name) or _flag(params[name])} here"
        if name in _SENTENCES and (name != "source" or "sources" in params):
            return _SENTENCES[name]
    return None


def _flag(param: Any) -> str:
    long: str = next((o for o in param.opts if o.startswith("--")), param.opts[0])
    return long


def _assignment_hint(given: Sequence[str], ctx: Any) -> str | None:
    """The hint for ``model=yolo11n.pt conf=0.25``, which are options in Ultralytics' command."""
    params = {p.name for p in ctx.command.params} if ctx is not None else set()
    for text in given:
        match = re.fullmatch(r"([a-z_]+)=(.*)", text, re.DOTALL)
        if match is None or Path(text).exists():
            continue
        word, value = match[1], match[2]
        meant = (word, *ours(word))
        name = next((n for n in meant if n in params), None)
        if name is not None:
            return f"options are written --{name.replace('_', '-')} {value} here, not {text}"
        if "source" in meant:
            return f"sources are written {value} here, not {text}"
    return None

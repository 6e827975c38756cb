# ruff: noqa: INP001 - a hook that MkDocs loads by path, not part of a package
"""Pages that are made of the program itself, so that they cannot fall behind it.

A line ``<!-- commands -->`` in a page becomes the help of every command, and ``<!-- options: NAME -->``
the table of a class of options, of the model card or of a street. The page of dependencies is compared with
pyproject.toml: a difference is a warning, which fails a strict build.
"""

from __future__ import annotations

import logging
import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_MARK = re.compile(r"^<!-- (commands|options: (\w+)) -->$", re.MULTILINE)
_MARKUP = re.compile(r"(?<!\\)\[/?[a-z ]+\]")  # rich's, such as [bold]
_log = logging.getLogger("mkdocs.hooks.sightline")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """MkDocs calls this with every page."""
    if page.file.src_uri == "reference/dependencies.md":
        _compare_dependencies(markdown)
    return _MARK.sub(lambda m: _options(m[2]) if m[2] else "\n".join(_commands()), markdown)


def _compare_dependencies(markdown: str) -> None:
    table = markdown.partition("## At run time")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    described = {name for first in firsts for name in re.findall(r"`([\w-]+)`", first)}
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    for name in declared ^ described:
        _log.warning("dependencies.md and pyproject.toml differ in %s", name)


def _commands() -> Iterator[str]:
    from typer.main import get_command

    from sightline.cli.main import app

    root = get_command(app)
    yield from _command("sightline", root)


def _command(path: str, command: Any) -> Iterator[str]:
    inner = getattr(command, "commands", {})
    yield f"## {path}\n"
    summary, examples = _help(command.help or "")
    yield f"{summary}\n"
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    usage = [
        path,
        "[OPTIONS]",
        *(_argument(p) for p in arguments),
        *(["COMMAND …"] if inner else []),
    ]
    yield f"```\n{' '.join(usage)}\n```\n"
    if examples:
        yield "```bash\n" + "\n".join(examples) + "\n```\n"
    if arguments and any(p.help for p in arguments):
        yield "| argument | meaning |\n| --- | --- |"
        yield from (f"| `{p.name}` | {_cell(p.help or '')} |" for p in arguments)
        yield ""
    panels: dict[str, list[Any]] = {}
    for param in command.params:
        if param.param_type_name == "option" and not param.hidden:
            panels.setdefault(getattr(param, "rich_help_panel", None) or "Options", []).append(
                param
            )
    for panel, params in panels.items():
        yield f"| {panel} | meaning | default |\n| --- | --- | --- |"
        yield from (_option(p) for p in params)
        yield ""
    for name, child in inner.items():
        yield from _command(f"{path} {name}", child)


def _help(text: str) -> tuple[str, list[str]]:
    """The prose and the example command lines of a command's help."""
    blocks = [_MARKUP.sub("", b).strip() for b in text.split("\n\n")]
    examples = [b for b in blocks if b.startswith("sightline ")]
    prose = [b for b in blocks if b not in examples and b not in {"Example", "Examples"}]
    return "\n\n".join(prose), examples


def _argument(param: Any) -> str:
    name = param.name.upper() + ("…" if param.nargs == -1 else "")
    return name if param.required else f"[{name}]"


def _option(param: Any) -> str:
    text, _, default = (param.help or "").replace("\\[", "[").partition("[default: ")
    if param.required:
        default = "required"
    elif isinstance(param.show_default, str):
        default = param.show_default
    elif not default and param.default not in (None, False, 0) and not callable(param.default):
        default = str(param.default)
    names = ", ".join(f"`{o}`" for o in sorted(param.opts, key=len))
    return f"| {names} | {_cell(text)} | {_cell(default.rstrip(']'))} |"


def _options(name: str) -> str:
    from sightline import config
    from sightline.config.tracker import TRACKER_KINDS
    from sightline.models.history import HistoryStep
    from sightline.models.model_card import ModelCard
    from sightline.sources.street import StreetOptions

    trackers = {options.__name__: options for options in TRACKER_KINDS.values()}
    elsewhere = {one.__name__: one for one in (ModelCard, HistoryStep, StreetOptions)} | trackers
    options = elsewhere.get(name) or getattr(config, name)
    rows = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
    for field, info in options.model_fields.items():
        default = "required" if info.is_required() else f"`{_value(info.default)}`"
        kind = _cell(_type(info.annotation))
        rows.append(f"| `{field}` | {kind} | {default} | {_cell(info.description or '')} |")
    return "\n".join(rows)


def _value(value: Any) -> str:
    """A default as a user would write it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, BaseModel):
        return f"{type(value).__name__}()"
    return value if isinstance(value, str) else repr(value)


def _type(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_type(k) for k in inner if k is not types.NoneType)
    if origin is tuple:
        return (
            "list of " + _type(inner[0])
            if inner[-1] is ...
            else f"{len(inner)} × {_type(inner[0])}"
        )
    return "path" if kind is Path else str(getattr(kind, "__name__", kind))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

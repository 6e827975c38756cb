"""The configuration file: YAML in, ``Configuration`` out, every mistake with its line and column.

Knows YAML, ``${NAME}`` and the folder that relative paths start from; what the options mean is
said in ``sightline.config``. Only plain YAML is read: no tag makes an object.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sightline.config import MODEL_SUFFIXES, Configuration
from sightline.config.composites import named_members
from sightline.config.mistakes import Mistake, mistakes
from sightline.config.options import Loc
from sightline.config.paths import path_patterns
from sightline.errors import ConfigError

MOST_BYTES = 4_000_000
MOST_VALUES = 200_000
"""Values of one file, each alias counted as what it stands for: a bomb is a few lines long."""
MOST_NESTED = 100
"""Values inside of one another, aliases followed."""
MOST_SHOWN = 20

_VARIABLE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
OWN_SECTION = "x-"
"""What a section of the writer's own begins with, which keeps anchors for instance."""
_NO_BREAK_SPACE = "\u00a0"
_OTHER_BASES = (
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "8:00 as 480"),
    (re.compile(r"[-+]?0[0-7_]+"), "010 as 8"),
)
"""Numbers of YAML 1.1 that nobody means, in base 60 and 8, each with an example."""
_PLAIN = "tag:yaml.org,2002:"
_MERGE = _PLAIN + "merge"
_TEXT_TAGS = {_PLAIN + "str", _PLAIN + "timestamp", _PLAIN + "value"}
_SCALAR_TAGS = {*_TEXT_TAGS, *(_PLAIN + name for name in ("null", "bool", "int", "float"))}


@dataclass(frozen=True)
class ConfigurationFile:
    """A configuration and where each of its values stands."""

    path: Path
    configuration: Configuration
    positions: Mapping[Loc, tuple[int, int]] = field(repr=False)

    def where(self, *at: str | int) -> str:
        """``file:line:column`` of a key such as ``("streams", "gate", "source")``."""
        while at and at not in self.positions:
            at = at[:-1]
        line, column = self.positions.get(at, (1, 1))
        return f"{self.path}:{line}:{column}"


def read(path: Path, environment: Mapping[str, str]) -> ConfigurationFile:
    """Read a configuration file.

    Args:
        path: the file. Relative paths in it start from its folder.
        environment: what ``${NAME}`` and ``${NAME:-default}`` in its values stand for.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong. The message has a line
            ``file:line:column: key: what is wrong`` for each mistake.
    """
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror or exc}") from exc
    if len(data) > MOST_BYTES:
        raise ConfigError(
            f"{path}: has {len(data)} bytes; a configuration has {MOST_BYTES} at most"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}:{line}: this is not UTF-8 text: save it as UTF-8") from exc
    return parse(text, path, environment)


def parse(text: str, path: Path, environment: Mapping[str, str]) -> ConfigurationFile:
    """Like ``read``, of a text that stands (or will stand) in the file ``path``. Raises ConfigError."""
    node = _composed(text, path)
    if node is None:
        raise ConfigError(f"{path}:1:1: there is nothing in it; `sightline config init` writes one")
    reader = _Reader(path, environment)
    tree = reader.value(node, ())
    if not isinstance(tree, dict):
        raise ConfigError(f"{reader.where(())}: keys are wanted here: models: and so on")
    if not reader.found:  # else a half-read file would give mistakes that are none
        # A section whose entries are all commented out is as good as none.
        # Anchors are kept in sections of the writer's own, as Docker Compose has them: `x-camera: &camera ...`.
        tree = {
            key: value
            for key, value in tree.items()
            if value is not None and not key.startswith(OWN_SECTION)
        }
        place(tree, path.absolute().parent)
        configuration = None
        try:
            configuration = Configuration.model_validate(tree)
        except ValidationError as exc:
            reader.found.extend(mistakes(exc, reader.nodes))
        if configuration is not None:
            reader.found.extend(_no_numbers(tree, configuration))
        if configuration is not None and not reader.found:
            return ConfigurationFile(path, configuration, reader.positions())
    raise _error(reader)


def _composed(text: str, path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise ConfigError(
            f"{path}:{line}: a character that YAML does not allow: {chr(exc.character)!r}"
        ) from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        written = "".join(text.splitlines()[mark.line : mark.line + 1]) if mark else ""
        raise ConfigError(f"{path}{at}: not valid YAML: {_problem(exc, written)}") from exc
    except RecursionError as exc:
        raise ConfigError(f"{path}: is nested too deeply") from exc


def _problem(error: yaml.MarkedYAMLError, line: str) -> str:
    """What is wrong with a line, in the words of whoever wrote it where they are known."""
    problem = error.problem or "cannot be read"
    if "'\\t'" in problem:
        return "a tab: YAML is indented with spaces only"
    if "unknown escape" in problem:
        return "a backslash in double quotes begins an escape: use 'single quotes', or / in paths"
    if "another document" in problem:
        return "a second document begins here: a configuration is one, without `---` in the middle"
    if _NO_BREAK_SPACE in line:
        return "it has a no-break space (U+00A0), as pasted text does: write an ordinary space"
    if "${" in line:
        return "write '${...}' in quotes inside of { } and [ ]"
    return f"{problem} ({error.context})" if error.context else problem


class _Reader:
    """Turns YAML's nodes into values, and keeps where they stand and what is wrong with them."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self.nodes: dict[Loc, yaml.Node] = {}
        self.keys: dict[Loc, yaml.Node] = {}
        self.found: list[Mistake] = []
        self._environment = environment
        self._scalars = yaml.constructor.SafeConstructor()
        self._inside: set[int] = set()
        self._values = 0

    def value(self, node: yaml.Node, at: Loc) -> Any:
        """The value of a node as Python's; mistakes are added to ``found``.

        Raises ConfigError: there is too much in the file.
        """
        self.nodes[at] = node
        self._values += 1
        if self._values > MOST_VALUES:
            raise ConfigError(
                f"{self.path}: more than {MOST_VALUES} values, each alias counted in full"
            )
        if len(at) > MOST_NESTED:
            raise ConfigError(f"{self.where(at)}: values are nested {MOST_NESTED} deep at most")
        if id(node) in self._inside:
            self._wrong(at, "an alias stands inside of what it names", node)
            return None
        self._inside.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode) and node.tag == _PLAIN + "map":
                return self._mapping(node, at)
            if isinstance(node, yaml.SequenceNode) and node.tag == _PLAIN + "seq":
                return [self.value(child, (*at, i)) for i, child in enumerate(node.value)]
            if isinstance(node, yaml.ScalarNode) and node.tag in _SCALAR_TAGS:
                return self._scalar(node, at)
        finally:
            self._inside.discard(id(node))
        tag = node.tag.replace(_PLAIN, "!!")
        self._wrong(at, f"the tag {tag} is not allowed: plain YAML only", node)
        return None

    def _mapping(self, node: yaml.MappingNode, at: Loc) -> dict[str, object]:
        values: dict[str, object] = {}
        merged: dict[str, object] = {}
        for key, child in node.value:
            if key.tag == _MERGE:
                self._merge(child, at, merged)
            elif not isinstance(key, yaml.ScalarNode) or key.tag not in _SCALAR_TAGS:
                self._wrong(at, "a key must be a word", key)
            elif key.value in values:
                first = self.keys[*at, key.value].start_mark.line + 1
                self._wrong((*at, key.value), f"is given twice, first in line {first}", key)
            else:
                # A key is what is written: a stream may be called `1`, `no` or `2026-01-01`.
                self.keys[*at, key.value] = key
                values[key.value] = self.value(child, (*at, key.value))
        return {**{key: value for key, value in merged.items() if key not in values}, **values}

    def _merge(self, node: yaml.Node, at: Loc, merged: dict[str, object]) -> None:
        """``<<: *other`` and ``<<: [*one, *two]``: what comes first counts, own keys before all."""
        for one in node.value if isinstance(node, yaml.SequenceNode) else (node,):
            if not isinstance(one, yaml.MappingNode):
                self._wrong(at, "`<<` takes an alias of keys and values", one)
                continue
            # Read at a place of their own, so that positions of own keys are not overwritten.
            place, own = (*at, "<<"), (self.nodes, self.keys)
            self.nodes, self.keys = {}, {}
            try:
                values = self.value(one, place) or {}
                read = (self.nodes, self.keys)
            finally:
                self.nodes, self.keys = own
            new = values.keys() - merged.keys()
            merged.update((key, value) for key, value in values.items() if key in new)
            for places, there in zip(own, read, strict=True):
                for where, found in there.items():
                    inside = where[len(place) :]
                    if inside and inside[0] in new:
                        places.setdefault((*at, *inside), found)

    def _scalar(self, node: yaml.ScalarNode, at: Loc) -> Any:
        if node.tag in _TEXT_TAGS:
            return self._replaced(node, at)
        for form, example in _OTHER_BASES:
            if form.fullmatch(node.value):  # which may be a secret
                wrong = f"YAML reads it as another number ({example}): put text in quotes"
                self._wrong(at, wrong, node)
                return None
        try:
            return self._scalars.construct_object(node)
        except (ValueError, IndexError, KeyError):  # PyYAML checks little of what a tag forces
            self._wrong(at, f"{node.value!r} cannot be read as {node.tag.rpartition(':')[2]}", node)
            return None

    def _replaced(self, node: yaml.ScalarNode, at: Loc) -> str:
        def value(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if match[0] == "$${":
                return "${"
            if name is None:
                self._wrong(at, "write ${NAME} or ${NAME:-default}; $${ stands for ${", node)
                return ""
            found = self._environment.get(name) or default
            if found is None:
                state = "empty" if name in self._environment else "not set"
                message = (
                    f"the environment variable {name} is {state}; ${{{name}:-default}} does without"
                )
                self._wrong(at, message, node)
            return found or ""

        return _VARIABLE.sub(value, node.value)

    def _wrong(self, at: Loc, message: str, node: yaml.Node) -> None:
        self.found.append(Mistake(at, message, node))

    def positions(self) -> dict[Loc, tuple[int, int]]:
        """Line and column, from 1, of each key and value."""
        return {
            at: (node.start_mark.line + 1, node.start_mark.column + 1)
            for at, node in {**self.nodes, **self.keys}.items()
        }

    def where(self, at: Loc) -> str:
        """``file:line:column`` of the value at a place."""
        mark = self.nodes[at].start_mark
        return f"{self.path}:{mark.line + 1}:{mark.column + 1}"


def _error(reader: _Reader) -> ConfigError:
    """One error that tells of all mistakes, in the order in which they stand in the file."""
    lines: dict[str, tuple[int, int]] = {}
    for mistake in reader.found:
        node = mistake.node or (reader.keys if mistake.key else reader.nodes).get(mistake.at)
        place = (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)
        name = ".".join(map(str, mistake.at))
        text = f"{name}: {mistake.message}" if name else mistake.message
        lines.setdefault(f"{reader.path}:{place[0]}:{place[1]}: {text}", place)
    texts = sorted(lines, key=lambda text: lines[text])
    if len(texts) == 1:
        return ConfigError(texts[0])
    more = len(texts) - MOST_SHOWN
    rest = [f"and {more} more"] if more > 0 else []
    return ConfigError("\n".join([f"{len(texts)} mistakes", *texts[:MOST_SHOWN], *rest]))


def _no_numbers(tree: Any, options: Any, at: Loc = ()) -> Iterator[Mistake]:
    """Where ``yes`` or ``true`` was taken for the number 1."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            inner = options.get(key) if isinstance(options, dict) else getattr(options, key)
            yield from _no_numbers(value, inner, (*at, key))
    elif isinstance(tree, list):
        for i, (value, inner) in enumerate(zip(tree, options, strict=True)):
            yield from _no_numbers(value, inner, (*at, i))
    elif isinstance(tree, bool) and not isinstance(options, bool):
        yield Mistake(at, f"wants a number, not {str(tree).lower()}")


def place(tree: dict[str, object], folder: Path) -> None:
    """Make the paths in a tree absolute, from ``folder`` on."""
    if "models" in tree:
        tree["models"] = named_members(tree["models"])
    patterns = ["/".join(pattern) for pattern in path_patterns(Configuration)]
    for at, parent, key in list(_texts(tree, "")):
        if any(fnmatch(at, path) and at.count("/") == path.count("/") for path in patterns):
            parent[key] = _placed(at.rpartition("/")[2], parent[key], folder)


def _texts(tree: Any, at: str) -> Iterator[tuple[str, Any, Any]]:
    """Every text of a tree: where it stands, and the collection and key that hold it."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        # A name may hold a slash (an error, which is told later) and must not shift the pattern.
        here = f"{at}{str(key).replace('/', '_')}"
        if isinstance(value, dict | list):
            yield from _texts(value, f"{here}/")
        elif isinstance(value, str):
            yield here, tree, key


def _placed(key: str, text: str, folder: Path) -> str:
    if not text or "://" in text or text == "-":
        return text
    if text.startswith("~/"):
        text = os.path.expanduser(text)  # noqa: PTH111 - "~/out/" says that a folder is meant
    if Path(text).is_absolute():
        return text
    if (
        key in {"model", "embedder"}
        and "/" not in text
        and Path(text).suffix.lower() not in MODEL_SUFFIXES
    ):
        return text if not (folder / text).is_file() else str(folder / text)
    if key == "source" and text.isdecimal():
        return text  # a camera
    wildcard = key == "source" and any(c in text for c in "*?[") and not (folder / text).exists()
    start = glob.escape(str(folder)) if wildcard else str(folder)
    # Not joined by Path: "out/" says that a folder is meant, also where there is none yet.
    return f"{start}/{text.removeprefix('./')}"

"""The configuration file as a JSON schema, for editors that complete and check as one writes."""

from __future__ import annotations

from typing import Any

from sightline.config import Configuration
from sightline.config.file import OWN_SECTION

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = r"\$\{"
_UNQUOTED = ("integer", "number", "boolean")


def schema() -> dict[str, object]:
    """A JSON schema (draft 2020-12) that accepts what ``config.file.read`` accepts.

    Names that must exist elsewhere in the file (a stream's model) are beyond a schema, and so is
    what a ``${NAME}`` stands for: it is accepted wherever a number, a word or a text may stand.
    """
    made = _open_to_variables(Configuration.model_json_schema())
    own: dict[str, object] = {"patternProperties": {f"^{OWN_SECTION}": {}}}
    return {"$schema": DIALECT, **made, **own, "title": "Sightline configuration"}


def _open_to_variables(node: object) -> Any:
    """The same schema, in which every number and every choice may be a ``${NAME}`` too."""
    if isinstance(node, list):
        return [_open_to_variables(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {
        key: item if key in {"default", "enum"} else _open_to_variables(item)
        for key, item in node.items()
        if not (key == "title" and isinstance(item, str))  # they repeat the key
    }
    kind = node.get("type")
    if kind in _UNQUOTED:
        # A pattern binds texts only, a minimum numbers only.
        node |= {"type": [kind, "string"], "pattern": _VARIABLE}
    elif "enum" in node:
        choices = {key: node.pop(key) for key in ("enum", "type") if key in node}
        node["anyOf"] = [choices, {"type": "string", "pattern": _VARIABLE}]
    elif "pattern" in node:
        node["pattern"] += f"|{_VARIABLE}"
    elif "patternProperties" in node:
        node["additionalProperties"] = False
    return node

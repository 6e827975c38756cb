"""What is wrong with a value, in our words instead of pydantic's."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS = {
    "missing": "it is missing",
    "float_type": "it must be a number",
    "float_parsing": "it must be a number",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "int_parsing_size": "it is too large a number",
    "finite_number": "it must be a finite number",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "string_type": "it must be text",
    "string_unicode": "it must be text in UTF-8",
    "path_type": "it must be text",
    "list_type": "it must be a list",
    "tuple_type": "it must be a list",
    "dict_type": "it must be an object",
    "model_type": "it must be an object",
    "model_attributes_type": "it must be an object",
    "none_required": "it must be null",
}
_LIMITS = {
    "greater_than": ("gt", "it must be more than {}"),
    "greater_than_equal": ("ge", "it must be {} or more"),
    "less_than": ("lt", "it must be less than {}"),
    "less_than_equal": ("le", "it must be {} or less"),
    "multiple_of": ("multiple_of", "it must be a multiple of {}"),
    "too_short": ("min_length", "it must have at least {} items"),
    "too_long": ("max_length", "it must have at most {} items"),
    "string_too_short": ("min_length", "it must have {} characters or more"),
    "string_too_long": ("max_length", "it must have {} characters at most"),
    "literal_error": ("expected", "it must be {}"),
    "enum": ("expected", "it must be {}"),
    "union_tag_invalid": ("expected_tags", "it must be {}"),
}


def in_words(kind: str, context: Mapping[str, object], message: str) -> str:
    """A mistake by its pydantic type, context and message: "it must be a number"."""
    if kind.startswith("too_") and context.get("field_type") == "Value":
        kind = f"string_{kind}"  # a secret
    if kind in _LIMITS:
        key, text = _LIMITS[kind]
        value = context.get(key, "")
        if kind == "union_tag_invalid":
            value = " or ".join(str(value).rsplit(", ", 1))
        return text.format(f"{value:g}" if isinstance(value, float) else value)
    message = message.replace("Input should", "it must").replace("Value should", "it must")
    return _WORDS.get(kind, message)

"""Fields of the configuration that are made of the tables of parts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from sightline.config.paths import PathField
from sightline.tables.entries import Option


def option_field(option: Option) -> tuple[Any, Any]:
    """The type and the field of a table's option, as ``pydantic.create_model`` takes them."""
    plain: Any = Literal[option.choices] if option.choices else option.kind
    kind: Any = plain if option.default is not None else plain | None
    if option.is_model:
        kind = Annotated[kind, PathField("model")]
    about = f"{option.about}; none: {option.unset}" if option.unset else option.about
    return kind, Field(option.default, ge=option.least, le=option.most, description=about)

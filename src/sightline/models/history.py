"""How a model file was made of another one: the steps that its card keeps."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sightline._version import __version__


class HistoryStep(BaseModel):
    """One thing that was done to a model: with what, how, to which file, and what was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str = Field(description="what did it: `sightline export`")
    versions: dict[str, str] = Field({}, description="of the packages that it used, by name")
    options: dict[str, JsonValue] = Field({}, description="what it was told, by name")
    source: str = Field("", description="name of the file that it was given, without its folder")
    source_sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="checksum of that file"
    )
    figures: dict[str, JsonValue] = Field({}, description="what was measured, by name")


def made_by(
    tool: str,
    *packages: str,
    source: str,
    source_sha256: str | None,
    options: Mapping[str, JsonValue] | None = None,
    figures: Mapping[str, JsonValue] | None = None,
) -> HistoryStep:
    """A step with the versions of this program and of ``packages``, those that are installed."""
    versions = {"sightline": __version__}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return HistoryStep(
        tool=tool,
        versions=versions,
        options=dict(options or {}),
        source=source,
        source_sha256=source_sha256,
        figures=dict(figures or {}),
    )

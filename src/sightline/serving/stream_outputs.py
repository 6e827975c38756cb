"""Outputs of streams that clients add: files below one folder, and nothing else.

Knows what a client may name; which files are in use already is said in ``build.files.conflicts``.
"""

from __future__ import annotations

from pathlib import Path

from sightline.config import OutputOptions, ServingOptions
from sightline.errors import Forbidden, InvalidRequest

_LONGEST = 200
"""Bytes of one name: room is left for what outputs add to it, below the 255 of most file systems."""


def placed_outputs(outputs: OutputOptions, options: ServingOptions) -> OutputOptions:
    """The outputs that a client asks for, with their paths below ``serving.outputs_under``.

    Raises:
        Forbidden: clients may write no files, or not there.
        InvalidRequest: a path is no plain path.
    """
    if outputs == OutputOptions():
        return outputs
    if options.outputs_under is None:
        raise Forbidden(
            "outputs: clients may write no files here: set serving.outputs_under to a folder, or "
            "add the stream to the configuration file"
        )
    if outputs.show:
        raise Forbidden("outputs.show: clients may open no window; watch /streams/NAME/mjpeg")
    # The folder is the administrator's, who may have made it a link.
    folder = options.outputs_under.resolve()
    return outputs.model_copy(
        update={
            output.kind: _below(folder, output.path, f"outputs.{output.kind}")
            for output in outputs.chosen()
        }
    )


def _below(folder: Path, text: str, field: str) -> str:
    """An absolute path, which ends with a slash where ``text`` does."""
    if text == "-" or "://" in text or text.startswith(("/", "~")):
        raise Forbidden(
            f"{field}: give a path relative to serving.outputs_under, such as gate/objects.jsonl; "
            "standard output, addresses and absolute paths are not for clients"
        )
    if not text.isprintable() or "\\" in text:
        raise InvalidRequest(f"{field}: a path has no control characters and no backslash")
    names = text.removesuffix("/").split("/")
    if any(not name or name.startswith(".") or name != name.strip() for name in names):
        raise Forbidden(
            f"{field}: no part of a path may be empty, begin with a dot or a blank, or end with one"
        )
    if any(len(name.encode()) > _LONGEST for name in names) or len(text.encode()) > 1024:
        raise InvalidRequest(f"{field}: a name has at most {_LONGEST} bytes, a path 1024")
    path = folder.joinpath(*names)
    if path.resolve() != path:
        raise Forbidden(f"{field}: a part of the path is a link, which is not followed for clients")
    return f"{path}/" if text.endswith("/") else str(path)

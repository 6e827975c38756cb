"""What a sink is made from: a place, and the streams that will write to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.whole_files import OutputGuard


@dataclass(frozen=True, slots=True)
class OutputStream:
    """A stream that writes to an output, before it is opened.

    ``live`` streams go on by themselves; ``still`` ones are pictures that have nothing to do with
    one another.
    """

    name: str
    live: bool = False
    still: bool = False


@dataclass(frozen=True, slots=True)
class OutputRequest:
    """One output of a run: what ``tables.SINKS`` makes a sink of.

    Args:
        path: a file, a folder (it exists, or its name ends with ``/``), ``-`` for standard output or an
            address; "" of an output that has no place, such as a window.
        streams: those that write to it, at least one.
        append: live streams keep what is in their files already.
        joined: further sinks write to the file; it has been begun (``sinks.lines.begin``).
        options: the further options of the output's entry, by name, None where one is not given.
        run: facts of the run: ``command``, ``model``, ``version`` (text), ``settings``.
        guard: what was found at the paths of outputs when they were checked; None: nobody has checked.
    """

    path: str
    streams: tuple[OutputStream, ...]
    append: bool = False
    joined: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    guard: OutputGuard | None = None

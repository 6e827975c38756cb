"""What the tables of interchangeable parts have entries of: see ``tables``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Option:
    """A value that a part takes: a key of the configuration, and a flag of the command line.

    Args:
        kind: the type of the value: ``bool``, ``int``, ``float`` or ``str``.
        about: what it is, without a capital and a full stop.
        default: the value where none is given. None leaves it to the part.
        unset: what None means, for readers: ``the model's `conf```.
        least: the smallest number that is accepted.
        most: the largest one.
        choices: the words that a text may be; none: any.
        is_model: the text is a model's name or file.
    """

    kind: type[bool] | type[int] | type[float] | type[str]
    about: str
    default: bool | float | str | None = None
    unset: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    is_model: bool = False


@dataclass(frozen=True, slots=True)
class SinkEntry:
    """An output of a stream.

    Args:
        make: ``module:name`` of a class or function that is called with a ``types.OutputRequest`` and
            returns a ``protocols.Sink``.
        about: what is written, and where, without a capital and a full stop.
        suffix: of each stream's file where a folder is given.
        takes: what a user gives: a path, a folder, a database's address, or only yes.
        flags: further flags of the command line. The first is the one that messages name.
        unset: what is done where nothing is given, for the command line's help.
        options: further options of the output, by name.
        together: one sink writes all streams, also where a folder is given.
        stills_apart: unrelated pictures have a sink of their own.
        shared: which streams may write to one file: those of a ``run`` (a file of lines, which is
            begun before any of them writes), those of one ``model``, or any ``always``.
        companions: what is added to the path for further files that are written.
        inside: files in the folder.
        folders: folders in the folder, each with the pattern of the names of its files, also further
            down, and perhaps with the option that has them written.
        pictures: the pattern of the names of files in a folder that unrelated pictures go to.
    """

    make: str
    about: str
    suffix: str = ""
    takes: Literal["path", "folder", "database", "nothing"] = "path"
    flags: tuple[str, ...] = ()
    unset: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    together: bool = False
    stills_apart: bool = False
    shared: Literal["", "run", "model", "always"] = ""
    companions: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    folders: tuple[tuple[str, str] | tuple[str, str, str], ...] = ()
    pictures: str = ""


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """A way to follow objects.

    Args:
        make: ``module:name`` of a class or function that is called with the options that are given
            and returns a ``protocols.Tracker``.
        options: its options by name, none of them required. Three names have a meaning of their own:
            ``high_threshold`` and ``new_track_threshold`` are the model's ``conf`` where they are
            not given, and down to ``low_threshold`` weaker detections reach the tracker. ``embedder``
            names a model whose vectors the detections carry; it is not passed on.
    """

    make: str
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    """A kind of source.

    Args:
        make: ``module:name`` of a class or function that is called with the user's word (a camera's number
            as an int) and the stream's name, and returns a ``protocols.Source``.
        schemes: words that begin with one of them and ``://`` are of this kind.
        takes: what ``make`` is called with besides, by keyword: ``options`` (``LiveOptions``), ``loop``
            (how often a file is played; 0: without an end), ``fps`` (of pictures that are a film) and
            ``turn`` (a context that is held while videos are decoded).
        live: it goes on by itself, so that it never waits for other sources to end.
    """

    make: str
    schemes: tuple[str, ...] = ()
    takes: tuple[Literal["options", "loop", "fps", "turn"], ...] = ()
    live: bool = False


@dataclass(frozen=True, slots=True)
class ExporterEntry:
    """A format that models are written in.

    Args:
        make: ``module:name`` of a function that is called with an ``ExportRequest`` and writes it.
        about: what the format is called.
        suffix: of its files.
        other_suffixes: of files that are written as well.
        sources: the kinds of model that it is made of: see ``SourceKind``.
        backend: of ENGINES, which runs what was written, to compare it; none: nothing here does.
        companions: suffixes of files that are written beside it.
        packages: what is used, for the history of the model's card.
        halves: it can keep weights in 16 bits, and does so unless the user says otherwise.
        dynamic: its input may be left open.
    """

    make: str
    about: str
    suffix: str
    sources: tuple[str, ...]
    backend: str = ""
    other_suffixes: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    halves: bool = False
    dynamic: bool = True

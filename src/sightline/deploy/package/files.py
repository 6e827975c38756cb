"""The files of a package besides the model: run configuration, start script, systemd unit, checksums."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.errors import ConfigError, ModelError
from sightline.redaction import one_line
from sightline.temporary_files import NO_ROOM
from sightline.whole_files import sink_error

MANIFEST, SUMS, CONFIGURATION = "package.json", "SHA256SUMS", "sightline.yaml"
SAMPLE = "sample.png"
EXECUTABLE = ("start.sh",)

MOST_UNPACKED = 50
"""An archive unpacks to so many times its size at most, and to ``SMALL_BYTES`` more."""
SMALL_BYTES = 100_000_000

ANY_DETECTOR = "street"
"""A bundled one, for a service that only classifies."""

_SUM = re.compile(r"(?P<sum>[0-9a-f]{64}) [ *](?P<name>[^\0\r]+)\r?")
"""A line of ``sha256sum``."""

_START = """#!/bin/sh
# Starts the cameras and the service of sightline.yaml. On a machine without a network:
# `./start.sh install` first, which makes .venv of the wheels in wheels/.
set -eu
cd "$(dirname "$0")"
if [ "${1:-}" = install ]; then
  "${PYTHON:-python3}" -m venv .venv
  .venv/bin/python -m pip install --no-index --find-links wheels sightline
  exit 0
fi
if [ -x .venv/bin/sightline ]; then program=.venv/bin/sightline; else program=sightline; fi
exec "$program" run sightline.yaml "$@"
"""

_UNIT = """[Unit]
Description=Sightline: {name}
After=network-online.target
Wants=network-online.target

[Service]
# Copy the package to this folder, or write another one here.
WorkingDirectory=/opt/sightline/{name}
ExecStart=/opt/sightline/{name}/start.sh
Restart=on-failure
RestartSec=5
DynamicUser=yes
StateDirectory=sightline
NoNewPrivileges=yes

[Install]
WantedBy=multi-user.target
"""

_CONFIGURATION = """# Written by `sightline package`. `sightline config check sightline.yaml` tells what is wrong with it.
models:
{detector}  "{name}":
    model: {file}
    backend: {runtime}
{more}    engine: {{hint: latency, threads: {threads}, precision: {precision}}}
{streams}serving:
  host: 127.0.0.1
  port: ${{SIGHTLINE_PORT:-8000}}
"""

_STREAMS = """streams:
  camera:
    source: ${SIGHTLINE_SOURCE:-street://?seed=7&duration=0&live=true}    # an address of a camera, or a file
"""

_SERVICE = "http://127.0.0.1:8000"

_README = """# {name} for {target}
{about}
| file | what |
| --- | --- |
| `{file}` | the model{parts} |
| `{card}` | its card: how it is fed and read, and how it was made |
| `sightline.yaml` | the run configuration: {runs} |
| `start.sh` | starts it: `{start}` |
| `sightline-{name}.service` | a unit for systemd |
| `sample.png`, `package.json` | a picture, what the model says of it, the limits and what was measured |
| `SHA256SUMS` | checksums: `sha256sum -c SHA256SUMS` |

It needs Python 3.11 or later and the package `sightline`; with wheels in `wheels/`, `./start.sh install` sets it up without a
network. Then `sightline package verify .` checks the files, runs the model on `sample.png`, compares what it says, and
measures how long it takes on this machine.

{asks}

| | limit | where it was packed |
| --- | --- | --- |
| size | {size_mb:g} MB | {got_size:.2f} MB |
| latency of a picture | {latency_ms:g} ms | {got_latency:.1f} ms |
| kept of what the original is sure of | {kept:g} | {got_kept:.3f} |
"""


@dataclass(frozen=True)
class PackedUse:
    """What a package does with its model.

    Args:
        task: of the model.
        size: longer side of its input; None: its own.
        detector: of a model of crops, the file or name of the model whose objects it is shown; None: it is
            shown whole pictures.
        of: names of the classes whose objects those are; none: all.
    """

    task: str = "detect"
    size: int | None = None
    detector: str | None = None
    of: Sequence[str] = ()

    @property
    def watches(self) -> bool:
        """Whether it looks at a camera; else it answers requests only."""
        return self.task not in {"classify", "embed"} or self.detector is not None

    @property
    def asks(self) -> str:
        """How to see what it says, in words."""
        if not self.watches:
            return (
                "It answers pictures: `curl --data-binary @sample.png -H 'Content-Type: image/png' "
                f"{_SERVICE}/classify`"
            )
        return (
            f"While it runs, {_SERVICE} shows what it finds, and `curl -N {_SERVICE}/events` prints it as JSON, "
            "a line for each picture."
        )


def configuration_text(
    name: str, file: str, runtime: str, use: PackedUse, threads: int, precision: str
) -> str:
    """The content of ``sightline.yaml``."""
    more = f"    size: {use.size}\n" if use.size else ""
    streams, detector = (_STREAMS if use.watches else ""), ""
    if use.detector is not None:
        detector = f"  objects:\n    model: {json.dumps(use.detector)}\n"
        stage = {"kind": use.task, "model": name} | ({"of": list(use.of)} if use.of else {})
        streams += f"    model: objects\n    stages: [{json.dumps(stage)}]\n"
        if use.task == "embed":
            streams += "    outputs:\n      database: ${SIGHTLINE_DATABASE:-objects.db}    # for `sightline search query`\n"
    elif use.task == "classify":
        more += "    task: classify\n"
        detector = f"  objects:    # a service needs a detector, too\n    model: {ANY_DETECTOR}\n"
    return _CONFIGURATION.format(
        name=name,
        file=json.dumps(file),
        runtime=runtime,
        detector=detector,
        more=more,
        streams=streams,
        threads=threads,
        precision=precision,
    )


def write_texts(
    folder: Path, name: str, manifest: Mapping[str, Any], configuration: str, use: PackedUse
) -> None:
    """Write everything but the model, its card, the sample and the checksums. Raises OSError."""
    camera = "SIGHTLINE_SOURCE=rtsp://camera/stream " if use.watches else ""
    runs = "the model, a camera, the service" if use.watches else "the model and the service"
    limits, got, target = manifest["limits"], manifest["measured"], manifest["target"]
    file = manifest["model"]
    parts = " with its weights beside it" if file.endswith(".xml") else ""
    texts = {
        CONFIGURATION: configuration,
        "start.sh": _START,
        f"sightline-{name}.service": _UNIT.format(name=name),
        MANIFEST: json.dumps(manifest, indent=1) + "\n",
        "README.md": _README.format(
            name=name, start=f"{camera}./start.sh", runs=runs, target=target, about=_sentence(limits["about"]), asks=use.asks, file=file,
            card=Path(file).with_suffix(".yaml").name, parts=parts, size_mb=limits["size_mb"],
            latency_ms=limits["latency_ms"], kept=limits["kept"], got_size=got["size_mb"],
            got_latency=got["latency_ms"], got_kept=got["kept"],
        ),
    }  # fmt: skip
    for relative, text in texts.items():
        (folder / relative).write_text(text, encoding="utf-8")
    for relative in EXECUTABLE:
        (folder / relative).chmod(0o755)


def _sentence(about: str) -> str:
    """A paragraph of what a machine is; nothing where nobody has said it."""
    return f"\n{one_line(about).capitalize()}.\n" if about else ""


def write_checksums(folder: Path) -> None:
    """Write ``SHA256SUMS`` of all files below a folder, as ``sha256sum`` reads them. Raises OSError."""
    lines = [f"{_sha256(path)}  {path.relative_to(folder).as_posix()}" for path in _files(folder)]
    (folder / SUMS).write_text("\n".join(lines) + "\n", encoding="utf-8")


def check_checksums(folder: Path) -> int:
    """Compare all files with ``SHA256SUMS``; how many there are.

    Files that came later (a virtual environment, results) are none of the package's; see ``later_files``.

    Raises:
        ConfigError: it is no package.
        ModelError: a file is missing, was changed, or lies outside; all of them are named.
    """
    listing = folder / SUMS
    if not listing.is_file():
        raise ConfigError(f"{folder}: no package of `sightline package`: it has no {SUMS}")
    sums = _listed(listing)
    wrong = [f"{name} is not in {SUMS}" for name in (MANIFEST, CONFIGURATION) if name not in sums]
    for relative, wanted in sums.items():
        path = folder / relative
        if not path.resolve().is_relative_to(folder.resolve()):
            wrong.append(f"{relative} lies outside of the package")
        elif not path.is_file():
            wrong.append(f"{relative} is missing")
        elif _sha256(path) != wanted:
            wrong.append(f"{relative} was changed")
    if wrong:
        raise ModelError(f"{folder}: {'; '.join(wrong)}: copy the package again")
    return len(sums)


def later_files(folder: Path) -> list[str]:
    """What lies beside the files of a package, but for the environment that ``start.sh install`` makes.

    A folder of which nothing is the package's stands for all that is in it.
    """
    ours = {Path(name) for name in _listed(folder / SUMS)} | {Path(SUMS)}
    ours |= {parent for path in ours for parent in path.parents}
    there = [
        path.relative_to(folder)
        for known in ours
        if (folder / known).is_dir()
        for path in (folder / known).iterdir()
    ]
    return sorted(path.as_posix() for path in {*there} - ours if path.parts[0] != ".venv")


def _listed(listing: Path) -> dict[str, str]:
    """The checksums of a ``SHA256SUMS`` by the names of their files. Raises ModelError."""
    sums = {}
    text = listing.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.split("\n")[:-1], 1):
        if not (parts := _SUM.fullmatch(line)):
            raise ModelError(f"{listing}:{number}: no checksum and name: copy the package again")
        sums[parts["name"]] = parts["sum"]
    return sums


def write_archive(folder: Path, archive: Path) -> None:
    """Pack a folder as .tar.gz, under its own name. Raises SinkError."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    try:
        with tarfile.open(archive, "w:gz") as file:
            file.add(folder, folder.name, filter=plain)
    except OSError as error:
        raise sink_error(archive, error) from error


def unpacked(archive: Path, folder: Path) -> Path:
    """The package's folder of an archive, below ``folder``.

    Raises:
        ConfigError: it is no archive of a package, is damaged, or would unpack to far more than a package does.
        OSError: there is no room for it.
    """
    try:
        with tarfile.open(archive) as file:
            _check_unpacked_size(file, archive)
            file.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as exc:
        if isinstance(exc, OSError) and exc.errno in NO_ROOM:
            raise
        raise ConfigError(f"{archive}: no archive of a package: {one_line(str(exc))}") from exc
    inside = [path for path in folder.iterdir() if path.is_dir()]
    if len(inside) != 1:
        raise ConfigError(f"{archive}: no archive of a package: it holds {len(inside)} folders")
    return inside[0]


def _check_unpacked_size(file: tarfile.TarFile, archive: Path) -> None:
    """Raise ConfigError for a bomb, before anything is written. Models hardly get smaller when they are packed."""
    most = MOST_UNPACKED * archive.stat().st_size + SMALL_BYTES
    size = 0
    for member in file:
        size += member.size
        if size > most:
            raise ConfigError(
                f"{archive}: no archive of a package: it would unpack to more than {MOST_UNPACKED} times its size"
            )


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / SUMS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

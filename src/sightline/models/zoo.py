"""Models by name: fetched once into a folder, and the same bytes ever after.

``NAME.onnx`` lies beside ``NAME.json``, which records where it came from and its SHA-256 at the
first pull. Every later use compares the file with that record. The folder is the caller's choice.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sightline.errors import ConfigError, ModelError
from sightline.models.graphs import fields

if TYPE_CHECKING:
    from sightline.models.download import Progress

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0/"
# What the YOLOX exports expect: pixels as they are, in BGR, the picture in the top left corner.
_YOLOX_CARD: Mapping[str, Any] = MappingProxyType(
    {
        "task": "detect",
        "decoder": "yolox",
        "order": "bgr",
        "scale": 1.0,
        "resize": "letterbox-top-left",
        "pad": 114,
    }
)


def default_folder(environment: Mapping[str, str]) -> Path:
    """Where models are kept unless the user says otherwise (XDG base directories).

    A relative XDG_CACHE_HOME is ignored, as its specification asks.
    """
    cache = Path(environment.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        cache = Path.home() / ".cache"
    return cache / "sightline" / "models"


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """A model that can be had by name.

    ``size_mb`` is roughly the download in 10^6 bytes; ``input_size`` is (width, height) in pixels;
    ``coco_map`` is the mAP 50-95 on COCO val2017 in percent as its authors published it, not as
    measured here; ``card`` holds fields of ``ModelCard`` that the file itself does not tell.
    """

    name: str
    url: str
    licence: str
    size_mb: float
    input_size: tuple[int, int]
    coco_map: float
    card: Mapping[str, object] = field(default_factory=lambda: _YOLOX_CARD)


def _yolox(name: str, size_mb: float, side: int, coco_map: float) -> ZooEntry:
    return ZooEntry(name, f"{_YOLOX}{name}.onnx", "Apache-2.0", size_mb, (side, side), coco_map)


ZOO: Mapping[str, ZooEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            _yolox("yolox_nano", 3.7, 416, 25.8),
            _yolox("yolox_tiny", 20.2, 416, 32.8),
            _yolox("yolox_s", 35.9, 640, 40.5),
            _yolox("yolox_m", 101.3, 640, 46.9),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a model in the folder since it came there.

    ``url`` is without credentials and query, and None for a file that was put there by hand;
    ``sha256`` is lower-case hex, ``size`` bytes, ``pulled_at`` ISO 8601 in UTC.
    """

    url: str | None
    sha256: str
    size: int
    pulled_at: str


def is_name(text: str) -> bool:
    """Whether a model in the folder could be called so."""
    return _NAME.fullmatch(text) is not None


def path_of(name: str, folder: Path) -> Path:
    """Where the model of this name lies, or would lie. Raises ConfigError for a bad name."""
    if not is_name(name):
        given = "a URL" if ":" in name else repr(name)  # a URL may hold a credential
        raise ConfigError(
            f"{given} is no model name: use lower-case letters, digits, '_', '.' and '-'"
        )
    return folder / f"{name}.onnx"


def names(folder: Path) -> list[str]:
    """Every name that is known: the zoo's, then other models in the folder."""
    own = sorted(path.stem for path in folder.glob("*.onnx") if _NAME.fullmatch(path.stem))
    return [*ZOO, *(name for name in own if name not in ZOO)]


def unknown(name: str, folder: Path) -> ConfigError:
    """The error for a name that nothing stands behind, with the nearest names there are."""
    known = names(folder)
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    return ConfigError(
        f"no model is called {name!r}: {hint} (your own: sightline models pull NAME --url URL)"
    )


def missing_file(path: Path) -> ModelError:
    """The error for a model file that is not there, with how to get it where it can be pulled."""
    if path.suffix == ".onnx" and path.stem in ZOO:
        return ModelError(f"no model file at {path}: `sightline models pull {path.stem}` gets it")
    return ModelError(
        f"no model file at {path}; `sightline models list` shows models that can be pulled"
    )


def recorded(name: str, folder: Path) -> Record | None:
    """What was recorded when the model came, or None: not pulled, or put there by hand.

    Raises:
        ConfigError: the name is bad.
        ModelError: the record cannot be read.
    """
    path = _record_of(path_of(name, folder))
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, RecursionError) as exc:
        raise ModelError(
            f"cannot read {path}: {exc}; remove it, and the model is taken as it is"
        ) from exc


def resolve(name: str, folder: Path) -> Path | None:
    """The model's file if it is in the folder, compared with its record; else None.

    A file without a record was put there by hand and is taken as it is.

    Raises:
        ConfigError: the name is bad.
        ModelError: the file is not the one that was recorded, or cannot be read.
    """
    path = path_of(name, folder)
    if not path.is_file():
        return None
    record = recorded(name, folder)
    if record is not None:
        digest = _sha256(path)
        if digest != record.sha256:
            raise ModelError(
                f"{path} has changed since it was pulled at {record.pulled_at}: SHA-256 expected "
                f"{record.sha256}, got {digest}; remove the file and pull it again, or remove "
                f"{_record_of(path).name} too if the change is yours"
            )
    return path


def pull(
    name_or_url: str,
    folder: Path,
    sha256: str | None = None,
    progress: Progress | None = None,
    *,
    name: str | None = None,
    plain_http: bool = False,
) -> Path:
    """The file of a model, fetched if it is not in the folder yet; safe to call at once.

    Args:
        name_or_url: a name in the zoo or in the folder, or the URL of an ONNX file.
        folder: made where it is missing.
        sha256: what the file must have, in hex.
        progress: called with (bytes here, bytes in all or None) while it is fetched.
        name: what to call the file of a URL; its own name where None.
        plain_http: allow a URL with http that leads to another machine.

    Raises:
        ConfigError: an unknown name, or a URL or a SHA-256 that cannot be used.
        ModelError: it cannot be fetched or written, is no ONNX model, or is not what was expected.
    """
    from sightline.models.download import check_url, download  # they bring urllib

    url = name_or_url if "://" in name_or_url else None
    if url is not None:
        check_url(url, plain_http=plain_http)
    name = name or (name_or_url if url is None else _name_in(url))
    path = path_of(name, folder)
    wanted = _checked_digest(sha256)
    if (found := _present(name, folder, url, wanted)) is not None:
        return found
    source = url or (ZOO[name].url if name in ZOO else None)
    if source is None and not path.is_file():
        raise unknown(name, folder)
    with _locked(path):
        # Another process may have brought it while this one waited.
        if (found := _present(name, folder, url, wanted)) is not None:
            return found
        if path.is_file():
            _write_record(path, _verified(path, path, None, wanted))
        elif source is not None:
            record = recorded(name, folder)
            part = download(source, path, plain_http=plain_http, progress=progress)
            expected = wanted or (record.sha256 if record else None)
            # The record first: a model without one would be taken for a file put there by hand.
            _write_record(path, _verified(part, path, source, expected))
            part.replace(path)
    return path


def _present(name: str, folder: Path, url: str | None, wanted: str | None) -> Path | None:
    """The verified file, if it is there with its record and is what was asked for."""
    from sightline.models.download import shown

    path, record = path_of(name, folder), recorded(name, folder)
    if record is None or resolve(name, folder) is None:
        return None
    if wanted not in {None, record.sha256}:
        raise ModelError(
            f"{path} is there already and its SHA-256 is {record.sha256}, not {wanted}; "
            "remove it and its .json, or take another name"
        )
    if url is not None and record.url not in {None, shown(url)}:
        raise ModelError(
            f"{path} is there already, from {record.url}; remove it and its .json, or take "
            "another name: sightline models pull NAME --url URL"
        )
    return path


def _verified(file: Path, target: Path, url: str | None, wanted: str | None) -> Record:
    """The record of a whole ONNX file that is what was wanted; another one is removed.

    ``file`` is ``target``'s part, or ``target`` itself where that was put there by hand, which is
    refused but never removed.
    """
    from sightline.models.download import discard, shown

    digest = _sha256(file)
    wrong = None
    if wanted is not None and digest != wanted:
        wrong = f"SHA-256 expected {wanted}, got {digest}"
    elif not fields.is_whole(file):
        wrong = "it is no ONNX model, or not all of one"
    if wrong is None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Record(shown(url) if url else None, digest, file.stat().st_size, now)
    if file == target:
        raise ModelError(f"{target} cannot be used: {wrong}; remove it")
    discard(target)
    raise ModelError(
        f"what was fetched for {target.name} is not what it should be and was removed: {wrong}; "
        "if the publisher changed the file and you trust it, give the new SHA-256 (--sha256)"
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the only right to write this model. The system gives it back if the process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock file stays: removing it would let two processes hold two files of one name.
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as exc:
        raise ModelError(
            f"cannot write in {path.parent}: {exc.strerror or exc}; choose another folder "
            "(--models-dir)"
        ) from exc


def _write_record(path: Path, record: Record) -> None:
    target = _record_of(path)
    draft = target.with_name(f"{target.name}.part")
    draft.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    draft.replace(target)


def _record_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror}") from exc


def _checked_digest(sha256: str | None) -> str | None:
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ConfigError(f"a SHA-256 is 64 hexadecimal digits, not {sha256!r}")
    return sha256 and sha256.lower()


def _name_in(url: str) -> str:
    """What a model from this URL is called: the last part of its path, without ``.onnx``."""
    from sightline.models.download import shown

    name = urlsplit(url).path.rpartition("/")[2].lower().removesuffix(".onnx")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{shown(url)} does not end in a name: sightline models pull NAME --url URL"
        )
    return name

"""PyTorch models as what is exported: by import path, as programs, and as checkpoints.

A pickle is a program that runs while it is loaded. Checkpoints are therefore read with
``weights_only=True``; whoever trusts one that needs more says so (``trust_pickle``).
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sightline.engines.pytorch.archive import archive_kind
from sightline.errors import ConfigError, EngineUnavailable, ModelError
from sightline.models.exporters.other_formats import ultralytics_command
from sightline.optimize.export.old_checkpoints import old_checkpoint_as_zip
from sightline.optimize.export.request import ExportSource

log = logging.getLogger(__name__)

CHECKPOINTS = {".pt", ".pth", ".ckpt", ".pkl", ".bin"}
"""Suffixes of what ``torch.save`` writes."""

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_AVERAGES = (
    "ema",
    "ema_model",
    "model_ema",
    "average",
    "averaged",
    "state_dict_ema",
    "ema_state_dict",
)
"""Keys under which training programs keep the average of the weights, which is what is used."""


def is_import_path(text: str) -> bool:
    """Whether a user's word names something in a module: ``package.module:factory``."""
    return _IMPORT_PATH.fullmatch(text) is not None


def imported(
    path: str, checkpoint: Path | None = None, *, trust_pickle: bool = False
) -> ExportSource:
    """The module that ``package.module:factory`` names; modules of the current folder count too.

    Args:
        path: of a ``torch.nn.Module``, or of a function or class that makes one.
        checkpoint: its weights: handed to a factory that needs one argument, else loaded.
        trust_pickle: run what the checkpoint's pickle says.

    Raises:
        ConfigError: there is no such module or factory, or what it makes is no network.
        ModelError: the weights do not fit.
    """
    torch = _torch()
    made = looked_up(path)
    takes_path = False
    try:
        if not isinstance(made, torch.nn.Module):
            takes_path = checkpoint is not None and required_arguments(made) == 1
            made = made(checkpoint) if takes_path else made()
    except Exception as exc:  # whatever the user's own code raises
        raise ConfigError(f"{path}: it cannot be made: {type(exc).__name__}: {exc}") from exc
    if not isinstance(made, torch.nn.Module):
        raise ConfigError(
            f"{path}: it makes {type(made).__name__}, and a torch.nn.Module is needed"
        )
    if checkpoint is not None and not takes_path:
        _load_weights(made, checkpoint, trust_pickle=trust_pickle)
    sha = _sha256(checkpoint) if checkpoint is not None else None
    name = checkpoint.name if checkpoint is not None else path
    return ExportSource("network", name, made.float().eval(), sha256=sha)


def program(path: Path) -> ExportSource:
    """A TorchScript or an exported program.

    Raises ModelError: it is broken, or a pickle (see ``archive_kind``).
    """
    torch = _torch()
    kind = archive_kind(path)
    try:
        if kind == "torchscript":
            network = torch.jit.load(str(path), map_location="cpu").float().eval()
            return ExportSource("network", path.name, network, sha256=_sha256(path))
        return ExportSource("program", path.name, torch.export.load(path), sha256=_sha256(path))
    except Exception as exc:  # its readers raise whatever comes along
        raise ModelError(f"PyTorch cannot load {path}: {exc}") from exc


def checkpoint(path: Path, *, module: str | None, trust_pickle: bool) -> ExportSource:
    """The network of a file of ``torch.save``.

    Args:
        module: import path of the program whose weights they are.
        trust_pickle: run what the pickle says.

    Raises:
        ConfigError: the file holds weights without a program, or a pickle that is not trusted.
        ModelError: it is broken, or holds no network.
    """
    if module is not None:
        return imported(module, path, trust_pickle=trust_pickle)
    if _is_torchscript(path):
        return program(path)
    names = foreign_globals(path)
    if not names:
        raise ConfigError(
            f"{path} holds weights without the program that uses them: name it with "
            "`--module package.module:factory`"
        )
    command = ultralytics_command(path) if is_ultralytics(names) else ""
    if not trust_pickle:
        elsewhere = (
            f"; or export it where that package is installed: `{command}`" if command else ""
        )
        raise ConfigError(
            f"{path} is a pickle that runs code of {_some(names)} while it is loaded: if you know "
            f"where it is from, say --trust-pickle{elsewhere}"
        )
    return _unpickled(path, names)


def foreign_globals(path: Path) -> list[str]:
    """What a checkpoint's pickle would import beyond tensors; nothing is run to find out.

    Raises ModelError: it is no file of ``torch.save``.
    """
    torch = _torch()
    try:
        content = old_checkpoint_as_zip(path) or str(path)
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(content))
    except Exception as exc:  # its readers raise whatever comes along
        raise ModelError(f"{path}: no checkpoint of PyTorch (`torch.save`): {exc}") from exc


def is_ultralytics(names: list[str]) -> bool:
    """Whether a pickle is one of Ultralytics' models."""
    return any(name.partition(".")[0] == "ultralytics" for name in names)


def _unpickled(path: Path, names: list[str]) -> ExportSource:
    torch = _torch()
    _import_from_here()
    try:
        content = torch.load(path, map_location="cpu", weights_only=False)
    except ImportError as exc:
        raise ModelError(
            f"{path} needs {exc.name or exc} to be loaded, which is not installed: export it where "
            f"it is{f': `{ultralytics_command(path)}`' if is_ultralytics(names) else ''}"
        ) from exc
    except Exception as exc:  # a pickle raises whatever it is written to raise
        raise ModelError(f"{path}: it cannot be loaded: {type(exc).__name__}: {exc}") from exc
    found = content
    if isinstance(content, Mapping):
        keys = [*_AVERAGES, "model", "net", "network"]
        found = next(
            (content[k] for k in keys if isinstance(content.get(k), torch.nn.Module)), None
        )
    if not isinstance(found, torch.nn.Module):
        raise ModelError(f"{path}: there is no network in it, neither itself nor as `model`")
    return ExportSource("network", path.name, found.float().eval(), sha256=_sha256(path))


def _load_weights(network: Any, path: Path, *, trust_pickle: bool) -> None:
    torch = _torch()
    _import_from_here()
    try:
        content = torch.load(path, map_location="cpu", weights_only=not trust_pickle)
    except OSError as exc:
        raise ModelError(f"{path}: {exc.strerror or exc}") from exc
    except Exception as exc:  # its readers raise whatever comes along
        if trust_pickle:
            raise ModelError(f"{path}: it cannot be loaded: {type(exc).__name__}: {exc}") from exc
        names = _some(foreign_globals(path))
        raise ModelError(
            f"{path} holds more than weights: its pickle runs code of {names}: save "
            "`model.state_dict()` where it was trained, and give that file; or say --trust-pickle, if you "
            "know where it is from"
        ) from exc
    wanted = set(network.state_dict())
    found = {key: _unwrapped(state, wanted) for key, state in _state_dicts(content)}
    fitting = [key for key, state in found.items() if set(state) == wanted]
    if not fitting:
        raise ModelError(f"{path}: {_misfit(found, wanted)}")
    best = next((key for key in fitting if key.split("/")[-1] in _AVERAGES), fitting[0])
    log.info("%s: weights %s", path, best or "of the whole file")
    try:
        network.load_state_dict(found[best])
    except RuntimeError as exc:
        raise ModelError(
            f"{path}: the weights do not fit: {str(exc).splitlines()[-1].strip()}"
        ) from exc


def _state_dicts(content: object, key: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of tensors in a checkpoint, by where it stands."""
    if not isinstance(content, Mapping):
        return
    if content and all(hasattr(value, "ndim") for value in content.values()):
        yield key, {str(name): value for name, value in content.items()}
    for name, value in content.items():
        yield from _state_dicts(value, f"{key}/{name}".lstrip("/"))


def _unwrapped(state: Mapping[str, object], wanted: set[str]) -> Mapping[str, Any]:
    """Weights without what names of modules around the network have put in front of theirs.

    Such as ``module.`` of several GPUs, ``_orig_mod.`` of ``torch.compile``, and the name that a training program
    gives the network within its own. Weights of other parts beside it (a loss, a teacher) are left out.
    """
    if wanted <= set(state) or not wanted:
        return state
    some = min(wanted)
    fronts = [name.removesuffix(some) for name in state if name.endswith(f".{some}")]
    for front in sorted(fronts, key=lambda front: not set(front.split(".")) & set(_AVERAGES)):
        inner = {
            name.removeprefix(front): value
            for name, value in state.items()
            if name.startswith(front)
        }
        if set(inner) == wanted:
            return inner
    return state


def _misfit(found: Mapping[str, Mapping[str, object]], wanted: set[str]) -> str:
    if not found:
        return "there are no weights in it"
    nearest = max(found.values(), key=lambda state: len(wanted & set(state)))
    lacking, further = sorted(wanted - set(nearest)), sorted(set(nearest) - wanted)
    parts = [f"lacks {_some(lacking)}"] if lacking else []
    parts += [f"has {_some(further)} besides"] if further else []
    return f"its weights are those of another network: it {' and '.join(parts)}"


def _some(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def looked_up(path: str) -> Any:
    """What ``package.module:name`` or ``folder/file.py:name`` is. Raises ConfigError."""
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"{path!r}: give package.module:name, or file.py:name")
    _import_from_here()
    if module_name.endswith(".py"):
        file = Path(module_name).expanduser()
        module_name = file.stem
        sys.path.insert(0, str(file.parent.resolve()))  # as `python FILE` does
    try:
        found: object = importlib.import_module(module_name)
        for name in attribute.split("."):
            found = getattr(found, name)
    except ImportError as exc:
        raise ConfigError(f"{path}: cannot import it: {exc}") from exc
    except AttributeError as exc:
        raise ConfigError(f"{path}: {exc}") from exc
    except Exception as exc:  # whatever the user's own code raises
        raise ConfigError(f"{path}: {type(exc).__name__} while it is imported: {exc}") from exc
    return found


def _import_from_here() -> None:
    """Let modules of the current folder be found, as `python -m` does."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def required_arguments(factory: Any) -> int:
    """How many arguments a factory cannot do without."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return 0
    return sum(
        p.default is p.empty and p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}
        for p in parameters
    )


def _is_torchscript(path: Path) -> bool:
    try:
        return archive_kind(path) == "torchscript"
    except ModelError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _torch() -> Any:
    try:
        import torch
    except ImportError as exc:
        raise EngineUnavailable.not_installed("PyTorch", "torch") from exc
    return torch

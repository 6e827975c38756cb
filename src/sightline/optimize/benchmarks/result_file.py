"""Results of ``sightline bench model`` as JSON, and what an earlier file says beside them."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sightline._version import __version__
from sightline.errors import ConfigError
from sightline.optimize.benchmarks.measurement import BenchResult
from sightline.optimize.benchmarks.other_load import NOTABLE
from sightline.optimize.benchmarks.setups import EngineSetup
from sightline.optimize.benchmarks.statistics import LatencyComparison, compare
from sightline.optimize.benchmarks.timing import WARM_UP_RULE
from sightline.types import JsonObject

_SAME = ("backend", "precision", "device", "size", "batch", "threads")
"""What two results have in common that can be compared."""
_MOST_BYTES = 100_000_000


def result_json(model: Path, sha256: str, results: Sequence[BenchResult]) -> dict[str, Any]:
    """Everything that was measured, and on what."""
    return {
        "model": str(model),
        "sha256": sha256,
        "machine": machine(),
        "warm_up_rule": WARM_UP_RULE,
        "results": [_row(result) for result in results],
    }


def machine() -> JsonObject:
    """What was measured on: processor, cores, system, and versions of the runtimes."""
    import importlib.metadata

    versions = {}
    for package in ("onnxruntime", "onnxruntime-gpu", "openvino", "torch", "tensorrt"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sightline": __version__,
        **versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def doubts(row: Mapping[str, Any]) -> list[str]:
    """Why the times of a row of results are worth little; nothing, as a rule."""
    found = []
    if row["warm_up"] and not row["warm_up"]["stable"]:
        found.append("its times did not become stable: something else uses this machine")
    if (row["other_load"] or 0) >= NOTABLE:
        found.append(
            f"other programs took {row['other_load']:.0%} of the processor meanwhile: measure again "
            "without them"
        )
    return found


def _row(result: BenchResult) -> dict[str, object]:
    facts = asdict(result)
    setup = facts.pop("setup")
    asked = setup.pop("precision")
    row = {**setup, **facts, "precision_asked": asked, "precision": facts["precision"] or asked}
    if result.comparison is not None:
        row["comparison"]["told_apart"] = result.comparison.told_apart
    return row


def read_results(path: Path) -> list[Mapping[str, Any]]:
    """The results of an earlier file. Raises ConfigError: it is none."""
    remedy = "give a file that `sightline bench model --json` has written, or a model"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"--compare {path}: it is too large for a result: {remedy}")
        rows = json.loads(path.read_bytes())["results"]
        for row in rows:
            medians = row["block_medians_ms"]
            if not all(isinstance(one, int | float) and 0 < one < math.inf for one in medians):
                raise TypeError("block_medians_ms are no times")
            for key in _SAME:
                row[key]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ConfigError(f"--compare {path}: it cannot be read ({exc!r}): {remedy}") from exc
    if not any(row["block_medians_ms"] for row in rows):
        raise ConfigError(f"--compare {path}: it holds no times: {remedy}")
    return list(rows)


def check_comparable(
    path: Path, setups: Sequence[EngineSetup], earlier: Sequence[Mapping[str, Any]]
) -> None:
    """Raise ConfigError where no earlier result can be of these setups: before anything is measured.

    What a setup leaves open (``auto``, the model's own size) is known once it has run.
    """
    measured = [row for row in earlier if row["block_medians_ms"]]
    if any(_may_be(setup, row) for setup in setups for row in measured):
        return
    wanted: dict[str, set[str]] = {}
    has: dict[str, set[str]] = {}
    for setup in setups:
        for option, value in _options(asdict(setup)).items():
            wanted.setdefault(option, set()).add(value)
    for row in measured:
        for option, value in _options(row).items():
            has.setdefault(option, set()).add(value)
    lacking = [
        f"{option} {','.join(sorted(has[option]))}"
        for option, values in wanted.items()
        if "auto" not in values and not values & has[option]
    ]
    raise ConfigError(
        f"--compare {path}: it holds none of these setups: measure with {' '.join(lacking) or 'those that it has'}"
    )


def _options(row: Mapping[str, Any]) -> dict[str, str]:
    """A setup as options of the command say it."""
    size = "x".join(map(str, row["size"])) if row["size"] else "auto"
    return {
        "--backends": str(row["backend"]), "--precisions": str(row["precision"]), "--sizes": size,
        "--batches": str(row["batch"]), "--threads": str(row["threads"]),
    }  # fmt: skip


def _may_be(setup: EngineSetup, row: Mapping[str, Any]) -> bool:
    return (
        setup.backend in {"auto", row["backend"]}
        and setup.precision in {"auto", row["precision"]}
        and (setup.size is None or list(setup.size) == list(row["size"]))
        and (setup.batch, setup.threads) == (row["batch"], row["threads"])
    )


def with_earlier(
    rows: Sequence[dict[str, Any]], earlier: Sequence[Mapping[str, Any]]
) -> list[tuple[dict[str, Any], LatencyComparison | None]]:
    """Each row of results with how it compares with the earlier one of the same setup, if any."""
    known = {_key(row): row for row in earlier if row["block_medians_ms"]}
    pairs: list[tuple[dict[str, object], LatencyComparison | None]] = []
    for row in rows:
        other = known.get(_key(row)) if row["block_medians_ms"] else None
        found = None
        if other is not None:
            mine, theirs = row["block_medians_ms"], other["block_medians_ms"]
            found = compare(mine, theirs, interleaved=False)
            row["comparison"] = {**asdict(found), "told_apart": found.told_apart}
        pairs.append((row, found))
    return pairs


def _key(row: Mapping[str, object]) -> str:
    return json.dumps([row[key] for key in _SAME])

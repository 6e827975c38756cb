"""Results as JSON, and earlier ones beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.optimize.benchmarks.measurement import BenchResult
from sightline.optimize.benchmarks.result_file import (
    check_comparable,
    read_results,
    result_json,
    with_earlier,
)
from sightline.optimize.benchmarks.setups import EngineSetup
from sightline.optimize.benchmarks.statistics import Latency


def result(backend: str, ms: float) -> BenchResult:
    blocks = [ms * (1 + 0.001 * n) for n in range(20)]
    return BenchResult(
        EngineSetup(backend, size=(64, 64)),
        precision="fp32",
        device="cpu",
        latency=Latency.of(blocks),
        block_medians_ms=tuple(blocks),
        pictures_per_s=1000 / ms,
        peak_memory_mb=100.0,
    )


def test_an_earlier_result_of_the_same_setup(tmp_path: Path) -> None:
    earlier = tmp_path / "old.json"
    refused = BenchResult(EngineSetup("torch"), refused="it cannot")
    old = result_json(Path("m.onnx"), "0" * 64, [result("openvino", 10.0), refused])
    earlier.write_text(json.dumps(old))
    new = result_json(
        Path("m.onnx"), "0" * 64, [result("openvino", 11.0), result("onnxruntime", 10.0), refused]
    )
    pairs = with_earlier(new["results"], read_results(earlier))
    assert [found is not None for _, found in pairs] == [True, False, False]
    assert pairs[0][0]["comparison"]["told_apart"] is True
    assert pairs[0][0]["comparison"]["ratio"] == pytest.approx(1.1)
    assert new["machine"]["cores"] >= 1
    assert new["results"][2]["refused"] == "it cannot"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"results": 3}',
        '{"results": [{}]}',
        '{"results": [{"block_medians_ms": ["x"]}]}',
        '{"results": [{"block_medians_ms": [1e400]}]}',
        '{"results": []}',
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"--compare .*odd\.json.*bench model --json"):
        read_results(path)
    with pytest.raises(ConfigError, match="none"):
        read_results(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("setup", "remedy"),
    [
        pytest.param(EngineSetup("openvino"), None, id="what is left open may be the same"),
        pytest.param(EngineSetup("openvino", "fp32", (64, 64)), None, id="the same"),
        pytest.param(EngineSetup("openvino", threads=2), "--threads 0", id="threads"),
        pytest.param(EngineSetup("torch", batch=4), "--backends openvino --batches 1", id="two"),
        pytest.param(EngineSetup("openvino", "bf16", (32, 64)), "--precisions fp32 --sizes 64x64",
                     id="precision and size"),
    ],
)  # fmt: skip
def test_setups_that_an_earlier_result_lacks_are_refused_before_anything_is_measured(
    setup: EngineSetup, remedy: str | None
) -> None:
    earlier = result_json(Path("m.onnx"), "0" * 64, [result("openvino", 10.0)])["results"]
    if remedy is None:
        check_comparable(Path("old.json"), [setup], earlier)
        return
    with pytest.raises(ConfigError, match=f"old.json: it holds none .*: measure with {remedy}$"):
        check_comparable(Path("old.json"), [setup], earlier)

"""A package on a machine with nothing but the wheel, and without a network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.command import in_process

STARTED = """
set -euo pipefail
ip link set lo up
tar xf gate.tar.gz
cd gate
sha256sum --quiet -c SHA256SUMS
sightline package verify . >&2
./start.sh --quiet > ../log 2>&1 &
service=$!
trap 'kill $service; wait $service || true' EXIT
until curl -sf http://127.0.0.1:8000/ready > /dev/null; do
  kill -0 $service || { cat ../log >&2; exit 1; }
  sleep 0.2
done
"""
"""A package that was unpacked, checked and started, and whose service is ready."""

DETECTED = (
    "curl -sf --data-binary @sample.png -H 'Content-Type: image/png' http://127.0.0.1:8000/detect"
)

NAMED = """curl -sN http://127.0.0.1:8000/events | sed -n 's/^data: //p' | grep -m1 '"labels"' || true"""
"""What a camera's stream says of a picture."""

FOUND_ALIKE = """
until [ "$(sqlite3 -readonly objects.db 'select count(*) from embeddings' 2> /dev/null || echo 0)" -ge 3 ]; do
  kill -0 $service
  sleep 0.2
done
box=$(jq -r '.expected[0].box | map(tostring) | join(",")' package.json)
sightline search query sample.png --box $box --db objects.db --json
"""
"""What of a camera's objects looks like one in the sample."""

CROPS = ("--crops", "street:car,truck,bus")


@pytest.mark.parametrize(
    ("model", "more", "ask", "answer"),
    [
        pytest.param("street", (), DETECTED, ("objects", "class"), id="a detector"),
        pytest.param("street-attributes", CROPS, NAMED, ("objects", "labels"), id="a classifier"),
        pytest.param(
            "street-embedder", CROPS, FOUND_ALIKE, ("matches", "similarity"), id="an embedder"
        ),
    ],
)
def test_a_package_runs(
    model: str,
    more: tuple[str, ...],
    ask: str,
    answer: tuple[str, str],
    shell: Callable[[str], subprocess.CompletedProcess[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = in_process(tmp_path / "here", monkeypatch, capsys)
    (tmp_path / "here" / "machines.yaml").write_text("any: {size_mb: 50, latency_ms: 10000}\n")
    scene = "street://?seed=7&duration=0.2"
    made = run("package", model, *more, "-o", "gate.tar.gz", "--target", "any", "--targets", "machines.yaml", "--data", scene)  # fmt: skip
    assert made.stdout == "gate.tar.gz\n", made.stderr
    done = shell(STARTED + ask)
    assert done.returncode == 0, done.stderr
    assert "objects of the sample are found" in done.stderr
    of, key = answer
    assert sum(key in one for one in json.loads(done.stdout)[of]) >= 3, done.stdout

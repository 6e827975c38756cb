"""A package on a machine with nothing but the wheel, and without a network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.command import in_process

SCRIPT = """
set -euo pipefail
ip link set lo up
tar xf gate.tar.gz
cd gate
sha256sum --quiet -c SHA256SUMS
sightline package verify . >&2
./start.sh --quiet > ../log 2>&1 &
service=$!
trap 'kill $service; wait $service || true' EXIT
for _ in $(seq 600); do
  curl -sf http://127.0.0.1:8000/ready > /dev/null && break
  kill -0 $service || { cat ../log >&2; exit 1; }
  sleep 0.2
done
curl -sf --data-binary @sample.png -H 'Content-Type: image/png' http://127.0.0.1:8000/detect
"""


def test_a_client_is_answered(
    shell: Callable[[str], subprocess.CompletedProcess[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = in_process(tmp_path / "here", monkeypatch, capsys)
    (tmp_path / "here" / "machines.yaml").write_text("any: {size_mb: 50, latency_ms: 10000}\n")
    scene = "street://?seed=7&duration=0.2"
    made = run("package", "street", "-o", "gate.tar.gz", "--target", "any", "--targets", "machines.yaml", "--data", scene)  # fmt: skip
    assert made.stdout == "gate.tar.gz\n", made.stderr
    done = shell(SCRIPT)
    assert done.returncode == 0, done.stderr
    assert "objects of the sample are found" in done.stderr
    assert len(json.loads(done.stdout)["objects"]) >= 3

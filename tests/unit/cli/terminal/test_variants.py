"""The table of a model's variants, and why some are refused."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.cli.terminal.variants import print_report


def row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "backend": "openvino", "precision": "bf16", "size_mb": 3.456, "latency_ms": 7.891,
        "throughput": 123.45, "speedup": 1.5, "kept": 0.98765, "accepted": True, "reason": "", "in_floats": [],
        "not_judged": [], "path": None, **more,
    }  # fmt: skip


def printed(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any]) -> str:
    print_report({"variants": list(rows), "model": "m.onnx"})
    return capsys.readouterr().out


def test_a_variant_is_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    line = printed(capsys, row("bf16")).splitlines()[1].split()
    assert line == ["bf16", "openvino", "bf16", "3.46", "7.89", "123.5", "1.50×", "0.9877", "accepted"]  # fmt: skip


def test_what_could_not_be_made_has_no_figures_and_a_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = printed(
        capsys,
        row("int8", backend=None, size_mb=None, latency_ms=None, throughput=None, speedup=None, kept=None,
            accepted=False, reason="a layer\x1b[31m fails"),
    )  # fmt: skip
    assert told.splitlines()[1].split() == ["int8", "refused"]
    assert "int8 is refused: a layer" in told
    assert "\x1b" not in told


def test_layers_in_floats_are_told_and_many_shortened(capsys: pytest.CaptureFixture[str]) -> None:
    layers = [
        {"layer": f"l{i}", "operator": "Conv", "why": "lost", "error": 0.1234 if i else None}
        for i in range(15)
    ]
    told = printed(capsys, row("int8", in_floats=layers))
    assert "int8 keeps 15 layers in floats:" in told
    assert "  l0 (Conv): lost\n" in told
    assert "  l1 (Conv): lost, 0.123\n" in told
    assert "l12 " not in told
    assert "  and 3 more, see report.json" in told


def test_classes_that_were_seen_too_rarely_are_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = printed(capsys, row("a", not_judged=["bus", "train"]), row("b", not_judged=["bus"]))
    assert told.count("Not judged, since fewer than 20 objects were seen: bus, train") == 1


def test_files_that_were_written(capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(
        capsys, row("a", path="out/a.onnx"), row("original", path="m.onnx"),
        row("b", path="out/b.onnx", accepted=False),
    )  # fmt: skip
    assert "\nout/a.onnx\n" in told
    assert "m.onnx" not in told
    assert "out/b.onnx" not in told

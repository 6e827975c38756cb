"""The report as one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.optimize.benchmarks.test_result_file import result

from sightline.optimize.benchmarks.html_report import html_report
from sightline.optimize.benchmarks.measurement import BenchResult, Sustained, Window
from sightline.optimize.benchmarks.result_file import result_json
from sightline.optimize.benchmarks.setups import EngineSetup
from sightline.optimize.benchmarks.thermal import ThermalState

pytest.importorskip("matplotlib")


def test_it_has_every_row_and_plot_and_loads_nothing() -> None:
    from dataclasses import replace

    windows = tuple(
        Window(10.0 * n, 100.0, 9.0, 12.0, ThermalState(50.0 + n, None, None)) for n in range(4)
    )
    measured = replace(result("openvino", 10.0), sustained=Sustained(windows, None, None))
    refused = BenchResult(EngineSetup("torch"), refused="<b>it cannot</b>")
    facts = result_json(Path("a<script>.onnx"), "f" * 64, [measured, refused])
    page = html_report(facts)
    assert page.count("<svg") == 3
    assert "<td>100.0</td><td>100</td>" in page
    assert "&lt;b&gt;it cannot&lt;/b&gt;" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!#)|url\((?!#)|@import", page)


def test_without_a_measured_row_there_is_no_plot() -> None:
    refused = BenchResult(EngineSetup("torch"), refused="it cannot")
    page = html_report(result_json(Path("caf\udce9.onnx"), "f" * 64, [refused]))
    assert "<h1>caf\\udce9.onnx</h1>" in page, "a name that is no UTF-8 can be written"
    assert "<svg" not in page
    assert "it cannot" in page


def test_figures_that_are_worth_little_are_said_to_be() -> None:
    from dataclasses import replace

    page = html_report(result_json(Path("m.onnx"), "f" * 64, [result("openvino", 10.0)]))
    assert "other programs" not in page
    disturbed = replace(result("openvino", 10.0), other_load=0.5)
    page = html_report(result_json(Path("m.onnx"), "f" * 64, [disturbed]))
    assert "other programs took 50% of the processor" in page


def test_what_is_said_of_many_setups_is_said_once() -> None:
    refused = [BenchResult(EngineSetup("torch", batch=n), refused="no ONNX") for n in (1, 2, 3)]
    facts = result_json(Path("m.onnx"), "f" * 64, [result("openvino", 10.0), *refused])
    page = html_report(facts)
    assert page.count("no ONNX") == 1
    assert "cannot run: no ONNX (3 setups)" in page
    assert page.count("<li>torch auto") == 3
    assert page.count("<tr>") == 2  # the head, and the row that has figures

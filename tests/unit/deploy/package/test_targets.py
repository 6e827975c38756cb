"""Machines that models are packed for: the built-in ones, a user's own, and mistakes in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.deploy.package.targets import find_target, read_targets
from sightline.errors import ConfigError


def test_the_built_in_machines() -> None:
    names = "mobile embedded edge_server jetson-nano jetson-xavier jetson-orin raspberry-pi nuc"
    assert list(read_targets()) == names.split()


def test_a_file_adds_machines_and_replaces_them(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "gate: {size_mb: 3, latency_ms: 40}\nnuc: {size_mb: 1, latency_ms: 2, kept: 0.5}\n"
    )
    targets = read_targets(tmp_path / "mine.yaml")
    assert find_target("gate", targets).runtime == "onnxruntime"
    assert find_target("nuc", targets).size_mb == 1
    assert find_target("mobile", targets) == read_targets()["mobile"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "gate: {size_mb: 3}", r"mine\.yaml: gate\.latency_ms: Field required", id="key"
        ),
        pytest.param(
            "gate: {size_mb: 0, latency_ms: 1}", r"gate\.size_mb: .*greater than 0", id="0"
        ),
        pytest.param("gate: {size: 3, latency_ms: 1, size_mb: 2}", r"gate\.size: Extra", id="word"),
        pytest.param("[gate]", "are a mapping of names", id="list"),
        pytest.param("gate: {", "no YAML", id="no YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_targets(tmp_path / "mine.yaml")


def test_an_unknown_machine_has_a_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean raspberry-pi"):
        find_target("rasberry-py", read_targets())
    with pytest.raises(ConfigError, match="there are mobile, embedded"):
        find_target("xyz", read_targets())
    with pytest.raises(ConfigError, match="No such file"):
        read_targets(tmp_path / "none.yaml")

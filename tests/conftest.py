"""Data and small factories that all tests share."""

from __future__ import annotations

import gc
import logging
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("any speed", deadline=None)
settings.load_profile("any speed")

pytest_plugins = ("tests.onnx_models",)

# A shell that runs us in the background has Ctrl-C ignored, and programs that we start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The collector leaves the millions of objects alone that all tests are: each of its rounds would take a second."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real models, videos and ground truth; tests skip where it is absent."""
    folder = Path(os.environ.get("SIGHTLINE_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "models").is_dir():
        pytest.skip(f"no test data at {folder}: set SIGHTLINE_TEST_DATA")
    return folder


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Commands set logging up for their own process; here the next test must not find that."""
    root, ours = logging.getLogger(), logging.getLogger("sightline")
    handlers, levels = set(root.handlers), (root.level, ours.level)
    yield
    for handler in set(root.handlers) - handlers:
        if not type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])

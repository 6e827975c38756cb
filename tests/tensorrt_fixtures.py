"""Stand-ins of TensorRT and CUDA in ``sys.modules``: a pytest plugin."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from tests.cuda_stand_in import CudaStandIn
from tests.tensorrt_stand_in import VERSIONS, TensorRtStandIn

Install = Callable[..., TensorRtStandIn]


@pytest.fixture
def tensorrt_versions(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a stand-in of a version into ``sys.modules``; each has a device of its own, or a given one."""

    def install(version: str, cuda: CudaStandIn | None = None) -> TensorRtStandIn:
        made = TensorRtStandIn(version, cuda or CudaStandIn())
        for name, module in {"tensorrt": made.module(), **made.cuda.modules()}.items():
            monkeypatch.setitem(sys.modules, name, module)
        return made

    return install


@pytest.fixture(params=VERSIONS)
def tensorrt(request: pytest.FixtureRequest, tensorrt_versions: Install) -> TensorRtStandIn:
    """A stand-in of each version."""
    return tensorrt_versions(request.param)


@pytest.fixture
def tensorrt_10(tensorrt_versions: Install) -> TensorRtStandIn:
    """A stand-in with weakly typed networks."""
    return tensorrt_versions(VERSIONS[0])


@pytest.fixture
def tensorrt_11(tensorrt_versions: Install) -> TensorRtStandIn:
    """A stand-in with strongly typed networks only."""
    return tensorrt_versions(VERSIONS[1])

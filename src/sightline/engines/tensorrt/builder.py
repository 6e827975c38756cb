"""Builds TensorRT's plans from ONNX graphs, for the GPU of this computer: TensorRT 10 and 11.

Written against TensorRT's Python interface as its wheels document it; it has not run on a device yet.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightline.engines.graphs.foreign_operators import remedy
from sightline.engines.graphs.onnx_fold import PIXELS
from sightline.engines.tensorrt.calibration import Calibration, CalibrationPictures
from sightline.engines.tensorrt.cuda import CudaDevice
from sightline.engines.tensorrt.graph import BuildableGraph
from sightline.engines.tensorrt.library import major_version, said, tensorrt_log
from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
from sightline.errors import ConfigError, ModelError
from sightline.whole_files import write_whole

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParserProblem:
    """What TensorRT's parser says of an operator and its layer; either is empty where it does not tell."""

    operator: str
    layer: str
    text: str

    def __str__(self) -> str:
        text = self.text.strip()
        if not self.operator:
            return text
        layer = f" in the layer {self.layer}" if self.layer else ""
        return f"the operator {self.operator}{layer}: {text}"


@dataclass(frozen=True)
class Build:
    """An engine that is to be built.

    Args:
        trt: the module ``tensorrt``.
        device: where it will run; it is the calling thread's.
        graph: what it computes.
        options: how.
        cache: folder of what earlier builds have found out: times of operators, scales of INT8.
        pictures: what a calibrator shows the network, for INT8 in a weakly typed network.
    """

    trt: Any
    device: CudaDevice
    graph: BuildableGraph
    options: BuildOptions
    cache: Path | None = None
    pictures: CalibrationPictures | None = None

    @property
    def key(self) -> str:
        """The checksum (SHA-256) of all that the plan depends on."""
        facts = {
            "graph": hashlib.sha256(self.graph.content).hexdigest(),
            "tensorrt": self.trt.__version__,
            "gpu": [self.device.name, self.device.compute_capability],
            "options": self.options.facts() | {"profile": str(self.graph.profile(self.options))},
            "pictures": self.pictures.identity if self.pictures else None,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def plan(self) -> bytes:
        """Build it, which takes minutes.

        Raises:
            ModelError: an operator is not supported, and it is named with its layer; or no kernel is found.
            EngineUnavailable: TensorRT cannot start on this device.
            ConfigError: this device or this version cannot do what the options ask for.
            SourceError, InferenceError: what came of reading the calibration's pictures and of CUDA.
        """
        trt, name = self.trt, self.graph.name
        logger = tensorrt_log(trt)
        with ExitStack() as stack:
            errors = stack.enter_context(logger.errors())
            builder = logger.builder()
            network = builder.create_network(self._network_flags())
            # Network and configuration refer to these three until the plan is built.
            parser = trt.OnnxParser(network, logger.logger)
            if problems := self._problems(parser):
                told = "; ".join(dict.fromkeys(map(str, problems)))
                raise ModelError(f"TensorRT cannot read {name}: {told}{remedy(told)}")
            config = builder.create_builder_config()
            profile = self._set_profile(builder, config)
            self._set_memory_and_device(builder, config)
            calibration = self._set_precision(builder, config, profile)
            timing, times = self._timing_file(), None
            if timing is not None:
                times = _timing_cache(config, timing)
            log.warning(  # a program that stands still for minutes says why
                "TensorRT builds an engine of %s for %s: this takes minutes", name, self.device
            )
            plan = builder.build_serialized_network(network, config)
            if calibration is not None:
                calibration.check()
            if plan is None:
                raise ModelError(f"TensorRT cannot build an engine of {name}: {said(errors)}")
        if timing is not None and times is not None:
            write_whole(timing, bytes(times.serialize()))
        return bytes(plan)

    def _network_flags(self) -> int:
        """TensorRT 11 knows no other than strongly typed networks; the flag is without effect there."""
        if not self.graph.strongly_typed:
            return 0
        return 1 << int(self.trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)

    def problems(self) -> list[ParserProblem]:
        """What TensorRT's parser does not take in the graph; nothing is built. Raises EngineUnavailable."""
        logger = tensorrt_log(self.trt)
        builder = logger.builder()
        network = builder.create_network(self._network_flags())
        return self._problems(self.trt.OnnxParser(network, logger.logger))

    def _problems(self, parser: Any) -> list[ParserProblem]:
        """Read the graph into the parser's network; what TensorRT does not take."""
        if parser.parse(self.graph.content):
            return []
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        found = [
            ParserProblem(
                error.node_operator(),
                self.graph.layer(error.node_name(), error.node()),
                error.desc(),
            )
            for error in errors
        ]
        return found or [ParserProblem("", "", "it does not say why")]

    def _set_profile(self, builder: Any, config: Any) -> OptimizationProfile:
        """Say which shapes the engine takes, where the graph does not."""
        wanted = self.graph.profile(self.options)
        if None not in self.graph.shape:
            return wanted
        profile = builder.create_optimization_profile()
        profile.set_shape(PIXELS, *((*shape, 3) for shape in wanted.shapes))
        if config.add_optimization_profile(profile) < 0:
            raise ConfigError(f"TensorRT does not take {wanted} for {self.graph.name}")
        if self.pictures is not None and not self.graph.strongly_typed:
            config.set_calibration_profile(profile)
        return wanted

    def _set_memory_and_device(self, builder: Any, config: Any) -> None:
        trt, options = self.trt, self.options
        if options.workspace_mb is not None:
            limit = options.workspace_mb * 2**20
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, limit)
        if options.dla_core is None:
            return
        if options.dla_core >= builder.num_DLA_cores:
            raise ConfigError(
                f"DLA core {options.dla_core}: {self.device} has {builder.num_DLA_cores} of them for TensorRT "
                f"{trt.__version__}: leave it out, and the GPU runs everything"
            )
        config.default_device_type = trt.DeviceType.DLA
        config.DLA_core = options.dla_core
        config.set_flag(trt.BuilderFlag.GPU_FALLBACK)

    def _set_precision(
        self, builder: Any, config: Any, profile: OptimizationProfile
    ) -> Calibration | None:
        """Permissions of a weakly typed network; the types of a strongly typed one are in the graph."""
        trt, precision = self.trt, self.options.precision
        if precision == "fp32":
            config.clear_flag(trt.BuilderFlag.TF32)  # it would round to 10 bits of 23
        if self.graph.strongly_typed or precision == "fp32":
            return None
        for wanted, has in (
            ("fp16", builder.platform_has_fast_fp16),
            ("int8", builder.platform_has_fast_int8),
        ):
            if precision == wanted and not has:
                log.warning("%s has no fast %s: the engine will not be faster", self.device, wanted)
        config.set_flag(trt.BuilderFlag.FP16)
        if precision != "int8":
            return None
        config.set_flag(trt.BuilderFlag.INT8)
        if self.graph.quantized:
            return None
        if self.pictures is None:
            raise ConfigError(
                f"{self.graph.name}: INT8 needs footage like that which it will see, for the calibration: --data"
            )
        calibration = Calibration(
            trt,
            self.device,
            self.pictures,
            profile.optimum,
            self._scales_file(self.pictures.identity),
        )
        config.int8_calibrator = calibration.calibrator
        return calibration

    def _timing_file(self) -> Path | None:
        """Times of operators: they are of a device and of a version."""
        device = self.device
        return self._cache_file(
            "timing", self.trt.__version__, device.name, device.compute_capability
        )

    def _scales_file(self, footage: str) -> Path | None:
        """Scales of INT8: they are of a graph and of footage."""
        graph = hashlib.sha256(self.graph.content).hexdigest()
        return self._cache_file("calibration", graph, footage, str(major_version(self.trt)))

    def _cache_file(self, what: str, *facts: str) -> Path | None:
        if self.cache is None:
            return None
        digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        return self.cache / f"{what}-{digest}.cache"


def _timing_cache(config: Any, path: Path) -> Any:
    """What earlier builds have measured, in the configuration of the next one."""
    try:
        kept = path.read_bytes()
    except OSError:
        kept = b""
    cache = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, False):
        log.warning("%s: TensorRT does not take these times: they are measured anew", path)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache

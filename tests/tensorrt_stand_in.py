"""A stand-in for the module ``tensorrt``, versions 10 and 11: it records what it is told and computes with ONNX Runtime.

Its classes have the names, members and parameters of the real ones: ``tests/unit/engines/tensorrt/test_stand_in.py``
holds them against ``tests/recorded/tensorrt_api.json``. What version 11 does not have, it does not have.
"""

# ruff: noqa: C901 - functions that hold classes, in the names of TensorRT

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from tests.cuda_stand_in import CudaStandIn

VERSIONS = ("10.16.1.11", "11.4.0.106")
"""The last with weakly typed networks, and one that knows strongly typed networks only."""

MAGIC = b"ftrt"
Shape = tuple[int, ...]

DATA_TYPES = {"float": "FLOAT", "float16": "HALF", "uint8": "UINT8", "int8": "INT8", "int32": "INT32", "int64": "INT64", "bool": "BOOL"}  # fmt: skip
NUMPY = {"FLOAT": np.float32, "HALF": np.float16, "UINT8": np.uint8, "INT8": np.int8, "INT32": np.int32, "INT64": np.int64, "BOOL": np.bool_}  # fmt: skip


def enumeration(name: str, *members: str) -> Any:
    return IntEnum(name, {member: i for i, member in enumerate(members)})


class TensorRtStandIn:
    """TensorRT on a device that there is not.

    Args:
        version: of TensorRT.
        cuda: the device.

    ``unsupported`` are operators that the parser refuses, ``dla_cores`` accelerators that there are,
    ``unknown_lengths`` outputs whose shape is not known before they are computed.
    ``noise`` is added to every output.
    ``fails_to`` may hold ``start``, ``build``, ``execute`` and ``capture``. ``built`` has the configuration of each engine,
    ``calibrated`` the batches that calibrators have shown.
    """

    def __init__(self, version: str, cuda: CudaStandIn) -> None:
        self.version, self.cuda = version, cuda
        self.major = int(version.partition(".")[0])
        self.unsupported: set[str] = set()
        self.dla_cores = 0
        self.fails_to: set[str] = set()
        self.unknown_lengths: set[str] = set()
        self.built: list[SimpleNamespace] = []
        self.calibrated: list[np.ndarray[Any, Any]] = []
        self.runtime_dla: list[int] = []
        self.workspace_bytes = 4096
        self.noise = 0.0

    def module(self) -> ModuleType:
        """For ``sys.modules``."""
        module = ModuleType("tensorrt")
        made: dict[str, Any] = {"__version__": self.version, **enumerations(self.major)}
        made |= {"nptype": lambda trt_type: NUMPY[trt_type.name], "ILogger": _logger_class()}
        made |= _building(self, made)
        made |= _running(self, made)
        if self.major < 11:
            made["IInt8EntropyCalibrator2"] = _calibrator_class()
        for name, value in made.items():
            setattr(module, name, value)
        return module


def enumerations(major: int) -> dict[str, Any]:
    weak = ("FP16", "INT8") if major < 11 else ()
    return {
        "BuilderFlag": enumeration("BuilderFlag", "GPU_FALLBACK", "TF32", *weak),
        "DataType": enumeration("DataType", *NUMPY),
        "DeviceType": enumeration("DeviceType", "GPU", "DLA"),
        "ExecutionContextAllocationStrategy": enumeration(
            "ExecutionContextAllocationStrategy", "STATIC", "ON_PROFILE_CHANGE", "USER_MANAGED"
        ),
        "MemoryPoolType": enumeration("MemoryPoolType", "WORKSPACE"),
        "NetworkDefinitionCreationFlag": enumeration(
            "NetworkDefinitionCreationFlag", "STRONGLY_TYPED"
        ),
        "TensorFormat": enumeration("TensorFormat", "LINEAR", "CHW32"),
        "TensorIOMode": enumeration("TensorIOMode", "NONE", "INPUT", "OUTPUT"),
    }


def _logger_class() -> Any:
    class ILogger:
        Severity = enumeration("Severity", "INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE")

        def log(self, severity: Any, msg: str) -> None:
            raise NotImplementedError

    return ILogger


def _error(logger: Any, text: str) -> None:
    logger.log(type(logger).Severity.ERROR, text)


def _start(of: TensorRtStandIn, logger: Any) -> None:
    if "start" in of.fails_to:
        _error(logger, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")


def _calibrator_class() -> Any:
    class IInt8EntropyCalibrator2:
        """What users subclass."""

        def __init__(self) -> None:
            self.made = True

        def get_batch_size(self) -> int:
            raise NotImplementedError

        def get_batch(self, names: Sequence[str]) -> list[int] | None:
            raise NotImplementedError

        def read_calibration_cache(self) -> bytes | None:
            raise NotImplementedError

        def write_calibration_cache(self, cache: Any) -> None:
            raise NotImplementedError

    return IInt8EntropyCalibrator2


class HostMemory(bytes):
    """``IHostMemory``: a buffer."""


def assert_sorted(graph: Any) -> None:
    """A node comes after those that it reads, as ONNX demands."""
    known = {value.name for value in (*graph.input, *graph.initializer)} | {""}
    for node in graph.node:
        assert set(node.input) <= known, f"{node.op_type} {node.name} reads what is not there yet"
        known |= set(node.output)


def is_symmetric(node: Any, constants: dict[str, Any]) -> bool:
    """TensorRT quantises to INT8 around zero only."""
    if node.op_type not in {"QuantizeLinear", "DequantizeLinear"}:
        return True
    zero = constants.get(node.input[2]) if len(node.input) == 3 else None
    return zero is not None and zero.dtype == np.int8 and not zero.any()


def _building(of: TensorRtStandIn, trt: dict[str, Any]) -> dict[str, Any]:
    class ParserError:
        def __init__(self, node: int, name: str, operator: str) -> None:
            self._node, self._name, self._operator = node, name, operator

        def node(self) -> int:
            return self._node

        def node_name(self) -> str:
            return self._name

        def node_operator(self) -> str:
            return self._operator

        def desc(self) -> str:
            return (
                f"No importer registered for op: {self._operator}. Attempting to import as plugin."
            )

    class OnnxParser:
        def __init__(self, network: Any, logger: Any) -> None:
            self._network, self._errors, self.num_errors = network, [], 0
            assert isinstance(logger, trt["ILogger"])

        def parse(self, model: bytes, path: str | None = None) -> bool:
            graph = onnx.load_from_string(model)
            assert_sorted(graph.graph)
            constants = {
                entry.name: numpy_helper.to_array(entry) for entry in graph.graph.initializer
            }
            self._errors = [
                ParserError(i, node.name, node.op_type)
                for i, node in enumerate(graph.graph.node)
                if node.op_type in of.unsupported or not is_symmetric(node, constants)
            ]
            self.num_errors = len(self._errors)
            self._network.content = model
            return not self._errors

        def get_error(self, index: int) -> Any:
            return self._errors[index]

    class INetworkDefinition:
        def __init__(self, flags: int) -> None:
            self._flags, self.content = flags, b""

        def get_flag(self, flag: Any) -> bool:
            return bool(self._flags & 1 << int(flag))

    class IOptimizationProfile:
        def __init__(self) -> None:
            self._shapes: dict[str, tuple[Shape, Shape, Shape]] = {}

        def set_shape(self, input: str, min: Shape, opt: Shape, max: Shape) -> None:  # noqa: A002
            self._shapes[input] = (min, opt, max)

        def get_shape(self, input: str) -> list[Shape]:  # noqa: A002
            return list(self._shapes[input])

    class ITimingCache:
        def __init__(self, content: bytes) -> None:
            self._content = content

        def serialize(self) -> HostMemory:
            return HostMemory(self._content)

    class IBuilderConfig:
        def __init__(self) -> None:
            self.default_device_type = trt["DeviceType"].GPU
            self.DLA_core = -1
            self._flags = {trt["BuilderFlag"].TF32}  # as it is set at first
            self._pools: dict[Any, int] = {}
            self._profiles: list[Any] = []
            self._timing: Any = None

        def set_flag(self, flag: Any) -> None:
            assert isinstance(flag, trt["BuilderFlag"])
            self._flags.add(flag)

        def clear_flag(self, flag: Any) -> None:
            self._flags.discard(flag)

        def get_flag(self, flag: Any) -> bool:
            return flag in self._flags

        def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
            self._pools[pool] = pool_size

        def add_optimization_profile(self, profile: Any) -> int:
            (shapes,) = profile._shapes.values()
            if any(not a <= b <= c for a, b, c in zip(*shapes, strict=True)):
                return -1
            self._profiles.append(profile)
            return len(self._profiles) - 1

        def create_timing_cache(self, serialized_timing_cache: bytes) -> Any:
            return ITimingCache(serialized_timing_cache)

        def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
            assert not ignore_mismatch
            mine = f"times of {of.cuda.name}".encode()
            if cache._content not in {b"", mine}:
                return False
            self._timing = cache
            return True

    if of.major < 11:

        class IWeakBuilderConfig(IBuilderConfig):
            int8_calibrator: Any = None
            calibration_profile: Any = None

            def set_calibration_profile(self, profile: Any) -> bool:
                self.calibration_profile = profile
                return True

        IWeakBuilderConfig.__name__ = "IBuilderConfig"
        config_class: Any = IWeakBuilderConfig
    else:
        config_class = IBuilderConfig

    class Builder:
        def __init__(self, logger: Any) -> None:
            assert isinstance(logger, trt["ILogger"])
            _start(of, logger)
            self._logger, self.num_DLA_cores = logger, of.dla_cores

        def create_network(self, flags: int = 0) -> Any:
            return INetworkDefinition(flags)

        def create_builder_config(self) -> Any:
            return config_class()

        def create_optimization_profile(self) -> Any:
            return IOptimizationProfile()

        def build_serialized_network(self, network: Any, config: Any) -> HostMemory | None:
            problem = _cannot_build(of, trt, network, config)
            if problem is not None:
                _error(self._logger, problem)
                return None
            strong = of.major >= 11 or network.get_flag(
                trt["NetworkDefinitionCreationFlag"].STRONGLY_TYPED
            )
            scales = None
            if of.major < 11 and config.int8_calibrator is not None:
                scales = _calibrate(of, network, config)
            flags = sorted(flag.name for flag in config._flags)
            facts = {
                "tensorrt": of.version, "gpu": of.cuda.name, "strong": strong, "flags": flags, "dla": config.DLA_core,
                "profiles": [next(iter(p._shapes.values())) for p in config._profiles],
            }  # fmt: skip
            if config._timing is not None:
                config._timing._content = f"times of {of.cuda.name}".encode()
            of.built.append(
                SimpleNamespace(
                    **facts, pools=config._pools, scales=scales, content=network.content
                )
            )
            head = json.dumps(facts).encode()
            return HostMemory(MAGIC + len(head).to_bytes(8, "little") + head + network.content)

    if of.major < 11:
        Builder.platform_has_fast_fp16 = Builder.platform_has_fast_int8 = True
    return {
        "Builder": Builder, "IBuilderConfig": config_class, "INetworkDefinition": INetworkDefinition, "OnnxParser": OnnxParser,
        "IOptimizationProfile": IOptimizationProfile, "ITimingCache": ITimingCache, "ParserError": ParserError,
    }  # fmt: skip


def _cannot_build(
    of: TensorRtStandIn, trt: dict[str, Any], network: Any, config: Any
) -> str | None:
    """What TensorRT would refuse."""
    session = _session(network.content)
    is_open = any(not isinstance(d, int) for d in session.get_inputs()[0].shape)
    typed = {flag.name for flag in config._flags} & {"FP16", "INT8"}
    if "build" in of.fails_to:
        return (
            "Error Code 10: Could not find any implementation for node {ForeignNode[conv]}.\nmore"
        )
    if is_open and not config._profiles:
        return "Error Code 4: Network has dynamic or shape inputs, but no optimization profile has been defined."
    if network.get_flag(trt["NetworkDefinitionCreationFlag"].STRONGLY_TYPED) and typed:
        return f"Error Code 3: {sorted(typed)} cannot be set for a strongly typed network."
    if config.default_device_type == trt["DeviceType"].DLA and "GPU_FALLBACK" not in {
        f.name for f in config._flags
    }:
        return "Error Code 4: a layer cannot run on DLA, and fallback to the GPU is not enabled."
    if (
        of.major < 11
        and config.int8_calibrator is not None
        and is_open
        and config.calibration_profile is None
    ):
        return "Error Code 4: Calibration profile is not set for a network with runtime dimensions."
    return None


def _calibrate(of: TensorRtStandIn, network: Any, config: Any) -> bytes:
    """Show the calibrator's batches to nothing; the scales are what it keeps."""
    calibrator = config.int8_calibrator
    kept = calibrator.read_calibration_cache()
    if kept is not None:
        return bytes(kept)
    (pixels,) = _session(network.content).get_inputs()
    profile = config.calibration_profile
    shape = profile.get_shape(pixels.name)[1] if profile is not None else tuple(pixels.shape)
    assert calibrator.get_batch_size() == shape[0]
    highest = 0
    while addresses := calibrator.get_batch([pixels.name]):
        seen = of.cuda.bytes_at(addresses[0], int(np.prod(shape))).reshape(shape).copy()
        of.calibrated.append(seen)
        highest = max(highest, int(seen.max()))
    scales = f"EntropyCalibration2 {highest}".encode()
    calibrator.write_calibration_cache(memoryview(scales))
    return scales


def _session(content: bytes) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _running(of: TensorRtStandIn, trt: dict[str, Any]) -> dict[str, Any]:
    class IExecutionContext:
        def __init__(self, engine: Any, logger: Any) -> None:
            self._engine, self._logger = engine, logger
            self._shape: Shape | None = None
            self._addresses: dict[str, int] = {}
            self._memory = False

        def set_input_shape(self, name: str, shape: Shape) -> bool:
            low, _, high = self._engine.get_tensor_profile_shape(name, 0)
            if any(not a <= b <= c for a, b, c in zip(low, shape, high, strict=True)):
                _error(self._logger, f"Error Code 3: {shape} is outside of the profile")
                return False
            self._shape = tuple(shape)
            return True

        def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
            return profile_index < self._engine.num_optimization_profiles and bool(
                of.cuda.stream(stream_handle)
            )

        def set_device_memory(self, memory: int, size: int) -> None:
            assert size >= self._engine.device_memory_size_v2
            of.cuda.bytes_at(memory, size)
            self._memory = True

        def set_tensor_address(self, name: str, memory: int) -> bool:
            self._addresses[name] = memory
            return True

        def get_tensor_shape(self, name: str) -> Shape:
            if name == self._engine._input.name:
                assert self._shape is not None
                return self._shape
            found = tuple(self._engine.outputs_of(self._zeros())[name].shape)
            return (*found[:-1], -1) if name in of.unknown_lengths else found

        def execute_async_v3(self, stream_handle: int) -> bool:
            stream = of.cuda.stream(stream_handle)
            if "execute" in of.fails_to or not self._memory:
                _error(
                    self._logger,
                    "Error Code 1: Cuda Runtime (an illegal memory access was encountered)",
                )
                return False
            if stream.captured is not None and "capture" in of.fails_to:
                _error(
                    self._logger, "Error Code 1: operation not permitted when stream is capturing"
                )
                return False
            stream.put(self._execute)
            return True

        def _zeros(self) -> np.ndarray[Any, Any]:
            return np.zeros(self._shape or (), self._engine.numpy_type(self._engine._input.type))

        def _execute(self) -> None:
            given = self._zeros()
            given.reshape(-1).view(np.uint8)[:] = of.cuda.bytes_at(
                self._addresses[self._engine._input.name], given.nbytes
            )
            for name, array in self._engine.outputs_of(given).items():
                found = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                of.cuda.bytes_at(self._addresses[name], found.nbytes)[:] = found

    class ICudaEngine:
        def __init__(self, facts: dict[str, Any], content: bytes, logger: Any) -> None:
            self._logger, self._session = logger, _session(content)
            (self._input,) = self._session.get_inputs()
            self._outputs = {output.name: output for output in self._session.get_outputs()}
            self._profiles = facts["profiles"] or [[self._input.shape] * 3]
            self.num_io_tensors = 1 + len(self._outputs)
            self.num_optimization_profiles = len(self._profiles)
            self.device_memory_size_v2 = of.workspace_bytes

        def outputs_of(self, given: Any) -> dict[str, Any]:
            found = self._session.run(None, {self._input.name: given})
            if of.noise:
                found = [array + np.array(of.noise, array.dtype) for array in found]
            return dict(zip(self._outputs, found, strict=True))

        @staticmethod
        def numpy_type(text: str) -> Any:
            return NUMPY[DATA_TYPES[text[len("tensor(") : -1]]]

        def _value(self, name: str) -> Any:
            return self._input if name == self._input.name else self._outputs[name]

        def get_tensor_name(self, index: int) -> str:
            return str([self._input.name, *self._outputs][index])

        def get_tensor_mode(self, name: str) -> Any:
            modes = trt["TensorIOMode"]
            return modes.INPUT if name == self._input.name else modes.OUTPUT

        def get_tensor_shape(self, name: str) -> Shape:
            return tuple(d if isinstance(d, int) else -1 for d in self._value(name).shape)

        def get_tensor_dtype(self, name: str) -> Any:
            return trt["DataType"][DATA_TYPES[self._value(name).type[len("tensor(") : -1]]]

        def get_tensor_format(self, name: str) -> Any:
            return trt["TensorFormat"].LINEAR

        def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Shape]:
            return [tuple(shape) for shape in self._profiles[profile_index]]

        def create_execution_context(self, strategy: Any = None) -> Any:
            assert strategy == trt["ExecutionContextAllocationStrategy"].USER_MANAGED
            return IExecutionContext(self, self._logger)

    class Runtime:
        DLA_core = -1

        def __init__(self, logger: Any) -> None:
            _start(of, logger)
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
            if not serialized_engine.startswith(MAGIC):
                _error(self._logger, "Error Code 1: Serialization (Magic tag does not match)")
                return None
            length = int.from_bytes(serialized_engine[4:12], "little")
            facts = json.loads(serialized_engine[12 : 12 + length])
            if (facts["tensorrt"], facts["gpu"]) != (of.version, of.cuda.name):
                _error(
                    self._logger,
                    "Error Code 6: The engine plan file is not compatible with this version of TensorRT",
                )
                return None
            of.runtime_dla.append(self.DLA_core)
            return ICudaEngine(facts, serialized_engine[12 + length :], self._logger)

    return {"Runtime": Runtime, "ICudaEngine": ICudaEngine, "IExecutionContext": IExecutionContext}

"""Which runtimes take a model: tried where they are installed, else by what they document.

The lists of operators are those of ONNX-TensorRT (``docs/operators.md``, those that no version has had)
and of ONNX Runtime's Core ML provider (``coreml_supported_mlprogram_ops.md``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sightline.errors import EngineUnavailable, ModelError
from sightline.optimize.inspection.layers import Inspection

_NOT_IN_TENSORRT = """
Bernoulli Compress ConcatFromSequence ConvInteger Det DynamicQuantizeLinear ImageDecoder MatMulInteger
MaxRoiPool MaxUnpool MelWeightMatrix Multinomial NegativeLogLikelihoodLoss Optional OptionalGetElement
OptionalHasElement QLinearConv QLinearMatMul SequenceAt SequenceConstruct SequenceEmpty SequenceErase
SequenceInsert SequenceLength SequenceMap SoftmaxCrossEntropyLoss SplitToSequence StringConcat
StringNormalizer StringSplit TfIdfVectorizer Unique
"""
_IN_COREML = """
Add ArgMax AveragePool Cast Ceil Clip Concat Constant Conv ConvTranspose Cos DepthToSpace Div Elu Erf Exp
GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool GridSample GroupNormalization HardSigmoid Identity
InstanceNormalization LayerNormalization LeakyRelu MatMul Max MaxPool Mul PRelu Pow Range Reciprocal
ReduceMax ReduceMean ReduceSum Relu Reshape Resize Round Shape Sigmoid Sin Slice Softmax Softplus Split
Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze
"""
NOT_IN_TENSORRT = frozenset(_NOT_IN_TENSORRT.split())
IN_COREML = frozenset(_IN_COREML.split())
_OPENVINO_LISTS = re.compile(
    r"^-- (?:No conversion rule|Conversion is failed).*?: (.*)$", re.MULTILINE
)
_SHOWN = 5


@dataclass(frozen=True)
class Obstacle:
    """An operator that a runtime does not have: how many layers use it, and the first of them."""

    operator: str
    count: int
    layers: tuple[str, ...]


@dataclass(frozen=True)
class BackendReport:
    """Whether a runtime takes a model.

    ``runs`` is None where that cannot be told; ``how`` it was found out, ``why`` it does not.
    """

    backend: str
    runs: bool | None
    how: Literal["tried", "documented", "not installed", "format"]
    why: str | None = None
    obstacles: tuple[Obstacle, ...] = ()


def backend_reports(path: Path, found: Inspection) -> list[BackendReport]:
    """Whether each runtime takes the model of ``path``, which was inspected."""
    if found.format == "torch":
        note = next(iter(found.notes), None)
        runs = BackendReport("torch", None if note else True, "tried", note)
        return [runs, *_other_format(found, ("onnxruntime", "openvino", "tensorrt", "coreml"))]
    tried = {"openvino": _try_openvino}
    if found.format == "onnx":
        tried = {"onnxruntime": _try_onnxruntime, **tried}
    reports = [_attempt(name, attempt, path, found) for name, attempt in tried.items()]
    if found.format == "onnx":
        return [*reports, _tensorrt(path, found), _coreml(found), *_other_format(found, ("torch",))]
    return [*reports, *_other_format(found, ("onnxruntime", "tensorrt", "coreml", "torch"))]


def _other_format(found: Inspection, backends: Iterable[str]) -> list[BackendReport]:
    names = {"onnx": "ONNX", "openvino": "OpenVINO IR", "torch": "a PyTorch program"}
    why = f"it does not read {names[found.format]}: convert the model with `sightline export`"
    return [BackendReport(backend, False, "format", why) for backend in backends]


def _attempt(
    name: str,
    attempt: Callable[[Path], tuple[str, Sequence[str]] | None],
    path: Path,
    found: Inspection,
) -> BackendReport:
    """Load a model with an installed runtime."""
    try:
        refusal = attempt(path)
    except (EngineUnavailable, ImportError) as exc:
        return BackendReport(name, None, "not installed", str(exc))
    if refusal is None:
        return BackendReport(name, True, "tried")
    why, named = refusal
    return BackendReport(
        name, False, "tried", why, _obstacles(found, lambda op: op in named or _is_foreign(op))
    )


def _is_foreign(operator: str) -> bool:
    """Whether an operator is of a domain that neither ONNX nor ONNX Runtime has."""
    return "." in operator and not operator.startswith(("ai.onnx.", "com.microsoft"))


def _try_onnxruntime(path: Path) -> tuple[str, Sequence[str]] | None:
    """Why ONNX Runtime refuses a model, and the words of its message: operators are among them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # noqa: BLE001 - its exceptions share no base but this one
        said = str(exc).strip().splitlines()[0]
        words = {word.replace(":", ".") for word in re.findall(r"[\w.]+(?::\w+)?", said)}
        return said, sorted(words | {word.rpartition(".")[2] for word in words})
    return None


def _try_openvino(path: Path) -> tuple[str, Sequence[str]] | None:
    """Why OpenVINO refuses a model, and the operators that it cannot convert."""
    from sightline.engines.openvino_ import shared_core

    core = shared_core()
    try:
        core.compile_model(core.read_model(str(path)), "CPU")
    except RuntimeError as exc:
        listed = [name for line in _OPENVINO_LISTS.findall(str(exc)) for name in line.split(", ")]
        if listed:
            plain = [re.sub(r"-\d+$", "", name.strip()) for name in listed]
            return f"it cannot convert {', '.join(plain)}", plain
        lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
        telling = [li for li in lines if not li.startswith(("Exception from", "Check '"))]
        return (telling or lines or [type(exc).__name__])[0], ()
    return None


def _tensorrt(path: Path, found: Inspection) -> BackendReport:
    """What TensorRT's parser says where it is installed and has a device, else what it documents.

    Plugins have names and domains of their own.
    """
    try:
        refusal = _try_tensorrt(path)
    except EngineUnavailable:
        return _documented_by_tensorrt(found)
    if refusal is None:
        return BackendReport("tensorrt", True, "tried")
    why, named = refusal
    obstacles = _obstacles(found, lambda op: op.rpartition(".")[2] in named)
    return BackendReport("tensorrt", False, "tried", why, obstacles)


def _try_tensorrt(path: Path) -> tuple[str, Sequence[str]] | None:
    """Let TensorRT read a model, without building an engine. Raises EngineUnavailable."""
    from sightline.engines.tensorrt.builder import Build
    from sightline.engines.tensorrt.cuda import CudaDevice
    from sightline.engines.tensorrt.graph import buildable
    from sightline.engines.tensorrt.library import major_version, tensorrt_library
    from sightline.engines.tensorrt.options import BuildOptions
    from sightline.types import Normalization

    trt, device = tensorrt_library(), CudaDevice()
    device.use()
    how = BuildOptions(precision="fp32")
    try:
        graph = buildable(path, Normalization(), how, major_version(trt), path.name)
    except ModelError as exc:
        return str(exc), ()
    problems = Build(trt, device, graph, how).problems()
    if not problems:
        return None
    return "; ".join(dict.fromkeys(map(str, problems))), [problem.operator for problem in problems]


def _documented_by_tensorrt(found: Inspection) -> BackendReport:
    obstacles = _obstacles(
        found, lambda op: op in NOT_IN_TENSORRT or ("." in op and "TRT" not in op.upper())
    )
    if obstacles:
        return BackendReport("tensorrt", False, "documented", "it lacks operators", obstacles)
    return BackendReport("tensorrt", None, "documented", "no operator that it is known to lack")


def _coreml(found: Inspection) -> BackendReport:
    """What ONNX Runtime's Core ML provider would leave to the processor."""
    obstacles = _obstacles(found, lambda op: op not in IN_COREML)
    if obstacles:
        why = "the Core ML provider of ONNX Runtime leaves these operators to the processor"
        return BackendReport("coreml", False, "documented", why, obstacles)
    return BackendReport("coreml", None, "documented", "it documents every operator")


def _obstacles(found: Inspection, lacks: Callable[[str], bool]) -> tuple[Obstacle, ...]:
    layers: dict[str, list[str]] = {}
    for layer in found.layers:
        if lacks(layer.operator):
            layers.setdefault(layer.operator, []).append(layer.name)
    return tuple(
        Obstacle(operator, len(names), tuple(names[:_SHOWN])) for operator, names in layers.items()
    )

"""Engines of TensorRT, built of ONNX models for the GPU of this computer."""

from __future__ import annotations

from sightline.engines.tensorrt.builder import Build
from sightline.engines.tensorrt.cuda import CudaDevice
from sightline.engines.tensorrt.graph import buildable
from sightline.engines.tensorrt.library import major_version, tensorrt_library
from sightline.engines.tensorrt.options import BuildOptions
from sightline.engines.tensorrt.records import built_engine
from sightline.errors import ConfigError
from sightline.optimize.export.request import EngineBuild, ExportRequest
from sightline.plan_file import with_record
from sightline.whole_files import write_whole


def write_engine(request: ExportRequest) -> None:
    """Write an .engine, which tells how it was built, or a .plan as TensorRT's own tools read it.

    It takes uint8 (N, H, W, 3) and normalises them. One that was built of the same before is taken from the
    cache's folder.

    Raises:
        EngineUnavailable: TensorRT or CUDA is not here.
        ModelError: an operator is not supported, and it is named with its layer; or no kernel is found.
        ConfigError: this device or version cannot do what is asked for.
        SinkError: the file cannot be written.
    """
    trt, device = tensorrt_library(), CudaDevice()
    device.use()
    file, how = request.source.file, request.build or EngineBuild(BuildOptions())
    assert file is not None, "the table has it made of ONNX files only"
    if request.input_name or request.output_names:
        raise ConfigError(
            "--input-name, --output-names: an engine keeps the names of its ONNX model: give them another name "
            "there, with `sightline export` to .onnx"
        )
    graph = buildable(
        file.content, request.normalization, how.options, major_version(trt), request.source.name
    )
    build = Build(trt, device, graph, how.options, how.cache, how.pictures)
    record, plan = built_engine(
        build, request.normalization, command=how.command, outputs=file.outputs
    )
    bare = request.path.suffix.lower() == ".plan"
    write_whole(request.path, plan if bare else with_record(record, plan))

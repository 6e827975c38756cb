"""INT8 scales by entropy: the range of each layer's values that loses the least information.

The method is TensorRT's (Migacz 2017): ranges are cut so that the histogram of what is left differs least from
the whole one (Kullback and Leibler's divergence). The work is ONNX Runtime's.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sightline.errors import ModelError
from sightline.temporary_files import temporary_folder
from sightline.types import Floats

if TYPE_CHECKING:
    from onnx import ModelProto

LAYERS = ["Conv", "Gemm", "MatMul"]
_BINS = 512


def quantized_by_entropy(
    model: ModelProto, pictures: Iterator[Floats], in_floats: Sequence[str]
) -> Any:
    """A model whose layers with weights compute in INT8, as an ``onnx.ModelProto``.

    Args:
        model: an ``onnx.ModelProto`` with one input, of which every node has a name.
        pictures: what the model itself takes, (1, 3, H, W) each.
        in_floats: names of nodes that stay as they are.

    Raises:
        ModelError: ONNX Runtime cannot quantise the graph.
        SinkError: temporary files cannot be written.
    """
    import onnx
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    with (
        temporary_folder() as folder,
        contextlib.redirect_stdout(io.StringIO()),  # its progress is not the command's results
    ):
        path = folder / "floats.onnx"
        onnx.save(model, str(path))
        try:
            calibrator = create_calibrator(
                path,
                LAYERS,
                str(folder / "observed.onnx"),
                calibrate_method=CalibrationMethod.Entropy,
                extra_options={"num_bins": _BINS, "num_quantized_bins": 128},
            )
            reader = _OnePicture(model.graph.input[0].name)
            for picture in pictures:  # one by one: it keeps all values of what it is handed at once
                reader.picture = picture
                calibrator.collect_data(reader)
            given = onnx.ModelProto()
            given.CopyFrom(model)
            quantizer = QDQQuantizer(
                given, True, False, QuantType.QInt8, QuantType.QUInt8, calibrator.compute_data(),
                [], list(in_floats), LAYERS,
                {"OpTypesToExcludeOutputQuantization": LAYERS, "DedicatedQDQPair": False},
            )  # fmt: skip
            quantizer.quantize_model()
        except (ValueError, RuntimeError, TypeError) as exc:
            raise ModelError(f"ONNX Runtime cannot quantise the model: {exc}") from exc
    return quantizer.model.model


class _OnePicture:
    """Hands one picture out, then nothing until it has another."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.picture: Floats | None = None

    def get_next(self) -> dict[str, Floats] | None:
        """The picture by the input's name, once."""
        picture, self.picture = self.picture, None
        return None if picture is None else {self._name: picture}

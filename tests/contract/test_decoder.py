"""What every model family must do, held against all of the table, with outputs of exported graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from tests import exported_graphs as graphs
from tests.exported_graphs import BOX, CELLS, CENTRE, SCORE, SIZES
from tests.unit.models.test_exports import CASES

from sightline.build import decoders
from sightline.build.models import card_decoder
from sightline.models.card import read_card
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.protocols import Decoder
from sightline.tables import DECODERS
from sightline.types import Detections, Fit, Floats, TensorSpec

pytestmark = pytest.mark.filterwarnings("error")


@dataclass(frozen=True)
class Sample:
    """A family's decoder, and the outputs of one picture as its graph gives them."""

    decoder: Decoder
    outputs: Sequence[Floats]
    specs: Sequence[TensorSpec]
    fit: Fit
    canvas: tuple[int, int]

    def chosen(self) -> list[Floats]:
        """Those outputs that the family reads, in its order; copies."""
        return [self.outputs[i].copy() for i in self.fit.outputs]

    def decode(self, conf: float) -> Detections:
        """The objects of the picture; where outputs are flat, none may mean no picture at all."""
        found = self.decoder.decode(self.chosen(), self.canvas, conf)
        assert len(found) == 1 or (self.fit.flat and not found)
        return found[0] if found else Detections.empty()


def rows(count: int, *values: float, at: int = 3) -> graphs.Graph:
    """One output (1, count, values) with one row that is not zero."""
    output = np.zeros((1, count, len(values)), np.float32)
    output[0, at] = values
    return graphs.answers(output=output)


def own_grid() -> graphs.Graph:
    """YOLOX in cells: offsets and logarithms of sides, in units of the cell (1, 0) of stride 8."""
    x, y, width, height = CENTRE
    return rows(
        CELLS, x / 8 - 1, y / 8, *np.log([width / 8, height / 8]), 1.0, 0.0, SCORE, 0.0, at=1
    )


MORE = {
    "yolov5": lambda: rows(3 * CELLS, *CENTRE, 1.0, 0.0, SCORE, 0.0),
    "yolox": own_grid,
    "yolox-decoded": lambda: rows(CELLS, *CENTRE, 1.0, 0.0, SCORE, 0.0),
    "end-to-end": lambda: rows(50, *BOX, SCORE, 1.0),
    "detr-rows": lambda: rows(50, *(CENTRE / SIZES), 0.0, SCORE, 0.0),
}
"""Families that no exported graph is there for."""


@pytest.fixture(scope="module", params=list(DECODERS))
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    exported = ((graph, card) for _, family, graph, card in CASES if family == request.param)
    plain = f"decoder: {request.param}\nclass_names: [a, b, c]"
    graph, card = (MORE[request.param], plain) if request.param in MORE else next(exported)
    path: Path = graph().save(tmp_path_factory.mktemp("model") / "model.onnx")
    if card:
        path.with_suffix(".yaml").write_text(card)
    reading = read_card(open_model(path), decoders())
    content = reading.file.content
    session = onnxruntime.InferenceSession(content if isinstance(content, bytes) else str(content))
    given = session.get_inputs()[0]
    kind: Any = {"tensor(uint8)": np.uint8, "tensor(float16)": np.float16}.get(
        given.type, np.float32
    )
    dims = [side if isinstance(side, int) else 1 for side in given.shape]
    outputs = [
        np.asarray(o, np.float32) for o in session.run(None, {given.name: np.zeros(dims, kind)})
    ]
    specs = [
        TensorSpec(o.name, tuple(side if isinstance(side, int) else None for side in o.shape))
        for o in session.get_outputs()
    ]
    decoder = card_decoder(reading.card)
    names = [spec.name for spec in specs]
    if reading.card.outputs:
        fit: Fit | None = Fit(
            tuple(names.index(name) for name in reading.card.outputs), flat=reading.flat
        )
    else:
        fit = decoder.fit(specs, reading.card.size)
    assert fit is not None, f"{request.param} does not know the graph of its own example"
    return Sample(decoder, outputs, specs, fit, reading.card.size)


def check(found: Detections, conf: float) -> None:
    n = len(found)
    assert found.boxes.shape == (n, 4)
    assert found.scores.shape == found.class_ids.shape == (n,)
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int64
    assert (found.scores > conf).all()
    assert (found.class_ids >= 0).all()
    assert found.track_ids is None


def test_it_says_what_it_is(sample: Sample) -> None:
    assert isinstance(sample.decoder.overlaps, bool)
    assert isinstance(sample.decoder.resizable, bool)
    assert isinstance(sample.decoder.card, Mapping)
    assert set(sample.decoder.card) <= set(ModelCard.model_fields)


def test_the_object_is_found_and_the_threshold_counts(sample: Sample) -> None:
    found = sample.decode(0.3)
    check(found, 0.3)
    assert len(found) >= 1
    assert found.scores.max() == pytest.approx(SCORE, abs=0.02)
    check(sample.decode(0.85), 0.85)
    assert len(sample.decode(0.85)) == 1
    assert len(sample.decode(0.95)) == len(sample.decode(1.0)) == 0


def test_boxes_are_in_canvas_pixels(sample: Sample) -> None:
    found = sample.decode(0.3)
    box = found.boxes[int(found.scores.argmax())]
    assert box == pytest.approx(BOX, abs=1.0)


def test_results_are_copies_of_the_runtime_s_memory(sample: Sample) -> None:
    outputs = sample.chosen()
    (found,) = sample.decoder.decode(outputs, sample.canvas, 0.3)
    before = [found.boxes.copy(), found.scores.copy(), found.class_ids.copy()]
    for array in outputs:
        array[:] = 0.5  # the next inference writes here
    for kept, now in zip(before, (found.boxes, found.scores, found.class_ids), strict=True):
        assert (kept == now).all()


def test_outputs_are_only_read(sample: Sample) -> None:
    outputs = sample.chosen()
    for array in outputs:
        array.flags.writeable = False
    check(sample.decoder.decode(outputs, sample.canvas, 0.3)[0], 0.3)


STRANGE: list[list[tuple[int | None, ...]]] = [
    [], [()], [(1,)], [(1, 1000)], [(None, None)], [(1, 84, 8401)], [(1, 3, 7, 11)], [(None,) * 3] * 5,
]  # fmt: skip


@pytest.mark.parametrize("shapes", STRANGE, ids=str)
def test_other_shapes_are_no_error(sample: Sample, shapes: list[tuple[int | None, ...]]) -> None:
    given = [TensorSpec(f"x{i}", shape) for i, shape in enumerate(shapes)]
    fit = sample.decoder.fit(given, sample.canvas)
    assert fit is None or isinstance(fit, Fit)
    if fit is not None:
        assert all(0 <= index < len(given) for index in fit.outputs)


def test_open_batches_fit_too(sample: Sample) -> None:
    """The first dimension is often open, and says nothing of the family."""
    if any(len(spec.shape) < 2 or spec.shape[0] != 1 for spec in sample.specs):
        pytest.skip("its outputs have no row for each picture")
    opened = [TensorSpec(s.name, (None, *s.shape[1:]), s.dtype) for s in sample.specs]
    fit = sample.decoder.fit(opened, sample.canvas)
    assert fit is not None
    assert fit.outputs == sample.fit.outputs

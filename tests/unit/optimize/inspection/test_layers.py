"""What follows from layers, whatever file they come from."""

from __future__ import annotations

from sightline.optimize.inspection.layers import MOST_METADATA, Inspection, Layer, Weight, shortened


def inspection(*layers: Layer) -> Inspection:
    return Inspection("onnx", "", {}, {}, (), (), layers, size_bytes=1000, at=None)


def test_the_work_is_not_known_where_one_layer_is_not() -> None:
    known = Layer("a", "Conv", macs=10, counted=True)
    assert inspection(known, Layer("r", "Relu")).macs == 10
    assert inspection(known, Layer("b", "Conv", counted=True)).macs is None
    assert inspection(Layer("r", "Relu")).macs is None


def test_operators_are_sorted_by_work_and_layers_by_parameters() -> None:
    small = Layer("small", "Conv", (Weight((4, 3, 1, 1), 32, True),), 1000, counted=True)
    large = Layer("large", "Gather", (Weight((100, 8), 32, True),))
    found = inspection(Layer("r", "Relu"), large, small)
    assert [row.operator for row in found.operators()] == ["Conv", "Gather", "Relu"]
    assert [layer.name for layer in found.largest()] == ["large", "small"]
    assert found.size_at("fp16") == 1624  # half of the weights, which are all of the file


def test_a_model_without_weights_has_no_sizes() -> None:
    assert inspection(Layer("r", "Relu")).size_at("fp16") is None


def test_long_metadata_is_cut() -> None:
    assert shortened({"k": "x" * 10_000})["k"] == "x" * MOST_METADATA + "…"
    assert shortened({"k": "short"}) == {"k": "short"}

"""What sinks see of a frame."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.types import Classification, Detections, Frame, Label, Observation, Picture


class Grey:
    width, height = 8, 6

    def scaled(
        self, width: int, height: int, order: str, out: np.ndarray | None = None
    ) -> np.ndarray:
        made = np.empty((height, width, 3), np.uint8) if out is None else out
        made[:] = 9
        return made


PICTURE: Picture = Grey()
FRAME = Frame("bus.jpg", 12, 0.48, 0.0, PICTURE)
CAR = Detections(
    np.array([[1, 1, 5, 5]], np.float32), np.array([0.9], np.float32), np.array([2]),
    class_names=("person", "bicycle", "car"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        pytest.param(
            [("kind", "minibus", 0.834), ("kind", "van", 0.07)],
            "bus.jpg: minibus 0.83, van 0.07",
            id="one attribute",
        ),
        pytest.param(
            [("kind", "van", 0.8), ("colour", "red", 0.9), ("kind", "bus", 0.1)],
            "bus.jpg: kind van 0.80, bus 0.10; colour red 0.90",
            id="several are named",
        ),
        pytest.param([], "bus.jpg: nothing that is likely enough", id="nothing"),
    ],
)
def test_a_classification_in_words(labels: list[tuple[str, str, float]], told: str) -> None:
    found = Classification(FRAME, tuple(Label(*label) for label in labels))
    assert str(found) == told
    assert repr(found) == f"<Classification: {told}>"


def test_parts_that_are_missing_are_collected() -> None:
    seen = Observation(FRAME, Detections.empty())
    assert seen.skipped is None
    late = seen.without("classify", "late")
    both = late.without("detect", "still")
    assert dict(both.missing) == {"classify": "late", "detect": "still"}
    assert both.skipped == "still"
    assert (late.skipped, dict(seen.missing)) == (None, {})


@pytest.mark.parametrize(("predicted", "word"), [(False, ""), (True, " (predicted)")])
def test_an_observation_in_words(predicted: bool, word: str) -> None:
    text = str(Observation(FRAME, CAR, predicted=predicted))
    assert text.startswith(f"frame 12 at 0.48 s{word}: 1 object: 1 car")
    assert repr(Observation(FRAME, CAR)).startswith("<Observation: frame 12")


def test_a_plot_leaves_the_picture_as_it_is() -> None:
    pytest.importorskip("supervision")
    seen = Observation(FRAME, CAR)
    plot = seen.plot()
    assert plot.shape == FRAME.image.shape
    assert (plot != FRAME.image).any()
    assert (FRAME.image == 9).all()


@pytest.mark.parametrize("name", ["boxes", "detection", "bananas"])
def test_words_that_it_has_not(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(Observation(FRAME, CAR), name)

"""What is packed: a detector, or a model of crops, and how variants of it are looked at, compared and timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from sightline.build.models import detector
from sightline.build.toolchain.crops import crop_model
from sightline.build.toolchain.served_crops import ServedCropModel
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.geometry import iou_matrix
from sightline.protocols import Engine, SharedDetector
from sightline.types import Detections, Floats, Frame, JsonObject

if TYPE_CHECKING:
    from sightline.models.model_card import ModelCard
    from sightline.optimize.variants.pictures import NetworkPictures

LOWEST_CONF = 0.05
"""The score down to which objects are found where variants are compared."""

SURE = 0.5
"""The score of an object, or of a name, that must be found on the machine, too."""

SAME = 0.7
"""The overlap (IoU, of keypoints OKS) from which an object is the one that was found where the package was made."""

SAME_COSINE = 0.98
"""The cosine from which a vector is the one that was made there."""

TIMED_S, WARM_UP_S = 1.0, 3.0

ShareKept: TypeAlias = Callable[[Engine], float]
"""The share of what the original says that a variant of its network keeps."""


class PackedSubject(Protocol):
    """A model of some task, and the frames that its variants are looked at on."""

    def answers(self, options: ModelOptions) -> Sequence[Any]:
        """What the model of these options says of the frames."""

    def kept(self, found: Sequence[Any], reference: Sequence[Any]) -> float:
        """The share of what a reference is sure of that was found. Raises ConfigError: it is sure of nothing."""

    def latency_ms(self, options: ModelOptions) -> float:
        """The median time of one inference of a picture, one after another."""

    @contextmanager
    def recorded(self, options: ModelOptions, pictures: NetworkPictures) -> Iterator[ShareKept]:
        """Keep what the network is given, and tell what its variants keep."""

    def sample(self, options: ModelOptions) -> tuple[Frame, Sequence[JsonObject]]:
        """The frame that tells most, and what must be said of it on the machine."""

    def lost(
        self, options: ModelOptions, frame: Frame, expected: Sequence[Any]
    ) -> list[Mapping[str, Any]]:
        """Those of the expected answers of a frame that are not given."""


class DetectorSubject:
    """A detector.

    Args:
        frames: that variants are compared on.
        card: of the model.
    """

    def __init__(self, frames: Sequence[Frame], card: ModelCard | None = None) -> None:
        self._frames = frames
        self._names = card.class_names if card else ()

    def answers(self, options: ModelOptions) -> list[Detections]:
        """All that is found in the frames, down to very low scores."""
        return _found_objects(options, self._frames)

    def kept(self, found: Sequence[Detections], reference: Sequence[Detections]) -> float:
        """The lowest of the share of the reference's sure objects that are found, the share of what was surely
        found that the reference finds, too, and how much alike their masks, turned boxes and keypoints are."""
        from sightline.evaluation.agreement import score_agreement

        scores = score_agreement(found, reference, self._names)
        if not scores.count:
            raise _sure_of_nothing("footage with objects of its classes")
        others = score_agreement(reference, found, self._names)
        right = others.recall if others.count else 1.0
        return min(scores.recall, right, *scores.shapes.values())

    def latency_ms(self, options: ModelOptions) -> float:
        """See ``PackedSubject``."""
        with closing(detector(options)) as built:
            assert isinstance(built, SharedDetector)
            (engine,) = built.engines
            (shape,) = built.batches((self._frames[0].width, self._frames[0].height))
            return _median_ms(engine, shape)

    @contextmanager
    def recorded(self, options: ModelOptions, pictures: NetworkPictures) -> Iterator[ShareKept]:
        """See ``PackedSubject``."""
        from sightline.optimize.variants.pictures import RecordingDetector, detect_again

        low = options.model_copy(update={"conf": LOWEST_CONF})
        with closing(detector(low)) as built:
            assert isinstance(built, SharedDetector)
            lent = built
            reference = RecordingDetector(lent, pictures).submit(self._frames).result()
            yield lambda engine: self.kept(
                list(detect_again(lent, engine, pictures, range(len(pictures)))), reference
            )

    def sample(self, options: ModelOptions) -> tuple[Frame, Sequence[JsonObject]]:
        """See ``PackedSubject``."""
        found = [one[one.scores >= SURE] for one in self.answers(options)]
        best = max(range(len(found)), key=lambda place: len(found[place]))
        return self._frames[best], found[best].to_dict()

    def lost(
        self, options: ModelOptions, frame: Frame, expected: Sequence[Any]
    ) -> list[Mapping[str, Any]]:
        """See ``PackedSubject``."""
        (found,) = _found_objects(options, [frame])
        wanted = _described(expected)
        return [
            one for row, one in enumerate(expected) if not _is_among(wanted[row : row + 1], found)
        ]


class CropSubject:
    """A classifier or an embedder.

    Args:
        frames: that variants are compared on.
        boxes: what it is shown of each frame, (N, 4) xyxy.
        card: of the model.
    """

    def __init__(self, frames: Sequence[Frame], boxes: Sequence[Floats], card: ModelCard) -> None:
        from sightline.models.crops import cut

        self._frames, self._boxes, self._card = frames, boxes, card
        self._cut = [
            (pixels, frame)
            for frame, some in zip(frames, boxes, strict=True)
            for pixels in cut(frame, some, card)
        ]

    def answers(self, options: ModelOptions) -> list[Floats]:
        """Probabilities (N, values) of each attribute, or vectors (N, length), of all that is shown."""
        from sightline.optimize.variants.crops import crop_answers
        from sightline.optimize.variants.pictures import NetworkPictures

        with closing(crop_model(options, self._card)) as model, closing(NetworkPictures()) as kept:
            self._keep(kept)
            return crop_answers(model, None, kept, range(len(kept)))

    def kept(self, found: Sequence[Floats], reference: Sequence[Floats]) -> float:
        """The share of the reference's sure names (classifiers), or the mean cosine or the share (embedders)
        of nearest pictures, whichever is lower."""
        from sightline.evaluation.retrieval import compare_vectors
        from sightline.optimize.variants.crops import sure_scores

        if self._card.task == "embed":
            agreement = compare_vectors(found[0], reference[0])
            return min(agreement.cosine, agreement.nearest)
        scores = sure_scores(self._card, found, reference)
        told = [one.accuracy for one in scores.values() if one.count]
        if not told:
            raise _sure_of_nothing("footage that it was made for")
        return min(told)

    def latency_ms(self, options: ModelOptions) -> float:
        """See ``PackedSubject``."""
        width, height = self._card.size
        with closing(crop_model(options, self._card)) as built:
            return _median_ms(built.engine, (1, height, width))

    @contextmanager
    def recorded(self, options: ModelOptions, pictures: NetworkPictures) -> Iterator[ShareKept]:
        """See ``PackedSubject``."""
        from sightline.optimize.variants.crops import crop_answers

        self._keep(pictures)
        with closing(crop_model(options, self._card)) as model:
            lent, places = model, range(len(pictures))
            reference = crop_answers(lent, None, pictures, places)
            yield lambda engine: self.kept(crop_answers(lent, engine, pictures, places), reference)

    def sample(self, options: ModelOptions) -> tuple[Frame, Sequence[JsonObject]]:
        """See ``PackedSubject``."""
        best = max(range(len(self._frames)), key=lambda place: len(self._boxes[place]))
        frame = self._frames[best]
        with closing(ServedCropModel(crop_model(options, self._card))) as served:
            told = served.answer(frame, self._boxes[best]).objects
        return frame, told if self._card.task == "embed" else [_sure_labels(one) for one in told]

    def lost(
        self, options: ModelOptions, frame: Frame, expected: Sequence[Any]
    ) -> list[Mapping[str, Any]]:
        """See ``PackedSubject``."""
        boxes = np.array([one["box"] for one in expected], np.float32).reshape(-1, 4)
        with closing(ServedCropModel(crop_model(options, self._card))) as served:
            told = served.answer(frame, boxes).objects
        both = zip(expected, told, strict=True)
        return [wanted for wanted, got in both if not _says_the_same(wanted, got)]

    def _keep(self, pictures: NetworkPictures) -> None:
        for pixels, frame in self._cut:
            pictures.add(pixels, (frame.width, frame.height))


def _says_the_same(wanted: Mapping[str, Any], got: Mapping[str, Any]) -> bool:
    if "vector" in wanted:
        return bool(np.dot(wanted["vector"], got["vector"]) >= SAME_COSINE)
    likeliest: dict[str, str] = {}
    for label in got["labels"]:
        likeliest.setdefault(label["attribute"], label["value"])
    return all(likeliest.get(one["attribute"]) == one["value"] for one in wanted["labels"])


def _sure_labels(told: Mapping[str, Any]) -> JsonObject:
    """An object with the likeliest name of each attribute, where that is sure."""
    first: dict[str, Any] = {}
    for label in told["labels"]:
        first.setdefault(label["attribute"], label)
    return {**told, "labels": [label for label in first.values() if label["score"] >= SURE]}


def _sure_of_nothing(remedy: str) -> ConfigError:
    return ConfigError(
        "--data: the model is sure of nothing in it, so that nothing tells what variants lose: give "
        f"{remedy}"
    )


def _found_objects(options: ModelOptions, frames: Sequence[Frame]) -> list[Detections]:
    """Raises InferenceError: an output of the network is not a number."""
    from sightline.optimize.variants.finite import FiniteEngine

    with closing(detector(options.model_copy(update={"conf": LOWEST_CONF}))) as built:
        assert isinstance(built, SharedDetector)
        checked = built.with_engines(FiniteEngine)
        return [checked.submit([frame]).result()[0] for frame in frames]


def _median_ms(engine: Engine, shape: tuple[int, int, int]) -> float:
    from sightline.optimize.benchmarks.timing import TimedRuns

    runs = TimedRuns(engine, shape)
    runs.warm_up(WARM_UP_S)
    return median(runs.latencies_ms(TIMED_S))


def _described(expected: Sequence[Any]) -> Detections:
    """The objects of a manifest."""
    from sightline.evaluation.pictures.found_shapes import fields_of, read_shape

    angles = [one["angle"] for one in expected if "angle" in one]
    return Detections(
        np.array([one["box"] for one in expected], np.float32).reshape(-1, 4),
        np.ones(len(expected), np.float32),
        np.array([one["class_id"] for one in expected], np.int64),
        angles=np.array(angles, np.float32) if angles else None,
        **fields_of([read_shape(one) for one in expected]),
    )


def _is_among(expected: Detections, found: Detections) -> bool:
    """Whether an object of the manifest is found: of its class, at its place, with its mask and keypoints."""
    from sightline.evaluation.shape_agreement import shape_likeness

    same = found[found.class_ids == expected.class_ids[0]]
    if not len(same):
        return False
    overlaps = iou_matrix(expected.boxes, same.boxes)[0]
    nearest = int(overlaps.argmax())
    shapes = shape_likeness(expected, same[nearest : nearest + 1])
    alike = [float(values[0]) for values in shapes.values() if not np.isnan(values[0])]
    return min([float(overlaps[nearest]), *alike]) >= SAME

"""Every seam of Sightline, on one page. A wrapper has the signature of what it wraps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol, Self, TypeVar, runtime_checkable

from sightline.types import (
    Detections,
    EmbedderInfo,
    EngineInfo,
    Event,
    Fit,
    Floats,
    Frame,
    Ints,
    Label,
    Observation,
    Pixels,
    RunState,
    SourceStatus,
    StreamInfo,
    TensorSpec,
)

T = TypeVar("T")


class Source(Protocol):
    """Frames of one stream, in order. Iterated once, by one thread; ``close`` from any thread."""

    def open(self) -> StreamInfo:
        """Open it and say what it is; called again, say the same. Raises SourceError.

        Live sources do not wait for ever.
        """

    def __iter__(self) -> Iterator[Frame]:
        """Yield good frames; raise SourceError after the last one when the source broke."""

    @property
    def status(self) -> SourceStatus:
        """How the source fares: its state, and frames read and dropped by reason."""

    def close(self) -> None:
        """Stop and free everything. A running iteration ends soon. Idempotent."""


class Engine(Protocol):
    """A tensor runtime: uint8 NHWC batch in, float arrays out. Knows no boxes."""

    @property
    def info(self) -> EngineInfo:
        """What the runtime and the model are: device, precision, input and outputs."""

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """Run one batch of ``shape`` (N, H, W) and return at once.

        Waits for a free request, lets ``fill`` write (N, H, W, C) uint8 straight into its input
        memory, runs it, and hands the outputs to ``read``; the arrays are the request's own memory
        and are valid only until ``read`` returns. The future holds what ``read`` returned, or the
        first failure (InferenceError, or what ``fill`` or ``read`` raised). Its callbacks run in
        the engine's threads, so they must neither submit nor close.
        """

    def close(self) -> None:
        """Wait for what is in flight, then free everything. Idempotent."""


class Decoder(Protocol):
    """Turns one model family's arrays into objects. Knows no runtime."""

    overlaps: bool
    """Several candidates per object come out, so that NMS must follow."""
    resizable: bool
    """A graph of this family may be given another input size when its output shapes follow."""
    card: Mapping[str, object]
    """What a model card of this family says where nothing else is known."""

    def fit(self, outputs: Sequence[TensorSpec], canvas: tuple[int, int]) -> Fit | None:
        """How a model's outputs fit this family for a ``canvas`` (width, height), or None.

        Their shapes and, where shapes do not tell, their names and types decide. Open dimensions are
        None; a shape that is not known at all is ``()``. There are no outputs where a file does not
        tell them, and its card names the family.
        """

    def decode(
        self, outputs: Sequence[Floats], canvas: tuple[int, int], conf: float
    ) -> list[Detections]:
        """Candidates with a score above ``conf`` of each picture, in canvas pixels.

        ``outputs`` are those that ``fit`` chose, in its order. Where they are flat, pictures after
        the last one with an object may be missing.
        """


class Detector(Protocol):
    """Finds objects. Built around an Engine that it is handed, or around another Detector."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in a batch of frames; waits only while too much is in flight already."""

    def close(self) -> None:
        """Finish what is in flight, then free the engine. Idempotent."""


@runtime_checkable
class UsesEngines(Protocol):
    """What a detector, classifier or embedder offers that is built around engines."""

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """The same model, with ``wrap`` of each of its engines: one behind a scheduler, say.

        Cheap: it is called for each frame. Only one of the two may be closed.
        """


@runtime_checkable
class AdjustableDetector(Detector, Protocol):
    """A Detector whose thresholds and classes may differ from call to call."""

    def replaced(
        self,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
    ) -> Self:
        """The same detector, on the same engine, with these instead of its own.

        Raises ConfigError: a class has no such name. Only one of the two may be closed.
        """


@runtime_checkable
class SharedDetector(AdjustableDetector, UsesEngines, Protocol):
    """A Detector whose engines others run: a scheduler for many callers, or a benchmark.

    A detector around detectors has the engines of all of them, in a lasting order.
    """

    @property
    def engines(self) -> Sequence[Engine]:
        """Its engines; ``with_engines`` calls ``wrap`` once for each, in this order."""

    @property
    def max_batch(self) -> int | None:
        """The most pictures that each engine takes at a time; None: any number."""

    def batches(self, source: tuple[int, int]) -> Sequence[tuple[int, int, int]]:
        """What each engine runs for one source picture (width, height): (N, height, width)."""

    def with_aspects(self, aspects: Sequence[tuple[int, int]]) -> Self:
        """The same detector, whose engines run few input sizes: those of pictures of ``aspects``
        (width, height). A picture of another shape is padded to one of them."""


@runtime_checkable
class TrackableDetector(AdjustableDetector, Protocol):
    """A Detector that says which thresholds suit a tracker of its objects."""

    conf: float
    """The lowest score of what it finds."""

    @property
    def tracker_options(self) -> Mapping[str, object] | None:
        """Options of trackers that suit its scores; None: those that follow from ``conf``."""

    @property
    def embedder(self) -> str | None:
        """The name of the embedder that was trained for its objects, if any."""


@runtime_checkable
class SizedDetector(Detector, Protocol):
    """A Detector that shows pictures to its network at a size that can be told."""

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        """The input (width, height) for a source picture (width, height)."""


class Classifier(Protocol):
    """Names what single objects of a frame are like. Built around an Engine that it is handed."""

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """The names that each attribute may have."""

    def submit(self, frame: Frame, boxes: Floats) -> Future[list[tuple[Label, ...]]]:
        """Labels of each box (N, 4) xyxy of the frame; what is too uncertain is left out."""

    def scores(self, frame: Frame, boxes: Floats) -> Future[list[Floats]]:
        """The probabilities (N, values) of each attribute's values for each box (N, 4) xyxy."""

    def labels(self, scores: Sequence[Floats]) -> list[tuple[Label, ...]]:
        """Labels of each row of ``scores``, as ``submit`` gives them."""

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``."""

    def close(self) -> None:
        """Finish what is in flight, then free the engine. Idempotent."""


class Embedder(Protocol):
    """Says what single objects of a frame look like. Built around an Engine that it is handed."""

    dimensions: int
    """Length of the vectors."""

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        """Vectors (N, dimensions) of length 1, one for each box (N, 4) xyxy of the frame."""

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """See ``UsesEngines``."""

    def close(self) -> None:
        """Finish what is in flight, then free the engine. Idempotent."""


class IdentifiedEmbedder(Embedder, Protocol):
    """An Embedder whose vectors are kept, and compared later with others of the same embedder."""

    info: EmbedderInfo


class VectorIndex(Protocol):
    """Finds the vectors that are most like others. Not safe for several threads at once."""

    dimensions: int

    def __len__(self) -> int: ...
    @property
    def keys(self) -> Ints:
        """(N,) int64: the keys of all vectors, in any order."""

    def add(self, keys: Ints, vectors: Floats) -> None:
        """Add vectors (N, dimensions) float32 of length 1 under new keys (N,) int64.

        Raises ValueError: the shapes do not fit, or a key is there already.
        """

    def remove(self, keys: Ints) -> None:
        """Forget the vectors of these keys; those that are not there are passed over."""

    def search(
        self, vectors: Floats, count: int, among: Ints | None = None
    ) -> list[tuple[Ints, Floats]]:
        """The ``count`` most alike of each vector (Q, dimensions): keys and cosines, the best first.

        They are float32, of length 1. There are fewer where there are no more; ``among`` are the only
        keys that are looked at. Raises ValueError: the vectors have another length.
        """


@runtime_checkable
class Tracker(Protocol):
    """Gives objects lasting ids. One instance per stream; the ids belong to the instance."""

    def update(self, detections: Detections, time: float | None = None) -> Detections:
        """The tracked objects of the next frame, with ``track_ids``. ``time`` is stream seconds."""

    def predict(self, time: float | None = None) -> Detections:
        """Where the tracked objects are by now, for a frame on which nothing was detected."""

    def reset(self) -> None:
        """Forget all objects. Ids go on: one instance never gives an id twice."""


@runtime_checkable
class FrameTracker(Tracker, Protocol):
    """A Tracker that may be handed the frame itself, where others are handed its time."""

    takes_frames: bool
    """Whether it wants them: it looks at their pictures."""

    def update(self, detections: Detections, time: float | Frame | None = None) -> Detections:
        """As a Tracker's; the time of a frame is its own."""

    def predict(self, time: float | Frame | None = None) -> Detections:
        """As a Tracker's."""


@runtime_checkable
class AppearanceTracker(Tracker, Protocol):
    """A Tracker that knows objects again by their looks: it is handed detections with ``embeddings``."""

    embedder: Embedder | None
    """Makes them; None: whoever hands over the detections has one."""

    @property
    def embeds_from(self) -> float:
        """The lowest score of a detection whose vector it uses."""


class Analyzer(Protocol):
    """Turns tracked objects into events. One instance per stream."""

    def analyze(self, observation: Observation) -> Sequence[Event]:
        """What has happened by this frame; nothing is ``()``."""


@runtime_checkable
class Stage(Protocol[T]):
    """One step of a stream's pipeline: it adds to what is known of each frame. One instance per stream.

    Frames come in order, in both methods. ``submit`` may be called for later frames before ``settle``
    for earlier ones, and in another thread.
    """

    name: str
    """What the stage does, as statistics and ``Observation.missing`` call it: ``detect``."""

    def submit(self, seen: Observation) -> Future[T] | None:
        """Begin with the next frame and return at once; None: there is nothing to wait for.

        Raises Overloaded where nobody has time for it: it is called again for a frame of a file.
        """

    def settle(self, seen: Observation, found: T | None) -> Observation:
        """The observation with what this stage adds.

        ``found`` is what the future held. It is None where nothing was begun, and where it came to
        nothing: ``seen.missing`` then says why. Raises SightlineError: the stream ends.
        """


class Sink(Protocol):
    """Takes observations out of the process. Safe to share between streams unless it says so."""

    def open(self, stream: StreamInfo) -> None:
        """Called once for each stream before its first observation. Raises SinkError."""

    def write(self, observation: Observation) -> None:
        """Take one observation; may return before it is stored. Raises SinkError."""

    def close(self) -> None:
        """Make everything that was written valid and lasting. Idempotent. Raises SinkError."""


@runtime_checkable
class Rotating(Protocol):
    """What a sink offers whose files may be removed, renamed or rotated by others."""

    lost: int
    """Observations that went to a file that was removed, and could not be kept."""

    def reopen(self) -> None:
        """End the file soon, and begin or go on with the one at the path. From any thread or signal."""


@runtime_checkable
class RecordsRun(Protocol):
    """What a sink offers that keeps how the run ended."""

    state: RunState
    """Set before ``close`` by whoever runs it."""


class Meter(Protocol):
    """Told of what happens by the parts that do it, as they do it. Cheap; from any thread."""

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        """An engine ran one batch; ``error`` is the exception's class name where it failed."""

    def queued(self, model: str, priority: str, seconds: float) -> None:
        """An item left the queue to be run, after so long."""

    def refused(self, model: str, priority: str, reason: str) -> None:
        """An item was not run: ``overloaded``, ``deadline``, ``stale`` or ``cancelled``."""

    def detected(self, stream: str, detections: Detections) -> None:
        """A frame of a stream was analysed."""


class RunsThreads(Protocol):
    """Owns threads that must end before the interpreter does, and that a fork does not copy."""

    def end_threads(self, deadline: float) -> None:
        """The interpreter ends: wait for the threads until ``deadline`` (monotonic) at most."""

    def after_fork(self) -> None:
        """This is the copy in a forked child: no thread runs, and no lock can be trusted.

        From now on every call must work again, or fail at once; none may wait for a thread.
        """

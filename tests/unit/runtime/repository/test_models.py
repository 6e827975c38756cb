"""The models of a service: loaded, exchanged, unloaded; and what their state tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import build
from sightline.config import EngineOptions, LimitOptions, ModelOptions, SchedulerOptions
from sightline.errors import Conflict, ModelError, NotFound
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.repository.served_model import ASPECTS, ExpectedUse
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.serving.kserve.open_inference import OpenInference

NAMES = {"names": "['person', 'car']"}


@pytest.fixture
def files(constant_model: Callable[..., Path]) -> dict[str, Path]:
    rows = np.zeros((1, 25, 6), np.float32)
    return {
        name: constant_model([rows], name=name, batch="batch", metadata=NAMES)
        for name in ("street", "yard")
    }


def make_detector(files: dict[str, Path], name: str) -> Any:
    engine = EngineOptions(requests=1, threads=1)
    options = ModelOptions(model=str(files[name]), backend="onnxruntime", engine=engine)
    return build.detector(options)


@pytest.fixture
def repository(files: dict[str, Path]) -> Iterator[ModelRepository]:
    scheduler = Scheduler(SchedulerOptions())
    made = ModelRepository(scheduler, partial(make_detector, files), list(files), cold=files)
    yield made
    made.close()
    scheduler.close()


def test_names(repository: ModelRepository) -> None:
    assert not repository.ready
    repository.load_all()
    assert repository.ready
    assert repository.get() is repository.get("default") is repository.get("street")
    assert repository.get("yard").name == "yard"
    assert repository.default == "street"
    with pytest.raises(NotFound, match="there are street, yard"):
        repository.get("none")
    with pytest.raises(NotFound):
        repository.load("none")


def test_each_is_run_before_it_answers_unless_it_may_be_cold(files: dict[str, Path]) -> None:
    run: list[str] = []
    scheduler = Scheduler(SchedulerOptions())
    warm_up = scheduler.warm_up

    def noted(name: str, canvas: tuple[int, int]) -> None:
        run.append(name)
        warm_up(name, canvas)

    scheduler.warm_up = noted  # type: ignore[method-assign]
    made = ModelRepository(scheduler, partial(make_detector, files), list(files), cold=["yard"])
    try:
        made.load_all()
    finally:
        made.close()
        scheduler.close()
    assert run == ["street"]


@pytest.mark.parametrize(
    ("expected", "ran"),
    [
        pytest.param(None, {"batches": None}, id="clients may come"),
        pytest.param({}, {}, id="nobody uses it"),
        pytest.param({"yard": ExpectedUse(3)}, {}, id="another model is used"),
        pytest.param({"street": ExpectedUse(1)}, {}, id="one recording"),
        pytest.param({"street": ExpectedUse(1, live=True)}, {"once": None}, id="one camera"),
        pytest.param({"street": ExpectedUse(3)}, {"batches": 3}, id="three streams"),
    ],
)
def test_only_what_can_be_used_is_warmed_up(
    expected: dict[str, ExpectedUse] | None,
    ran: dict[str, int | None],
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: dict[str, int | None] = {}
    scheduler = Scheduler(SchedulerOptions())
    made = ModelRepository(scheduler, partial(make_detector, files), ["street"], expected=expected)

    def measured(name: str, canvas: object, *, most: int | None = None) -> None:
        found["batches"] = most

    def once(engine: object, canvases: Sequence[tuple[int, int]]) -> None:
        if expected is not None:
            found["once"] = None
            assert len(canvases) == 1

    monkeypatch.setattr(scheduler, "warm_up", measured)
    monkeypatch.setattr("sightline.runtime.repository.served_model.try_out", once)
    try:
        made.load_all()
    finally:
        made.close()
        scheduler.close()
    assert found == ran


def test_states(repository: ModelRepository, files: dict[str, Path]) -> None:
    assert [one.state for one in repository.states()] == ["unloaded", "unloaded"]
    repository.load("street")
    repository.load("yard")
    repository.unload("yard")
    repository.unload("yard")
    assert [one.state for one in repository.states()] == ["ready", "unloaded"]
    assert repository.ready  # what was unloaded on purpose is no fault
    with pytest.raises(NotFound, match="unloaded"):
        repository.get("yard")
    files["yard"].write_bytes(b"no model")
    with pytest.raises(ModelError):
        repository.load("yard")
    assert repository.state("yard").state == "failed"
    assert str(files["yard"]) not in str(repository.state("yard").error)
    assert not repository.ready


def test_a_model_that_streams_use_is_not_unloaded(repository: ModelRepository) -> None:
    """Neither here nor through the Open Inference Protocol: they would not come back."""
    repository.load_all()
    protocol = OpenInference(repository, LimitOptions())
    used = {"default"}
    repository.users = lambda: used
    for unload in (repository.unload, protocol.unload):
        with pytest.raises(Conflict, match="streams use the model street: remove them first"):
            unload("street")
    protocol.unload("yard.detect")  # both faces are of one network
    assert repository.state("yard").state == "unloaded"
    used.clear()
    protocol.unload("street")
    assert repository.state("street").state == "unloaded"
    protocol.load("street.detect")
    assert repository.state("street").state == "ready"


def test_why_a_model_was_not_loaded_stays_in_the_log(
    repository: ModelRepository, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: str) -> Any:
        raise ModelError("/srv/models/street.onnx: not a whole ONNX model")

    monkeypatch.setattr(repository._loader, "_make", broken)
    for load in (repository.load_for_client, OpenInference(repository, LimitOptions()).load):
        with pytest.raises(Conflict) as info:
            load("street")
        assert str(info.value) == "model street was not loaded: see the log"
    assert "/srv/models/street.onnx" in caplog.text


def test_an_exchange(repository: ModelRepository) -> None:
    before = repository.load("street")
    engine = before.detector.engine
    after = repository.load("street")
    assert repository.get("street") is after is not before
    with pytest.raises(Exception, match="closed"):
        engine.submit((1, 64, 64), lambda _: None, lambda _: None).result()
    tensors = np.zeros((1, 64, 64, 3), np.uint8)
    # What was found before the exchange goes on, with the new engine.
    shape = before.infer(tensors, Terms("a"), lambda outputs: outputs[0].shape).result()
    assert shape == (1, 25, 6)


def test_a_model_runs_the_file_of_another_until_it_is_given_back_its_own(
    repository: ModelRepository, files: dict[str, Path], constant_model: Callable[..., Path]
) -> None:
    """Also where it is loaded again meanwhile, and not where the other cannot be loaded."""
    rows = np.full((1, 25, 6), 7, np.float32)
    constant_model([rows], name="seven", batch="batch", metadata=NAMES).rename(files["yard"])

    def first() -> float:
        tensors = np.zeros((1, 64, 64, 3), np.uint8)
        future = repository.get("street").infer(tensors, Terms("a"), lambda o: float(o[0].flat[0]))
        return future.result()

    repository.load("street")
    assert first() == 0
    repository.load("street", of="yard")
    assert first() == 7
    repository.load("street")
    assert first() == 7
    repository.load("street", of="street")
    assert first() == 0
    files["yard"].write_bytes(b"no model")
    with pytest.raises(ModelError):
        repository.load("street", of="yard")
    repository.load("street")
    assert first() == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({"metadata": {"names": "['a', 'b']"}}, "class names", id="classes"),
        pytest.param({"size": (96, 96)}, "size", id="size"),
        pytest.param({"batch": 1}, "max batch", id="batch"),
    ],
)
def test_a_model_of_another_kind_does_not_take_over(
    repository: ModelRepository, files: dict[str, Path], constant_model: Callable[..., Path],
    changed: dict[str, Any], said: str,
) -> None:  # fmt: skip
    before = repository.load("street")
    how = {"batch": "batch", "metadata": NAMES, **changed}
    constant_model([np.zeros((1, 25, 6), np.float32)], name="new", **how).rename(files["street"])
    with pytest.raises(Conflict, match=said):
        repository.load("street")
    assert repository.get("street") is before
    assert repository.state("street").state == "ready"
    assert repository.ready


def test_pictures_run_on_few_shapes(pyramid_model: Callable[..., Path], tmp_path: Path) -> None:
    path = pyramid_model(7, shape=("batch", 3, "height", "width"), metadata={"names": "['a', 'b']"})
    (tmp_path / "pyramid.yaml").write_text(
        "name: pyramid\ndecoder: yolox-decoded\nsize: 128\nfixed_size: false\nclass_names: [a, b]\n"
    )
    scheduler = Scheduler(SchedulerOptions())
    made = ModelRepository(
        scheduler,
        lambda _: build.detector(ModelOptions(model=str(path), backend="onnxruntime")),
        ["pyramid"],
    )
    try:
        served = made.load("pyramid")
        assert served.canvases[-1] == (128, 128)
        few = served.detector.with_aspects(ASPECTS)
        rng = np.random.default_rng(1)
        for width, height in rng.integers(1, 4000, (300, 2)).tolist():
            fitted, canvas = served.detector.canvas((width, height)), few.canvas((width, height))
            assert canvas in served.canvases
            assert canvas[0] >= fitted[0]
            assert canvas[1] >= fitted[1]
            assert max(canvas) == max(fitted)
        assert few.canvas((1920, 1080)) == (128, 96)
        assert few.canvas((1080, 1920)) == (96, 128)
    finally:
        made.close()
        scheduler.close()


class Counting:
    """A ``Meter`` that counts inferences."""

    def __init__(self) -> None:
        self.inferences = 0

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        self.inferences += 1

    def queued(self, model: str, priority: str, seconds: float) -> None: ...
    def refused(self, model: str, priority: str, reason: str) -> None: ...
    def detected(self, stream: str, detections: Any) -> None: ...


def test_warming_up_is_no_inference(files: dict[str, Path]) -> None:
    """Of loading and of exchanging a model; what clients ask for counts, once each."""
    meter = Counting()
    scheduler = Scheduler(SchedulerOptions(max_batch=2), meter)

    repository = ModelRepository(scheduler, partial(make_detector, files), ["street"])
    try:
        repository.load_all()
        repository.load("street")
        assert meter.inferences == 0
        assert sum(scheduler.stats().models["street"].outcomes.values()) == 0
        grey = np.full((1, 64, 64, 3), 114, np.uint8)
        for _ in range(3):
            repository.get("street").infer(grey, Terms("somebody"), len).result()
        assert meter.inferences == 3
        assert scheduler.stats().models["street"].outcomes["done"] == 3
    finally:
        repository.close()
        scheduler.close()


def test_a_model_whose_files_are_others_than_wanted_does_not_take_a_place(
    files: dict[str, Path],
) -> None:
    scheduler = Scheduler(SchedulerOptions())
    contents = {"street": "a" * 64, "yard": "b" * 64}
    made = ModelRepository(
        scheduler, partial(make_detector, files), list(files), cold=files, content=contents.get
    )
    try:
        made.load_all()
        assert made.get("yard").content == "b" * 64
        contents["yard"] = "c" * 64
        with pytest.raises(Conflict, match="SHA-256 cccccccccccc, and bbbbbbbbbbbb was judged"):
            made.load("street", of="yard", content="b" * 64)
        assert (made.made_of("street"), made.get("street").content) == ("street", "a" * 64)
        made.load("street", of="yard", content="c" * 64)
        assert (made.made_of("street"), made.get("street").content) == ("yard", "c" * 64)
    finally:
        made.close()
        scheduler.close()


def test_files_that_change_while_a_model_is_loaded_are_refused(files: dict[str, Path]) -> None:
    scheduler = Scheduler(SchedulerOptions())
    numbers = iter("abc")
    made = ModelRepository(
        scheduler, partial(make_detector, files), ["street"], cold=files,
        content=lambda _: next(numbers),
    )  # fmt: skip
    try:
        with pytest.raises(ModelError, match="files of model street were changed while"):
            made.load("street")
    finally:
        made.close()
        scheduler.close()

"""Second models on the traffic of a real service: the bundled street model, and a copy that has lost a class."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.command import in_process
from tests.v2_service import LIBRARIES, tensors
from tests.waiting import wait_for

from sightline.build.application import Application
from sightline.config import Configuration
from sightline.errors import ConfigError
from sightline.models import bundled
from sightline.monitoring.metrics import PrometheusMeter
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server
from sightline.serving.kserve.grpc_server import GrpcServer
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.rest import router
from sightline.sources.street.source import StreetSource

JPEG = {"Content-Type": "image/jpeg"}
PLAIN = {"backend": "onnxruntime", "size": 320, "warm_up": False, "engine": {"requests": 1}}
STREET = Path(bundled.__path__[0]) / "street.onnx"
PERSON = 0


def without_class(target: Path, class_id: int) -> Path:
    """The street model, whose scores of one class are always 0."""
    model = onnx.load(STREET)
    (output,) = model.graph.output
    keep = np.ones((1, 10, 1), np.float32)  # four sides and six classes of each anchor
    keep[0, 4 + class_id] = 0
    model.graph.node[-1].output[0] = "all"
    model.graph.initializer.append(numpy_helper.from_array(keep, "keep"))
    model.graph.node.append(helper.make_node("Mul", ["all", "keep"], [output.name]))
    onnx.save(model, target)
    return target


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_class(tmp_path_factory.mktemp("models") / "broken.onnx", PERSON)


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    source = StreetSource("street://?seed=5&width=640&height=360")
    source.open()
    frames = islice(iter(source), 0, 200, 20)
    return [cv2.imencode(".jpg", frame.image)[1].tobytes() for frame in frames]


class RunningService:
    """A service that runs."""

    def __init__(self, application: Application, server: Server, grpc: GrpcServer) -> None:
        self.application, self.url, self.grpc = application, server.url, f"127.0.0.1:{grpc.port}"
        self.client = httpx.Client(base_url=server.url, trust_env=False, timeout=60)

    def rollout(self, model: str = "street") -> dict[str, Any]:
        told: dict[str, Any] = self.client.get(f"/models/{model}/rollout").json()
        return told


@contextmanager
def running(models: dict[str, Any], **more: Any) -> Iterator[RunningService]:
    limits = {"queue_ms": 1e5, "timeout_ms": 1e5}  # on a busy computer nothing is refused
    serving = {"port": 0, "grpc_port": 0, "limits": limits}
    configuration = Configuration.model_validate({"models": models, "serving": serving, **more})
    options = configuration.serving
    assert options is not None
    site = Application(configuration)
    site.open()
    meter = PrometheusMeter(rollouts=site.rollouts.stats, hardware=False)
    protocol = OpenInference(site.repository, options.limits)
    app = create_app(
        site.repository, site.scheduler, site.fleet, options, meter, routers=[router(protocol)],
        rollouts=lambda: site.rollouts.by_model,
    )  # fmt: skip
    grpc = GrpcServer(protocol, options)
    server = Server(app, options, [grpc])
    server.start()
    try:
        yield RunningService(site, server, grpc)
    finally:
        server.stop()
        site.close()


def ask(site: RunningService, picture: bytes, **headers: str) -> dict[str, Any]:
    answer = site.client.post("/detect", content=picture, headers=JPEG | headers)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_canary_that_lost_a_class_is_rolled_back_and_no_request_fails(
    broken: Path, pictures: list[bytes]
) -> None:
    models = {
        "street": {"model": "street", **PLAIN, "canary": {"model": "next", "steps": [0.2, 0.5]}},
        "next": {"model": str(broken), **PLAIN},
    }
    with running(models) as site:
        answered: Counter[str] = Counter()
        for number in range(500):
            if site.rollout()["state"] != "running":
                break
            answered[ask(site, pictures[number % len(pictures)])["model"]] += 1
        told = site.rollout()
        assert told["state"] == "rolled back", told
        assert answered.total() < 500
        assert any("class person" in reason["message"] for reason in told["reasons"])
        assert (told["share"], told["second"]["failed"]) == (0.0, 0)
        assert told["per_class"]["person"]["agreement"] == 0.0
        assert told["per_class"]["car"]["agreement"] > 0.9
        found = [ask(site, pictures[0]) for _ in range(3)]
        assert {one["model"] for one in found} == {"street"}
        # By hand it can be promoted all the same, and taken back: the repository's reload does both.
        with asking_all_the_time(site, pictures[0]):
            promoted = site.client.post("/models/street/rollout/promote").json()
            assert promoted["state"] == "promoted"
            assert not people(ask(site, pictures[0]))
            site.client.post("/models/street/rollout/rollback").raise_for_status()
            assert people(ask(site, pictures[0]))


@contextmanager
def asking_all_the_time(site: RunningService, picture: bytes) -> Iterator[None]:
    """Two clients beside the block, of whom none may see a failure."""
    over = threading.Event()

    def client() -> int:
        count = 0
        while not over.is_set():
            ask(site, picture)
            count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(client) for _ in range(2)]
        try:
            yield
        finally:
            over.set()
        assert all(future.result() > 0 for future in asked)


def people(answer: dict[str, Any]) -> list[Any]:
    return [one for one in answer["objects"] if one["class"] == "person"]


def test_a_split_of_streams_and_requests_and_whose_answer_it_is(
    broken: Path, pictures: list[bytes]
) -> None:
    split = {"model": "next", "share": 0.5, "compare": 0.0}
    models = {
        "street": {"model": "street", **PLAIN, "split": split},
        "next": {"model": str(broken), **PLAIN},
    }
    source = {"source": "street://?seed=5&width=640&height=360&duration=1"}
    streams = {f"gate{number}": source for number in range(2)}
    with running(models, streams=streams) as site:
        sharing = site.application.rollouts.by_model["street"].sharing
        for number in range(4):
            key = f"user {number}"
            model = "next" if sharing.chooses_second(key) else "street"
            found = [ask(site, pictures[0], **{"X-Split-Key": key}) for _ in range(2)]
            assert [one["model"] for one in found] == [model] * 2
            assert bool(people(found[0])) == (model == "street")
            for transport, address in (
                ("http", site.url.removeprefix("http://")),
                ("grpc", site.grpc),
            ):
                library = LIBRARIES[transport]
                picture = tensors(transport, image=np.array([pictures[0]], object))
                client = library.InferenceServerClient(address)
                result = client.infer("street.detect", picture, parameters={"split_key": key})
                response = result.get_response()
                name = response["model_name"] if transport == "http" else response.model_name
                assert name == f"{model}.detect"
        names = {name: stats.model for name, stats in site.application.fleet.stats().items()}
        assert names == {name: sharing.model_of_stream(name) for name in streams}


def test_a_shadow_of_streams_and_requests(
    broken: Path, pictures: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shadow = {"model": "next", "share": 1.0, "examples": str(tmp_path / "kept")}
    models = {
        "street": {"model": "street", **PLAIN, "shadow": shadow},
        "next": {"model": str(broken), **PLAIN},
    }
    source = "street://?seed=5&width=640&height=360"
    with running(models, streams={"gate": {"source": source, "realtime": True}}) as site:
        assert "next" not in site.client.get("/models").text  # it answers nobody
        wait_for(lambda: site.rollout()["compared"] >= 3, timeout_s=120)
        assert ask(site, pictures[0])["model"] == "street"
        told = site.rollout()
        assert told["second"]["failed"] == 0
        assert told["second"]["cpu_ms"] > 0
        assert told["per_class"]["person"]["second"] == 0
        assert told["agreement"] < 1
        wait_for(lambda: list((tmp_path / "kept").glob("*.json")))
        metrics = site.client.get("/metrics").text
        assert 'sightline_rollout_compared_total{model="street",second_model="next"}' in metrics
        run = partial(in_process(tmp_path, monkeypatch, capsys), "rollout", site.url)
        shown = run()
        assert shown.returncode == 0, shown.stderr
        assert "street: shadow next running, 100% of the traffic" in shown.stdout
        assert json.loads(run("street", "--json").stdout)["second_model"] == "next"
        assert run("other").returncode == 1
        assert "is a shadow" not in run("street", "--do", "rollback").stdout
        assert site.rollout()["state"] == "rolled back"
        assert json.loads(run("street", "--do", "restart", "--json").stdout)["compared"] == 0
    nobody = in_process(tmp_path, monkeypatch, capsys)("rollout", site.url)
    assert nobody.returncode == 1
    assert "no service answers there" in nobody.stderr


@pytest.mark.parametrize(
    ("second", "kind", "message"),
    [
        pytest.param(
            {"classes": ("person", "bicycle", "cat", "motorcycle", "bus", "truck")}, "shadow",
            "next has no class car as model street has", id="shadow",
        ),
        pytest.param(
            {"classes": ("truck", "bus", "motorcycle", "car", "bicycle", "person")}, "canary",
            "next has the classes truck, bus, .* and not person, bicycle", id="canary",
        ),
    ],
)  # fmt: skip
def test_other_classes_are_refused_by_name(
    tmp_path: Path, second: dict[str, Any], kind: str, message: str
) -> None:
    model = onnx.load(STREET)
    for one in model.metadata_props:
        if one.key == "names":
            one.value = str(dict(enumerate(second["classes"])))
    onnx.save(model, tmp_path / "other.onnx")
    models = {
        "street": {"model": "street", **PLAIN, kind: {"model": "next"}},
        "next": {"model": str(tmp_path / "other.onnx"), **PLAIN},
    }
    with pytest.raises(ConfigError, match=message), running(models):
        pytest.fail("it was not refused")


def with_second_file(folder: Path, **rollout: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """The same model twice, the second in a file of its own that a test may exchange: that file, and the models."""
    file = folder / "next.onnx"
    file.write_bytes(STREET.read_bytes())
    models = {
        "street": {"model": "street", **PLAIN, **rollout},
        "next": {"model": str(file), **PLAIN},
    }
    return file, models


def test_a_canary_whose_model_is_loaded_again_is_judged_anew_and_no_request_fails(
    broken: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    """The file is another one after the reload: the figures are of that alone."""
    canary = {"model": "next", "steps": [0.5], "pictures": 1000, "compare": 1.0}
    file, models = with_second_file(tmp_path, canary=canary)
    with running(models) as site, asking_all_the_time(site, pictures[0]):
        wait_for(lambda: site.rollout()["compared"] >= 20, timeout_s=60)
        before = site.rollout()
        assert before["per_class"]["person"]["agreement"] == 1.0
        file.write_bytes(broken.read_bytes())
        loaded = site.client.post("/models/next/reload")
        assert loaded.status_code == 200, loaded.text
        wait_for(lambda: site.rollout()["state"] == "rolled back", timeout_s=60)
        told = site.rollout()
        assert told["per_class"]["person"]["agreement"] == 0.0
        assert told["since"] > before["since"]
        assert told["second"]["failed"] == 0


def test_a_canary_whose_file_was_exchanged_without_a_reload_is_not_promoted(
    broken: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    """What was judged is no longer there: the model that is there takes nobody's place."""
    canary = {"model": "next", "steps": [0.5], "pictures": 30, "compare": 1.0}
    file, models = with_second_file(tmp_path, canary=canary)
    with running(models) as site, asking_all_the_time(site, pictures[0]):
        file.write_bytes(broken.read_bytes())
        wait_for(lambda: site.rollout()["state"] == "rolled back", timeout_s=60)
        (reason,) = site.rollout()["reasons"]
        assert reason["rule"] == "loading"
        assert "the files on disk are not those that were loaded and judged" in reason["message"]
        assert people(ask(site, pictures[0]))
        by_hand = site.client.post("/models/street/rollout/promote")
        assert by_hand.status_code == 409
        assert "was judged): load that model again" in by_hand.text
        site.client.post("/models/next/reload").raise_for_status()
        assert site.client.post("/models/street/rollout/promote").json()["state"] == "promoted"
        assert not people(ask(site, pictures[0]))


def test_a_shadow_whose_file_was_exchanged_is_not_promoted(
    broken: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    file, models = with_second_file(tmp_path, shadow={"model": "next", "share": 1.0})
    with running(models) as site:
        file.write_bytes(broken.read_bytes())
        refused = site.client.post("/models/street/rollout/promote")
        assert refused.status_code == 409, refused.text
        assert people(ask(site, pictures[0]))
        site.client.post("/models/street/rollout/restart").raise_for_status()
        assert site.client.post("/models/street/rollout/promote").json()["state"] == "promoted"
        assert not people(ask(site, pictures[0]))

"""Tensors in POSIX shared memory, over HTTP and gRPC, with tritonclient; and regions that go wrong."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.utils.shared_memory as shm
from tests import native_models
from tests.v2_service import LIBRARIES, Running, running, tensors
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from sightline.serving.kserve import shared_memory
from sightline.serving.kserve.shared_memory import FOLDER, Regions

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no POSIX shared memory here")

FEATURES = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("shared")
    models = {
        "mlp": {"model": str(native_models.perceptron(folder / "mlp.onnx"))},
        "echoes": {"model": str(native_models.echoes(folder / "echoes.onnx"))},
        "yolox": {
            "model": str(data / "models" / "yolox_nano.onnx"),
            "backend": "onnxruntime",
            "warm_up": False,
        },
    }
    with running(models, shared_memory=True, limits={"body_mb": 4}) as found:
        yield found


@pytest.fixture(params=["http", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(service: Running, transport: str) -> Iterator[Any]:
    with service.client(transport) as client:
        yield client
        client.unregister_system_shared_memory()


@pytest.fixture
def key() -> Iterator[str]:
    name = f"/sightline-test-{uuid.uuid4().hex}"
    yield name
    (FOLDER / name[1:]).unlink(missing_ok=True)


def hold(key: str, content: bytes) -> Path:
    """A shared memory object with a content."""
    file = FOLDER / key[1:]
    file.write_bytes(content)
    return file


def given(transport: str, name: str, array: Any, size: int, offset: int = 0) -> Any:
    found = LIBRARIES[transport].InferInput(
        name, list(array.shape), np_to_triton_dtype(array.dtype)
    )
    found.set_shared_memory("region", size, offset)
    return found


def wanted(transport: str, name: str, size: int, offset: int = 0) -> Any:
    found = LIBRARIES[transport].InferRequestedOutput(name)
    found.set_shared_memory("region", size, offset)
    return found


def output_of(service: Running) -> tuple[str, np.ndarray[Any, Any]]:
    """The output of ``mlp`` for FEATURES, without shared memory."""
    with service.client("grpc") as client:
        result = client.infer("mlp", tensors("grpc", features=FEATURES))
    name = result.get_response().outputs[0].name
    return name, result.as_numpy(name)


def test_tensors_go_both_ways(service: Running, client: Any, transport: str, key: str) -> None:
    name, right = output_of(service)
    handle = shm.create_shared_memory_region("region", key, 1024)
    try:
        shm.set_shared_memory_region(handle, [FEATURES], offset=64)
        client.register_system_shared_memory("region", key, 1024 - 16, offset=16)
        result = client.infer(
            "mlp",
            [given(transport, "features", FEATURES, FEATURES.nbytes, 48)],
            outputs=[wanted(transport, name, 200, 512 - 16)],
        )
        found = shm.get_contents_as_numpy(handle, np.float32, right.shape, offset=512)
        assert found.tolist() == right.tolist()
    finally:
        shm.destroy_shared_memory_region(handle)
    told = result.get_output(name)
    if transport == "grpc":
        parameters = told.parameters
        assert parameters["shared_memory_region"].string_param == "region"
        assert parameters["shared_memory_byte_size"].int64_param == right.nbytes
        assert list(result.get_response().raw_output_contents) == [b""]
    else:
        assert told["parameters"] == {
            "shared_memory_region": "region",
            "shared_memory_byte_size": right.nbytes,
            "shared_memory_offset": 512 - 16,
        }
        assert "data" not in told


def test_inputs_of_both_kinds_in_one_request(client: Any, transport: str, key: str) -> None:
    """Those in shared memory have no place among the raw contents."""
    from tests.system.test_native_tensors import every_type

    feed = every_type(2)
    inputs = tensors(transport, **feed)
    hold(key, feed["in_INT16"].tobytes())
    client.register_system_shared_memory("region", key, feed["in_INT16"].nbytes)
    at = list(feed).index("in_INT16")
    inputs[at] = given(transport, "in_INT16", feed["in_INT16"], feed["in_INT16"].nbytes)
    result = client.infer("echoes", inputs)
    for name in ("in_INT8", "in_INT16", "in_INT32", "in_FP64"):
        assert result.as_numpy(name.replace("in", "out")).tolist() == feed[name].tolist()


def test_pictures(client: Any, transport: str, key: str, data: Path) -> None:
    picture = min((data / "images").glob("*.jpg")).read_bytes()
    right = client.infer("yolox.detect", tensors(transport, image=np.array([picture], object)))
    content = len(picture).to_bytes(4, "little") + picture
    hold(key, content)
    client.register_system_shared_memory("region", key, len(content))
    image = given(transport, "image", np.array([picture], object), len(content))
    found = client.infer("yolox.detect", [image])
    assert found.as_numpy("boxes").tolist() == right.as_numpy("boxes").tolist()


def test_status_and_unregistering(client: Any, transport: str, key: str) -> None:
    hold(key, bytes(100))
    client.register_system_shared_memory("a", key, 60, offset=40)
    client.register_system_shared_memory("b", key, 100)
    found = client.get_system_shared_memory_status()
    one = client.get_system_shared_memory_status("a")
    if transport == "grpc":
        assert (set(found.regions), one.regions["a"].offset) == ({"a", "b"}, 40)
        assert (one.regions["a"].key, one.regions["a"].byte_size) == (key, 60)
    else:
        assert {r["name"] for r in found} == {"a", "b"}
        assert one == [{"name": "a", "key": key, "offset": 40, "byte_size": 60}]
    with pytest.raises(InferenceServerException, match="registered already"):
        client.register_system_shared_memory("a", key, 60)
    client.unregister_system_shared_memory("a")
    client.unregister_system_shared_memory("a")  # as Triton has it: nothing happens
    with pytest.raises(InferenceServerException, match="not registered"):
        client.get_system_shared_memory_status("a")


def refused(client: Any, message: str, inputs: Any, outputs: Any = None, *more: str) -> None:
    """``more`` are statuses that will do, beside the usual ones."""
    with pytest.raises(InferenceServerException, match=message) as info:
        client.infer("mlp", inputs, outputs=outputs)
    assert info.value.status() in {"400", "StatusCode.INVALID_ARGUMENT", *more}


def test_what_does_not_fit_is_refused(
    service: Running, client: Any, transport: str, key: str
) -> None:
    name, right = output_of(service)
    file = hold(key, FEATURES.tobytes() + bytes(100))
    client.register_system_shared_memory("region", key, FEATURES.nbytes + 10)
    size = FEATURES.nbytes
    whole = [given(transport, "features", FEATURES, size)]
    refused(client, "48 bytes at offset 11 .* has 58", [given(transport, "features", FEATURES, size, 11)]
    )  # fmt: skip
    refused(client, "needs 48 bytes, not 40", [given(transport, "features", FEATURES, 40)])
    small = [wanted(transport, name, right.nbytes - 1)]
    refused(client, f"has {right.nbytes} bytes, but .* is {right.nbytes - 1}", whole, small)
    outside = [wanted(transport, name, 59)]
    refused(client, "not within the shared memory region", whole, outside)
    assert file.read_bytes() == FEATURES.tobytes() + bytes(100)  # nothing was written
    unknown = given(transport, "features", FEATURES, size)
    unknown.set_shared_memory("other", size)
    refused(client, "'other'.*not registered", [unknown])
    huge = hold(key, bytes(5_000_000))
    client.register_system_shared_memory("huge", key, 5_000_000)
    unknown.set_shared_memory("huge", 5_000_000)
    refused(client, "4000000|4194304", [unknown])
    assert huge.stat().st_size == 5_000_000


@pytest.mark.parametrize("left", [0, 20])
def test_a_region_that_shrinks_harms_nobody(
    service: Running, client: Any, transport: str, key: str, left: int
) -> None:
    name, _ = output_of(service)
    hold(key, FEATURES.tobytes() + bytes(100))
    client.register_system_shared_memory("region", key, FEATURES.nbytes + 100)
    os.truncate(FOLDER / key[1:], left)
    inputs = [given(transport, "features", FEATURES, FEATURES.nbytes)]
    refused(client, "has become smaller", inputs)
    target = [wanted(transport, name, 100, 48)]
    refused(client, "has become smaller", tensors(transport, features=FEATURES), target)
    assert (FOLDER / key[1:]).stat().st_size == left
    assert client.infer("mlp", tensors(transport, features=FEATURES)).as_numpy(name) is not None


def test_a_region_that_vanishes_goes_on_for_who_has_it(
    service: Running, client: Any, transport: str, key: str
) -> None:
    name, right = output_of(service)
    hold(key, FEATURES.tobytes())
    client.register_system_shared_memory("region", key, FEATURES.nbytes)
    (FOLDER / key[1:]).unlink()
    found = client.infer("mlp", [given(transport, "features", FEATURES, FEATURES.nbytes)])
    assert found.as_numpy(name).tolist() == right.tolist()


@pytest.mark.parametrize(
    "wrong_key",
    ["../etc/passwd", "/../etc/passwd", "/a/b", "..", "/.", "", "/", "/etc/passwd", "a\0b", "/" + "x" * 300],
)  # fmt: skip
def test_keys_are_names_of_shared_memory_only(client: Any, transport: str, wrong_key: str) -> None:
    with pytest.raises(InferenceServerException, match="key") as info:
        client.register_system_shared_memory("bad", wrong_key, 1)
    assert info.value.status() in {"400", "StatusCode.INVALID_ARGUMENT"}


def test_links_fifos_folders_and_short_objects_are_refused(
    client: Any, transport: str, key: str, tmp_path: Path
) -> None:
    file = FOLDER / key[1:]
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(10))
    file.symlink_to(secret)
    with pytest.raises(InferenceServerException, match="cannot be opened"):
        client.register_system_shared_memory("bad", key, 1)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InferenceServerException, match="is no shared memory object"):
        client.register_system_shared_memory("bad", key, 1)
    file.unlink()
    file.mkdir()
    with pytest.raises(InferenceServerException, match="cannot be opened"):
        client.register_system_shared_memory("bad", key, 1)
    file.rmdir()
    with pytest.raises(InferenceServerException, match="No such file"):
        client.register_system_shared_memory("bad", key, 1)
    hold(key, bytes(10))
    with pytest.raises(InferenceServerException, match=r"has 10 bytes; .* need 11"):
        client.register_system_shared_memory("bad", key, 10, offset=1)
    with pytest.raises(InferenceServerException, match="byte_size 1 or more"):
        client.register_system_shared_memory("bad", key, 0)


def test_cuda_is_refused_clearly(client: Any, transport: str) -> None:
    with pytest.raises(InferenceServerException, match="CUDA shared memory is not offered") as info:
        client.get_cuda_shared_memory_status()
    assert info.value.status() in {"501", "StatusCode.UNIMPLEMENTED"}
    with pytest.raises(InferenceServerException, match="CUDA shared memory is not offered"):
        client.register_cuda_shared_memory("c", b"aGFuZGxl", 0, 10)


def test_it_is_off_and_the_administrators(data: Path, tmp_path: Path, key: str) -> None:
    models = {"mlp": {"model": str(native_models.perceptron(tmp_path / "mlp.onnx"))}}
    hold(key, FEATURES.tobytes())
    with running(models) as off:
        for transport in LIBRARIES:
            with off.client(transport) as client:
                with pytest.raises(InferenceServerException, match=r"serving\.shared_memory"):
                    client.register_system_shared_memory("region", key, 10)
                inputs = [given(transport, "features", FEATURES, FEATURES.nbytes)]
                refused(
                    client,
                    r"serving\.shared_memory",
                    inputs,
                    None,
                    "501",
                    "StatusCode.UNIMPLEMENTED",
                )
                metadata = client.get_server_metadata()
                assert "system_shared_memory" not in str(metadata)
    with running(models, shared_memory=True, admin_token="admin") as on:
        for transport in LIBRARIES:
            with on.client(transport) as client:
                assert "system_shared_memory" in str(client.get_server_metadata())
                for call in (
                    lambda: client.register_system_shared_memory("region", key, 48),
                    lambda: client.unregister_system_shared_memory("region"),
                ):
                    with pytest.raises(InferenceServerException) as info:
                        call()
                    assert info.value.status() in {"401", "StatusCode.UNAUTHENTICATED"}
                headers = {"authorization": "Bearer admin"}
                client.register_system_shared_memory("region", key, 48, headers=headers)
                client.infer("mlp", [given(transport, "features", FEATURES, 48)])
                client.unregister_system_shared_memory(headers=headers)


def attempt(client: Any, inputs: Any) -> Any:
    try:
        return client.infer("mlp", inputs)
    except InferenceServerException as exc:
        return exc


def test_unregistering_while_requests_use_it(service: Running, transport: str, key: str) -> None:
    """Every request either has the region's bytes or is refused; never another file's."""
    name, right = output_of(service)
    hold(key, FEATURES.tobytes())
    over = threading.Event()

    def change() -> None:
        with service.client("http") as client:
            while not over.is_set():
                client.register_system_shared_memory("region", key, FEATURES.nbytes)
                client.unregister_system_shared_memory("region")

    thread = threading.Thread(target=change)
    thread.start()
    outcomes: set[type] = set()
    try:
        with service.client(transport) as client:
            for _ in range(200):
                found = attempt(client, [given(transport, "features", FEATURES, 48)])
                outcomes.add(type(found))
                if isinstance(found, InferenceServerException):
                    assert "not registered" in str(found)
                else:
                    assert found.as_numpy(name).tolist() == right.tolist()
    finally:
        over.set()
        thread.join()
    assert outcomes  # which ones, the race decides


def descriptors(file: Path) -> int:
    """Of this process, that are open on a file; what other tests left behind may close meanwhile."""
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(link) == str(file) for link in links)


def test_descriptors_are_given_back_and_regions_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(bytes(10))
    tmp_path = tmp_path.resolve()
    monkeypatch.setattr(shared_memory, "MOST_REGIONS", 3)
    regions = Regions(tmp_path)
    for i in range(3):
        regions.register(str(i), "x", 0, 10)
    with pytest.raises(shared_memory.Conflict, match="3 regions"):
        regions.register("3", "x", 0, 10)
    assert descriptors(tmp_path / "x") == 3
    regions.unregister()
    assert descriptors(tmp_path / "x") == 0

"""Which file a model option means: alike on the command line, in YAML and in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import sightline
from sightline.build.model_files import model_path
from sightline.cli.config import read
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError, SightlineError
from sightline.tables import BUNDLED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a model, and a cache with two pulled ones."""
    pulled = tmp_path / "cache" / "sightline" / "models"
    pulled.mkdir(parents=True)
    (pulled / "yolox_nano.onnx").write_bytes(b"nano")
    (pulled / "helmets.v2.onnx").write_bytes(b"helmets")
    here = tmp_path / "here"
    here.mkdir()
    (here / "vests.onnx").write_bytes(b"vests")
    (here / "gloves.pt2").write_bytes(b"gloves")
    (here / "street").mkdir()
    for file in ("best_openvino_model/best.xml", "best_openvino_model/metadata.yaml", "two/a.onnx",
        "two/b.xml", "hub/onnx/model.onnx", "hub/onnx/model_fp16.onnx"):  # fmt: skip
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        (here / file).touch()
    monkeypatch.chdir(here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


FOUND = [
    pytest.param("vests.onnx", "here/vests.onnx", id="path"),
    pytest.param("./vests.onnx", "here/vests.onnx", id="path with a folder"),
    pytest.param("gloves.pt2", "here/gloves.pt2", id="path of a PyTorch program"),
    pytest.param("yolox_nano", "cache/sightline/models/yolox_nano.onnx", id="pulled"),
    pytest.param("helmets.v2", "cache/sightline/models/helmets.v2.onnx", id="pulled, with a dot"),
    pytest.param(
        "best_openvino_model", "here/best_openvino_model/best.xml", id="folder of an exporter"
    ),
    pytest.param(
        "./best_openvino_model/", "here/best_openvino_model/best.xml", id="the same as a path"
    ),
    pytest.param("hub", "here/hub/onnx/model.onnx", id="folder as of a hub"),
    pytest.param("street", None, id="bundled, beside a folder of the same name"),
]


@pytest.mark.parametrize(("model", "file"), FOUND)
def test_a_name_or_path_finds_its_file(folder: Path, model: str, file: str | None) -> None:
    wanted = folder / file if file else BUNDLED / "street.onnx"
    pulled = folder / "cache" / "sightline" / "models"
    assert model_path(ModelOptions(model=model, models_dir=pulled)).resolve() == wanted
    # The configuration file may be used from anywhere.
    site = folder / "here" / "site.yaml"
    site.write_text(f"models: {{m: {{model: {model}}}}}\n")
    assert model_path(read(site).configuration.models["m"]).resolve() == wanted


WRONG = [
    pytest.param("yolox_nan", ConfigError, "did you mean yolox_nano", id="misspelt name"),
    pytest.param("YOLOX_Nano", ConfigError, "did you mean yolox_nano", id="capitals"),
    pytest.param("peopel", ConfigError, "did you mean people", id="misspelt detector"),
    pytest.param("streets", ConfigError, "did you mean street", id="misspelt bundled model"),
    pytest.param("zzz", ConfigError, "there are people, street, yolox_nano", id="unlike any"),
    pytest.param("yolox_s", ModelError, "sightline models pull yolox_s", id="not pulled yet"),
    pytest.param("vest.onnx", ModelError, "did you mean vests.onnx", id="misspelt file"),
    pytest.param(
        "vest", ConfigError, "did you mean vests.onnx", id="misspelt file without its suffix"
    ),
    pytest.param(
        "vests.onx",
        ConfigError,
        r"did you mean vests.onnx\? For a file of yours give its path: ./vests.onx$",
        id="misspelt suffix",
    ),
    pytest.param("yolox_nano.onnx", ModelError, "name is yolox_nano, without", id="name as a file"),
    pytest.param("./street", ModelError, "a folder without a model that runs here", id="folder"),
    pytest.param(
        "two", ModelError, "several models: give two/a.onnx or two/b.xml", id="two models"
    ),
    pytest.param("gone/away.onnx", ModelError, "no model file at gone/away.onnx", id="no folder"),
]


@pytest.mark.parametrize(("model", "error", "text"), WRONG)
def test_a_wrong_name_suggests(
    folder: Path, model: str, error: type[SightlineError], text: str
) -> None:
    with pytest.raises(error, match=text):
        sightline.load(model)


def test_the_detector_without_a_file_has_no_path() -> None:
    with pytest.raises(ConfigError, match="`people` is a detector without a model file"):
        model_path(ModelOptions(model="people"))


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_name_is_not_the_model_of_the_working_folder(folder: Path, text: str) -> None:
    Path("gloves.pt2").unlink()
    with pytest.raises(ConfigError, match="model: it is empty: give a file, or the name"):
        model_path(ModelOptions(model=text))


def test_a_misspelt_name_in_a_file_is_told_with_its_line(folder: Path) -> None:
    site = folder / "here" / "site.yaml"
    site.write_text("models:\n  a: {model: street}\n  b: {model: yolox_nan}\n")
    with pytest.raises(ConfigError, match=r"site\.yaml:3:7: no model is called 'yolox_nan'"):
        read(site)


def test_a_model_served_elsewhere_needs_no_file(folder: Path) -> None:
    site = folder / "here" / "site.yaml"
    site.write_text("models: {a: {model: street, engine: {url: 'grpc://gpu:8001/street'}}}\n")
    assert read(site).configuration.models["a"].engine.url == "grpc://gpu:8001/street"


def test_names_of_classifiers_and_embedders_are_suggested_where_one_is_wanted() -> None:
    with pytest.raises(ConfigError, match="did you mean colours"):
        model_path(ModelOptions(model="color"), of_crops=True)
    with pytest.raises(ConfigError, match="there are colours, street-attributes, street-embedder"):
        model_path(ModelOptions(model="nope"), of_crops=True)

"""The configuration file: what is right becomes options, what is wrong is told with its place."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.config.read_text import FILE, MODELS, SCHEMA, complaints, read

from sightline.config import file as config_file
from sightline.errors import ConfigError


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    found = complaints("""\
        models:
          street:
            siz: 640
            model: street
        streams:
          gate: {source: 0, wieght: 2, max_age_ms: -1}
          yard: {priority: high}
        alerts:
          - {name: a, metric: latency}
        """)
    assert [f.split(": ")[0] for f in found] == ["3:5", "6:21", "6:44", "7:9", "7:20", "9:23"]


def test_many_mistakes_are_cut_short() -> None:
    text = MODELS + "streams:\n" + "".join(f"  s{i}: {{source: x, bad: 1}}\n" for i in range(50))
    with pytest.raises(ConfigError) as caught:
        read(text)
    lines = str(caught.value).splitlines()
    assert lines[0] == "50 mistakes"
    assert len(lines) == config_file.MOST_SHOWN + 2
    assert lines[-1] == f"and {50 - config_file.MOST_SHOWN} more"


# ---------------------------------------------------------------- what is right


def test_keys_are_what_is_written() -> None:
    streams = read(MODELS + "streams: {1: {source: a}, no: {source: b}, 2026-01-02: {source: c}}")
    assert list(streams.streams) == ["1", "no", "2026-01-02"]


def test_a_section_that_is_commented_out_is_as_good_as_none() -> None:
    assert read(MODELS + "streams:\n  # gate: {}\nserving:\nalerts:\n").streams == {}


def test_what_may_be_shared() -> None:
    streams = """\
        models: {m: {model: street}}
        streams:
          a: {source: a, outputs: {database: seen.db, json_lines: "-", mot: out/, annotated: out/}}
          b: {source: b, outputs: {database: seen.db, json_lines: "-", mot: out/, csv: seen.csv}}
        serving: {port: 0, grpc_port: 0}
        """
    assert len(read(streams).streams) == 2


def test_a_camera_number_needs_no_quotes() -> None:
    assert read(MODELS + "streams: {a: {source: 0}}").streams["a"].source == "0"


def test_anchors_and_merges() -> None:
    found = read("""\
        models: {m: {model: street}}
        streams:
          a: &camera
            source: rtsp://a/1
            weight: 2
            live: {transport: udp}
          b: {<<: *camera, source: rtsp://b/1}
          c: {source: rtsp://c/1, <<: [{weight: 3}, *camera]}
        """).streams
    assert [(s.source, s.weight, s.live.transport) for s in found.values()] == [
        ("rtsp://a/1", 2, "udp"),
        ("rtsp://b/1", 2, "udp"),
        ("rtsp://c/1", 3, "udp"),
    ]


def test_anchors_have_a_place_of_their_own() -> None:
    text = """\
        x-camera: &camera {tracker: {kind: ocsort}}
        models: {m: {model: x}}
        streams: {gate: {<<: *camera, source: a.mp4}}
        """
    found = read(text)
    assert found.streams["gate"].tracker.kind == "ocsort"


def test_the_home_folder_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = read(
        "models: {m: {model: ~/x.onnx}}\n"
        "streams: {s: {source: '~/a/*.jpg', outputs: {mot: ~/out/}}}\n"
    )
    assert str(found.models["m"].model) == "/home/me/x.onnx"
    assert (found.streams["s"].source, found.streams["s"].outputs.mot) == (
        "/home/me/a/*.jpg",
        "/home/me/out/",
    )


def test_a_mistake_in_what_is_merged_is_told_where_it_stands() -> None:
    found = complaints("""\
        models: {m: {model: street}}
        streams:
          a: &camera {source: x, weight: 0}
          b:
            <<: *camera
        """)
    assert [f.split(": must")[0] for f in found] == [
        "3:34: streams.a.weight",
        "3:34: streams.b.weight",
    ]


def test_own_keys_keep_their_places_when_others_are_merged() -> None:
    found = complaints("""\
        models: {m: {model: street}}
        streams:
          a: &camera {source: x, weight: 2}
          b: {weight: 0, <<: *camera}
        """)
    assert [f.split(": must")[0] for f in found] == ["4:15: streams.b.weight"]


def test_an_alias_bomb_is_refused_quickly() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    with pytest.raises(ConfigError, match="more than 200000 values"):
        read(bomb)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        read("models: " + "[" * 50_000)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        config_file.read(tmp_path / "none.yaml", {})
    with pytest.raises(ConfigError, match="Is a directory"):
        config_file.read(tmp_path, {})
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(b"models:\n  \xff\xfe: 1\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml:2: this is not UTF-8"):
        config_file.read(bad, {})
    bad.write_bytes(b"models:\n  m: {model: 'a\x00'}\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml:2: a character that YAML does not allow"):
        config_file.read(bad, {})
    bad.write_bytes(b" " * (config_file.MOST_BYTES + 1))
    with pytest.raises(ConfigError, match="4000001 bytes"):
        config_file.read(bad, {})
    bad.write_bytes(b"\xef\xbb\xbf" + MODELS.encode())
    assert config_file.read(bad, {}).configuration.models["m"].model == "street"


# ---------------------------------------------------------------- ${NAME}


@pytest.mark.parametrize(
    ("value", "environment", "expected"),
    [
        pytest.param("rtsp://u:${PW}@h/1", {"PW": "a b#:{"}, "rtsp://u:a b#:{@h/1", id="inside"),
        pytest.param("${A}${B}", {"A": "x", "B": "y"}, "x" + "y", id="two"),
        pytest.param("${A:-x}", {}, "x", id="default"),
        pytest.param("${A:-x}", {"A": ""}, "x", id="default of an empty one"),
        pytest.param("${A:-x}", {"A": "y"}, "y", id="default not needed"),
        pytest.param("a$${A}", {"A": "y"}, "a${A}", id="escaped"),
        pytest.param("$A $ $5", {"A": "y"}, "$A $ $5", id="a dollar alone"),
        pytest.param("${A}", {"A": "${B}", "B": "x"}, "${B}", id="not replaced twice"),
    ],
)
def test_variables(value: str, environment: dict[str, str], expected: str) -> None:
    text = f"models: {{m: {{model: m, classes: ['{value}']}}}}\n"
    assert read(text, **environment).models["m"].classes == (expected,)


def test_a_variable_can_be_a_number_a_truth_or_a_secret() -> None:
    found = read(
        MODELS
        + 'workers: ${W}\nstreams: {a: {source: x, loop: "${L}"}}\nserving: {token: "${T}", port: "${P:-80}"}',
        W="3",
        L="true",
        T="0123",
    )
    assert (found.workers, found.streams["a"].loop) == (3, True)
    assert found.serving is not None
    assert found.serving.port == 80
    assert found.serving.token is not None
    assert found.serving.token.get_secret_value() == "0123"


@pytest.mark.parametrize(
    ("value", "environment", "expected"),
    [
        pytest.param("${PW}", {}, "the environment variable PW is not set", id="missing"),
        pytest.param("${PW}", {"PW": ""}, "the environment variable PW is empty", id="empty"),
        pytest.param("${1A}", {}, "write ${NAME} or", id="bad name"),
        pytest.param("a${PW", {"PW": "x"}, "write ${NAME} or", id="not closed"),
    ],
)
def test_variables_that_cannot_be_replaced(
    value: str, environment: dict[str, str], expected: str
) -> None:
    (found,) = complaints(f"models:\n  m:\n    model: '{value}'\n", **environment)
    assert found.startswith(f"3:12: models.m.model: {expected}")


# ---------------------------------------------------------------- paths


def test_relative_paths_start_from_the_folder_of_the_file() -> None:
    text = """\
        models:
          file: {model: nets/a.onnx, models_dir: pulled, engine: {cache_dir: c}, fallback: [{cache_dir: d}]}
          here: {model: a.onnx}
          name: {model: yolox_nano}
          remote: {model: "triton://host/a"}
        streams:
          file: {source: ./a.mp4, outputs: {csv: a.csv, mot: out/, database: "sqlite:///x.db", json_lines: "-"}}
          glob: {source: "p/*.jpg", outputs: {annotated: b.mp4, coco: c.json, database: d.db, json_lines: e}}
          url: {source: rtsp://h/1}
          camera: {source: 0}
          device: {source: /dev/video1}
          folder: {source: ..}
        serving: {files_under: [videos, /srv]}
        """
    found = read(text)
    home = "/etc/sightline"
    file = found.models["file"]
    assert (file.model, str(file.models_dir)) == (f"{home}/nets/a.onnx", f"{home}/pulled")
    assert (str(file.engine.cache_dir), str(file.fallback[0].cache_dir)) == (
        f"{home}/c",
        f"{home}/d",
    )
    assert [found.models[n].model for n in ("here", "name", "remote")] == [
        f"{home}/a.onnx", "yolox_nano", "triton://host/a",
    ]  # fmt: skip
    assert [s.source for s in found.streams.values()] == [
        f"{home}/a.mp4", f"{home}/p/*.jpg", "rtsp://h/1", "0", "/dev/video1", f"{home}/..",
    ]  # fmt: skip
    first, second = found.streams["file"].outputs, found.streams["glob"].outputs
    assert (str(first.csv), first.mot, first.database, first.json_lines) == (
        f"{home}/a.csv", f"{home}/out/", "sqlite:///x.db", "-",
    )  # fmt: skip
    assert (second.annotated, str(second.coco), second.database, second.json_lines) == (
        f"{home}/b.mp4", f"{home}/c.json", f"{home}/d.db", f"{home}/e",
    )  # fmt: skip
    assert found.serving is not None
    assert list(map(str, found.serving.files_under)) == [f"{home}/videos", "/srv"]


def test_a_folder_with_the_letters_of_a_wildcard(tmp_path: Path) -> None:
    folder = tmp_path / "site [1]"
    (folder / "photos").mkdir(parents=True)
    (folder / "photos" / "a.jpg").touch()
    text = MODELS + "streams: {a: {source: photos/*.jpg}, b: {source: photos}}"
    found = config_file.parse(text, folder / "s.yaml", {}).configuration.streams
    assert list(Path("/").glob(found["a"].source.lstrip("/")))
    assert Path(found["b"].source).is_dir()


def test_where_tells_the_place_of_a_key() -> None:
    text = MODELS + "streams:\n  gate:\n    source: x\n"
    found = config_file.parse(text, FILE, {})
    assert found.where("streams", "gate", "source") == f"{FILE}:4:5"
    assert found.where("streams", "gate", "weight") == f"{FILE}:3:3"


GUIDES = Path(__file__).resolve().parents[3] / "docs" / "guides"


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(
        rf"^```{kind}\n(.*?)^```$", (GUIDES / page).read_text(), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("page", ["configuration.md", "monitoring.md"])
def test_the_examples_of_the_guides_are_right(page: str) -> None:
    found = [text for text in blocks(page, "yaml") if "scrape_configs" not in text]
    assert found
    for text in found:
        whole = text if text.startswith("models:") else MODELS + text
        if "streams:" not in whole:
            whole += "streams: {gate: {source: 'street://'}}\n"
        config_file.parse(whole, FILE, {"GATE_PASSWORD": "x", "ALERT_WEBHOOK": "https://h/"})
        jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(whole))


def test_the_mistakes_of_the_guide_are_told_like_that() -> None:
    (shown,) = (text for text in blocks("configuration.md", "text") if "mistakes" in text)
    text = """\
        models: {m: {model: street}}

        streams:
          gate:
            source: rtsp://gate.example/1
            priority: urgnt
            wieght: 2

        workers: many
        """
    with pytest.raises(ConfigError) as caught:
        config_file.parse(dedent(text), Path("site.yaml"), {})
    assert shown.splitlines()[1:] == f"error: {caught.value}".splitlines()


@given(st.text(max_size=60) | st.text(alphabet="ab:- []{}&*!'\"#\n\t${}<1", max_size=60))
def test_any_text_gives_a_configuration_or_one_error(text: str) -> None:
    try:
        config_file.parse(MODELS + text, FILE, {})
    except ConfigError as exc:
        assert str(FILE) in str(exc)  # noqa: PT017 - either end is fine


def nested(opening: str, closing: str, times: int) -> str:
    return f"models: {opening * times}1{closing * times}\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("models: &m\n  <<: *m\n  a: {model: street}\n", id="merges itself"),
        pytest.param("models: &m\n  <<: [*m]\n", id="merges itself in a list"),
        pytest.param("&r\n<<: *r\n", id="the whole merges itself"),
        pytest.param("models: {a: &a {b: {<<: *a}}}\n", id="merges what it is in"),
        pytest.param("models: &m [*m]\n", id="a list in itself"),
        pytest.param(nested("[", "]", 3000), id="deep lists"),
        pytest.param(nested("{a: ", "}", 600), id="deep keys"),
        pytest.param(
            "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{x: *a{i - 1}}}\n" for i in range(1, 900)),
            id="deep by aliases",
        ),
        pytest.param(
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{i}: &a{i}\n  <<: *a{i - 1}\n  y{i}: 1\n" for i in range(1, 60)),
            id="a chain of merges",
        ),
        pytest.param(f"serving: {{port: {'9' * 6000}}}\n", id="a huge number"),
        pytest.param(f"serving: {{port: {':'.join(['59'] * 3000)}}}\n", id="huge in base 60"),
        pytest.param("models: !!python/object/apply:os.system ['x']\n", id="an object"),
    ],
)
def test_hostile_yaml_is_an_error_with_its_place(text: str) -> None:
    with pytest.raises(ConfigError, match=r"site\.yaml"):
        config_file.parse(text, Path("site.yaml"), {})

"""The configuration file: what is right becomes options, what is wrong is told with its place."""

from __future__ import annotations

import json
import re
import traceback
import typing
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sightline.cli.config import EXAMPLE
from sightline.config import AlertOptions, Configuration, Options, ServingOptions, checked
from sightline.config import file as config_file
from sightline.config.paths import path_patterns
from sightline.config.schema import schema
from sightline.errors import ConfigError

MODELS = "models: {m: {model: street}}\n"
FILE = Path("/etc/sightline/site.yaml")
SCHEMA = schema()


def read(text: str, **environment: str) -> Configuration:
    return config_file.parse(dedent(text), FILE, environment).configuration


def complaints(text: str, **environment: str) -> list[str]:
    """What is wrong, each as ``line:column: key: message``."""
    with pytest.raises(ConfigError) as caught:
        read(text, **environment)
    lines = str(caught.value).splitlines()
    head = f"{FILE}:"
    assert all(line.startswith(head) for line in lines if "mistakes" not in line), lines
    return [line.removeprefix(head) for line in lines if line.startswith(head)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "1:1: there is nothing in it", id="empty"),
        pytest.param("# only a comment\n", "1:1: there is nothing in it", id="comments only"),
        pytest.param("- a\n- b\n", "1:1: keys are wanted here", id="a list"),
        pytest.param("hello", "1:1: keys are wanted here", id="a word"),
        pytest.param("streams: {}\n", "1:1: `models` is missing: by name", id="no models key"),
        pytest.param("models: {}\n", "1:9: models: at least one model is wanted", id="no model"),
        pytest.param("models:\n", "1:1: `models` is missing", id="empty section that is needed"),
        pytest.param(
            "models:\n  m:\n", "2:5: models.m: wants keys and values, not nothing", id="empty model"
        ),
        pytest.param(
            "models:\n\tm: {}\n", "2:1: not valid YAML: a tab", id="tab"
        ),
        pytest.param(
            "models: {m: {model: x}\n", "2:1: not valid YAML: expected ',' or '}'", id="bracket"
        ),
        pytest.param(
            MODELS + "workers: {a: ${W}}\n",
            "2:15: not valid YAML: write '${...}' in quotes inside of { } and [ ]", id="variable in braces",
        ),
        pytest.param(MODELS + "---\na: 1\n", "2:1: not valid YAML: a second document begins", id="two"),
        pytest.param(
            "models:\u00a0{m: {model: x}}\n", "1:23: not valid YAML: it has a no-break space", id="pasted blank"
        ),
        pytest.param(
            'models: {m: {model: "C:\\models\\x.onnx"}}\n', "1:25: not valid YAML: a backslash in double quotes",
            id="backslashes",
        ),
        pytest.param(
            MODELS + "serving: {port: 8:00}\n",
            "2:17: serving.port: YAML reads it as another number (8:00 as 480)", id="a time for a number",
        ),
        pytest.param(MODELS + "serving: {port: 0100}\n", "2:17: serving.port: YAML reads it as", id="base 8"),
        pytest.param(MODELS + "workers: *w\n", "2:10: not valid YAML: found undefined alias", id="alias"),
        pytest.param(
            MODELS + "workers: 1\nworkers: 2\n", "3:1: workers: is given twice, first in line 2",
            id="duplicate key",
        ),
        pytest.param(
            MODELS + "streams:\n  a: {source: x, source: y}\n",
            "3:18: streams.a.source: is given twice, first in line 3", id="duplicate key deep",
        ),
        pytest.param(
            MODELS + "worker: 2\n", "2:1: worker: there is no such key; did you mean workers?",
            id="unknown key",
        ),
        pytest.param(
            MODELS + "serving:\n  limits:\n    zzz: 1\n",
            "4:5: serving.limits.zzz: there is no such key; there are body_mb, pixels,",
            id="unknown key far from any",
        ),
        pytest.param(
            "models: {m: {model: a, fallback: [{devise: cpu}]}}",
            "1:36: models.m.fallback.0.devise: there is no such key; did you mean device?",
            id="unknown key in a list",
        ),
        pytest.param(
            MODELS + "workers: many\n", "2:10: workers: wants a whole number, not many", id="type"
        ),
        pytest.param(
            MODELS + "workers: 1.5\n", "2:10: workers: wants a whole number, not 1.5", id="fraction"
        ),
        pytest.param(
            MODELS + "workers: yes\n", "2:10: workers: wants a number, not true", id="yes for 1"
        ),
        pytest.param(
            MODELS + "scheduler: {watchdog_s: true}\n",
            "2:25: scheduler.watchdog_s: wants a number, not true", id="true for 1.0",
        ),
        pytest.param("models: {m: street}\n", "1:13: models.m: wants keys and values, not street; write {model: street}", id="a model in short"),
        pytest.param(MODELS + "streams: {a: rtsp://x/1}\n", "2:14: streams.a: wants keys and values, not rtsp://x/1; write {source: rtsp://x/1}", id="a source in short"),
        pytest.param(MODELS + "streams: {a: yes}\n", "2:14: streams.a: wants keys and values, not yes", id="a truth for a source"),
        pytest.param(MODELS + "streams: [a, b]\n", "2:10: streams: wants keys and values, not a list; each has a name: `NAME: {...}`", id="streams as a list"),
        pytest.param("models:\n  m:\n    model:street\n", "3:5: models.m: wants keys and values, not model:street; a blank goes behind the colon: `model: ...`", id="no blank"),
        pytest.param(MODELS + "workers: [1]\n", "2:10: workers: wants a whole number, not a list", id="list"),
        pytest.param(MODELS + "workers: 65\n", "2:10: workers: must be less than or equal to 64, not 65", id="range"),
        pytest.param(
            MODELS + "scheduler: {urgent_ms: .nan}\n",
            "2:24: scheduler.urgent_ms: must be a finite number, not .nan", id="nan",
        ),
        pytest.param(
            MODELS + "scheduler: {urgent_ms: .inf}\n",
            "2:24: scheduler.urgent_ms: must be a finite number, not .inf", id="infinite",
        ),
        pytest.param(
            MODELS + "scheduler:\n  max_batch: 0\n",
            "3:14: scheduler.max_batch: must be greater than or equal to 1, not 0", id="too small",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, priority: urgant}}",
            "2:36: streams.a.priority: cannot be urgant; did you mean urgent?", id="choice",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, priority: 7}}",
            "2:36: streams.a.priority: cannot be 7; there are urgent, normal, batch", id="choices",
        ),
        pytest.param(
            "models: {m: {model: no}}\n",
            "1:21: models.m.model: wants text, not no; put it in quotes", id="a word YAML changes",
        ),
        pytest.param(
            "models: {m: {model: a, size: {w: 640}}}\n",
            "1:30: models.m.size: wants a whole number or a list of 2 × a whole number or null, not keys and values",
            id="one of several kinds",
        ),
        pytest.param(
            "models: {m: {model: a, size: 640 by 384}}\n",
            "1:30: models.m.size: give 640, or 640x384 for width and height, not '640 by 384'",
            id="a size in other words",
        ),
        pytest.param(
            "models: {m: {model: a, device: cpu}}\n",
            "1:24: models.m.device: there is no such key; it stands under engine: {device: ...}",
            id="a key one level too high",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, outputs: {db: x.db}}}\n",
            "2:40: streams.s.outputs.db: there is no such key; did you mean database?",
            id="a flag's short form",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, max-fps: 5}}\n",
            "2:30: streams.s.max-fps: there is no such key; it stands under adaptive: {max_fps: ...}",
            id="a flag's dash",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, tracker: {low_threshold: 0.6, high_threshold: 0.5}}}\n",
            "2:55: streams.s.tracker.low_threshold: 0.6 is above high_threshold, 0.5: it must not exceed it",
            id="thresholds the wrong way round",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, tracker: sort}}\n",
            "2:39: streams.s.tracker: cannot be sort; did you mean ocsort?",
            id="a tracker that is none",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, track: false, tracker: bytetrack}}\n",
            "2:53: streams.s.tracker: nothing is tracked with `track: false`: leave one of the two out",
            id="a tracker where nothing is tracked",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, stages: [{kind: embed, model: b}]}}\n",
            "2:39: streams.s.stages.0: its vectors are kept in a database: give outputs.database",
            id="vectors that go nowhere",
        ),
        pytest.param(
            "models: {m: {model: a}}\nstreams: {s: {source: a.mp4, every: 0}}\n",
            "2:37: streams.s.every: must be greater than or equal to 1, not 0",
            id="every frame of none",
        ),
        pytest.param(
            "models: {m: {model: a, size: [640, x]}}\n",
            "1:36: models.m.size.1: wants a whole number, not x", id="part of one kind",
        ),
        pytest.param(
            MODELS + "streams: {'a b': {source: x}}", "2:11: streams.a b: cannot be a name", id="name"
        ),
        pytest.param(
            MODELS + "streams: {a/b: {source: x}}", "2:11: streams.a/b: cannot be a name", id="slash"
        ),
        pytest.param(MODELS + "streams: {[a]: 1}", "2:11: streams: a key must be a word", id="key"),
        pytest.param(
            MODELS + "serving: {host: 0.0.0.0}",
            "2:17: serving.host: 0.0.0.0 can be reached from elsewhere: set token",
            id="exposed without a token",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: ''}}",
            "2:23: streams.a.source: give a file, an address", id="no source",
        ),
        *(
            pytest.param(
                MODELS + f"streams: {{a: {{source: x, adaptive: {{sizes: [320, {size}]}}}}}}",
                f"2:50: streams.a.adaptive.sizes.1: must be {what}", id=f"size {size}",
            )
            for size, what in ((33, "a multiple of 32"), (-5, "a multiple of 32"), (0, "greater than 0"))
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, min_fps: 10, adaptive: {max_fps: 2}}}",
            "2:35: streams.a.min_fps: 10 a second are kept for it, but adaptive.max_fps analyses 2",
            id="rates that exclude one another",
        ),
        pytest.param(
            MODELS + "serving: {port: 8001}",
            "2:17: serving.port: gRPC has port 8001 too", id="one port for two",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: stream_down_s, above: 1, model: m}]",
            "2:60: alerts.0.model: stream_down_s is of streams", id="a stream's metric of a model",
        ),
        pytest.param(
            MODELS + "streams: {s: {source: x}}\nalerts: [{name: a, metric: error_rate, above: 0.5, stream: s}]",
            "3:60: alerts.0.stream: error_rate is of models", id="a model's metric of a stream",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: error_rate, above: 2}]",
            "2:47: alerts.0.above: error_rate goes from 0 to 1", id="a rate above 1",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: error_rate, below: 0}]",
            "2:47: alerts.0.below: error_rate goes from 0 to 1", id="a rate below 0",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, model: n}}",
            "2:33: streams.a.model: there is no model n; there are m", id="model of a stream",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: error_rate}]",
            "2:10: alerts.0: give either `above` or `below`", id="rule of two keys",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: latency_p99_ms, above: 1, stream: s}]",
            "2:62: alerts.0.stream: there is no stream s", id="stream of an alert",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: error_rate, above: 1, webhook: 'ftp://x/SECRET'}]",
            "2:59: alerts.0.webhook: an address is written http://host", id="webhook",
        ),
        pytest.param(
            MODELS + "serving: {fetch_from: [10.0.0.1/8]}",
            "2:24: serving.fetch_from.0: 10.0.0.1/8 has host bits set", id="network",
        ),
        pytest.param(
            MODELS + "workers: !!python/object/apply:os.system [id]\n",
            "2:10: workers: the tag !!python/object/apply:os.system is not allowed", id="python tag",
        ),
        pytest.param(
            MODELS + "workers: !mine 3\n", "2:10: workers: the tag !mine is not allowed", id="tag"
        ),
        pytest.param(
            MODELS + "workers: !!int x\n", "2:10: workers: 'x' cannot be read as int", id="forced"
        ),
        pytest.param(
            MODELS + "streams: &s {a: *s}\n",
            "2:10: streams.a: an alias stands inside of what it names", id="endless alias",
        ),
        pytest.param(
            MODELS + "streams: {a: {<<: 3, source: x}}\n",
            "2:19: streams.a: `<<` takes an alias", id="merge of a number",
        ),
    ],
)  # fmt: skip
def test_one_mistake(text: str, expected: str) -> None:
    found = complaints(text)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


def test_a_blank_that_is_missing_within_braces_is_told() -> None:
    _, key = complaints("models: {m: {model:street}}\n")
    assert (
        key
        == "1:14: models.m.model:street: there is no such key; a blank goes behind the colon: `model: ...`"
    )


def test_a_list_whose_entries_are_wrong_is_not_called_too_short() -> None:
    (found,) = complaints(
        MODELS + "streams: {a: {source: x, collect: {folder: f, kinds: [rar]}}}\n"
    )
    assert found == "2:55: streams.a.collect.kinds.0: cannot be rar; did you mean rare?"


@pytest.mark.parametrize("device", ["0", "'0'", "'0,1'", "3"])
def test_a_device_has_its_kind(device: str) -> None:
    (line,) = complaints(f"models: {{m: {{model: a, engine: {{device: {device}}}}}}}")
    assert "m.engine.device: a number alone is no device: the first GPU is cuda:0" in line


STREAM = "streams: {s: {source: a.mp4, %s: 1}}"
MODEL = "models: {m: {model: street, %s: 1}}"


@pytest.mark.parametrize(
    ("text", "word", "hint"),
    [
        (MODELS + "%s: {}", "cameras", "did you mean streams?"),
        (MODELS + "%s: {}", "detectors", "did you mean models?"),
        (MODELS + "%s: {}", "server", "did you mean serving?"),
        (MODELS + "%s: 1", "source", "it stands elsewhere: streams.NAME.source"),
        (MODELS + "%s: 0.4", "confidence", "it stands elsewhere: models.NAME.conf"),
        (MODELS + "streams: {s: {%s: a.mp4}}", "path", "did you mean source?"),
        (MODELS + "streams: {s: {%s: a.mp4}}", "url", "did you mean source?"),
        (MODELS + "streams: {s: {%s: a.mp4}}", "input", "did you mean source?"),
        (MODELS + STREAM, "conf", "it stands elsewhere: models.NAME.conf"),
        (MODELS + STREAM, "vid_stride", "did you mean every?"),
        (MODELS + STREAM, "track_buffer", "it stands under tracker: {lost_buffer_s: ...}"),
        (MODELS + STREAM, "save-txt", "it stands under outputs: {yolo_txt: ...}"),
        (MODELS + STREAM, "sourse", "did you mean source?"),
        ("models: {m: {%s: street}}", "weights", "did you mean model?"),
        ("models: {m: {%s: street}}", "path", "did you mean model?"),
        (MODEL, "confidence", "did you mean conf?"),
        (MODEL, "imgsz", "did you mean size?"),
        (MODEL, "Imgsz", "did you mean size?"),
        (MODEL, "max_det", "did you mean max_detections?"),
        (MODEL, "names", "class names stand in the model's card"),
        (MODEL, "gpu_id", "it stands under engine: {device: ...}"),
        (MODEL, "instance_group", "did you mean replicas?"),
        (MODEL, "batch_size", "it stands elsewhere: scheduler.max_batch"),
        (MODELS + "serving: {%s: 1}", "api_key", "did you mean token?"),
    ],
)
def test_words_of_other_programs(text: str, word: str, hint: str) -> None:
    lines = complaints(text % word)
    assert any(f"{word}: there is no such key; {hint}" in line for line in lines), lines


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


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param("serving: {token: [hunter2]}", id="in a list"),
        pytest.param("serving: {token: {hunter2: 1}}", id="in a mapping"),
        pytest.param(
            "alerts: [{name: a, metric: error_rate, above: 1, webhook: hunter2}]", id="webhook"
        ),
        pytest.param("workers: rtsp://joe:hunter2@cam/", id="password in an address"),
        pytest.param("workers: ${PASSWORD}", id="from the environment"),
    ],
)  # fmt: skip
def test_secrets_are_not_told(secret: str) -> None:
    assert "hunter2" not in "\n".join(complaints(MODELS + secret, PASSWORD="hunter2"))


def test_a_secret_that_is_taken_for_a_number_is_not_told() -> None:
    (found,) = complaints(MODELS + "serving: {token: 471147}")
    assert found == "2:18: serving.token: wants text or null, not what is given; put it in quotes"


def test_an_empty_token_is_refused() -> None:
    (found,) = complaints(MODELS + "serving: {token: '${T:-}'}")
    assert found.startswith("2:18: serving.token: ")


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


def fields(kind: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a class of options, however deep: ``streams/*/source``, and its type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield f"{at}{name}", info
            yield from fields(info.annotation, f"{at}{name}/")
    star = typing.get_origin(kind) in {dict, tuple}
    for inner in typing.get_args(kind):
        yield from fields(inner, f"{at}*/" if star else at)


def test_the_table_knows_every_path() -> None:
    paths = {
        at for at, info in fields(Configuration) if re.search(r"\bPath\b", str(info.annotation))
    }
    known = {"/".join(pattern).removesuffix("/*") for pattern in path_patterns(Configuration)}
    assert paths <= known
    assert {"streams/*/source", "streams/*/outputs/csv", "models/*/model"} <= known
    assert known <= dict(fields(Configuration)).keys()


def test_where_tells_the_place_of_a_key() -> None:
    text = MODELS + "streams:\n  gate:\n    source: x\n"
    found = config_file.parse(text, FILE, {})
    assert found.where("streams", "gate", "source") == f"{FILE}:4:5"
    assert found.where("streams", "gate", "weight") == f"{FILE}:3:3"


# ---------------------------------------------------------------- schema and example


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA)


def test_every_option_is_described() -> None:
    assert not [at for at, info in fields(Configuration) if not info.description]


def uncommented(text: str) -> str:
    """The example with its commented options put in, explanations left out."""
    lines = text.splitlines()
    return "\n".join(re.sub(r"^( *)# (?=( *[a-z_]+:( |$)| *- \{))", r"\1", line) for line in lines)


@pytest.mark.parametrize("change", [pytest.param(str, id="as is"), pytest.param(uncommented, id="all of it")])  # fmt: skip
def test_the_example_is_right_for_the_reader_and_for_the_schema(change) -> None:
    text = change(EXAMPLE.read_text())
    names = ("GATE_PASSWORD", "SIGHTLINE_TOKEN", "SIGHTLINE_ADMIN_TOKEN")
    environment = {**dict.fromkeys(names, "x"), "ALERT_WEBHOOK": "https://h/x"}
    found = config_file.parse(text, FILE, environment).configuration
    assert found.serving is not None
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(text))
    if change is uncommented:
        assert found.streams["gate"].source == "rtsp://viewer:x@gate.example/stream1"
        assert found.serving.token is not None


@pytest.mark.parametrize("text", ["workers: 65", "workers: yes", "workers: x", "bad: 1",
    "streams: {'a b': {source: x}}", "streams: {a: {source: x, priority: high}}",
    "streams: {a: {}}", "serving: {limits: {body_mb: 0}}"])  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    complaints(MODELS + text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(MODELS + text))


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


def every_option() -> dict[str, Any]:
    """A configuration that names every option with its default, or a value where that is none."""
    given = {
        "model": "street", "source": "street://", "name": "a", "metric": "error_rate", "above": 0.1,
        "token": "x", "admin_token": "y", "webhook": "http://h/", "trace_to": "http://h:4318",
        "devices": ["cpu"], "fetch_from": ["10.0.0.0/8"], "origins": ["http://h"],
    }  # fmt: skip

    def made(kind: type[Options]) -> dict[str, Any]:
        default = json.loads(kind.model_construct().model_dump_json(warnings=False))
        return {**default, **{k: v for k, v in given.items() if k in kind.model_fields}}

    from sightline import config

    model, stream = made(config.ServedModelOptions), made(config.StreamOptions)
    stream["model"] = "m"
    alert = made(config.AlertOptions) | {"model": "m", "stream": "s", "below": None}
    return made(Configuration) | {
        "models": {"m": model},
        "streams": {"s": stream},
        "alerts": [alert],
        "serving": made(config.ServingOptions),
    }


def test_every_option_with_its_default_is_right_for_both() -> None:
    tree = every_option()
    jsonschema.Draft202012Validator(SCHEMA).validate(tree)
    found = config_file.parse(yaml.safe_dump(tree), FILE, {}).configuration
    assert found.serving is not None
    assert set(tree) == set(Configuration.model_fields)
    assert set(tree["serving"]) == set(type(found.serving).model_fields)


@given(st.text(max_size=60) | st.text(alphabet="ab:- []{}&*!'\"#\n\t${}<1", max_size=60))
def test_any_text_gives_a_configuration_or_one_error(text: str) -> None:
    try:
        config_file.parse(MODELS + text, FILE, {})
    except ConfigError as exc:
        assert str(FILE) in str(exc)  # noqa: PT017 - either end is fine


SECRET = "geheim1"


@pytest.mark.parametrize(
    ("options", "values", "said"),
    [
        pytest.param(
            Configuration,
            {"models": {"m": {"model": "x"}}, "serving": {"host": "0.0.0.0", "admin_token": SECRET}},
            r"^serving\.host: 0\.0\.0\.0 can be reached .* SIGHTLINE_TOKEN\), or take 127\.0\.0\.1$",
            id="options that do not go together",
        ),
        pytest.param(
            ServingOptions, {"admin_token": [SECRET]}, r"^admin_token: it must be text$", id="a list"
        ),
        pytest.param(
            ServingOptions, {"token": SECRET.encode() + b"\xff"}, r"^token: .*, not '\*\*\*'$", id="bytes"
        ),
        pytest.param(
            AlertOptions,
            {"name": "a", "metric": "error_rate", "above": 1, "webhook": SECRET},
            r"^webhook: an address is written http://host:port/path",
            id="an address that is secret",
        ),
        pytest.param(
            AlertOptions,
            {"name": "a", "metric": "error_rate", "webhook": f"http://a/{SECRET}"},
            "^give either `above` or `below`$",
            id="a whole section",
        ),
        pytest.param(ServingOptions, {"port": 70000}, "^port: .*65535 or less, not 70000$", id="no secret"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_without_secrets(
    options: type[Options], values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        checked(options, **values)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


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

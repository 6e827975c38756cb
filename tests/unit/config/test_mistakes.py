"""Mistakes are told with their place and what is wanted instead, and without secrets."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from tests.unit.config.read_text import MODELS, complaints

from sightline.config import AlertOptions, Configuration, Options, ServingOptions, checked
from sightline.errors import ConfigError


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

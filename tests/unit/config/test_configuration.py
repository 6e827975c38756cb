"""A whole file: names that nothing has, and which models clients may ask."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.config.read_text import complaints, read

from sightline.config import Configuration, configuration
from sightline.config.tracker import embedder_of

MODELS = "models: {m: {model: street}, names: {model: colours, task: classify}}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            MODELS + "streams: {a: {source: x, model: other}}",
            "streams.a.model: there is no model other; there are m, names",
            id="a stream of a model that is not there",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, model: names}}",
            "streams.a.model: names is a classifier: it finds no objects",
            id="a stream of a classifier",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, stages: [{kind: segment, model: names}]}}",
            "streams.a.stages.0.model: names is a classifier: it finds no objects",
            id="a stage that detects with a classifier",
        ),
        pytest.param(
            "models: {names: {model: colours, task: classify}}",
            "models: all of them are classifiers, embedders or references: which one detects?",
            id="nothing detects",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, model: m, estimate: {reference: m}}}",
            "streams.a.estimate.reference: m is the stream's own model",
            id="a reference that is the model itself",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, estimate: {reference: names}}}",
            "streams.a.estimate.reference: names is a classifier",
            id="a reference that finds nothing",
        ),
        pytest.param(
            "models: {m: {model: a}, l: {model: b}}\nworkers: 2\n"
            "streams: {a: {source: x, model: m, estimate: {reference: l}}}",
            "streams.a.estimate.reference: it needs the streams in this process",
            id="a reference and workers",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x, collect: {folder: f, kinds: [disagreed]}}}",
            "streams.a.collect.kinds.0: disagreed: model default needs a `shadow`",
            id="disagreement of one model",
        ),
        pytest.param(
            "models: {t: {kind: tiles, model: a}}\n"
            "streams: {a: {source: x, model: t, adaptive: {sizes: [640]}}}",
            "streams.a.adaptive.sizes: t is of kind tiles: it has no one input",
            id="sizes of tiles",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: error_rate, above: 0.1, model: x}]",
            "alerts.0.model: there is no model x; there are m, names",
            id="an alert of a model that is not there",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: drift, above: 1, stream: x}]",
            "alerts.0.stream: there is no stream x",
            id="an alert of a stream that is not there",
        ),
        pytest.param(
            MODELS + "alerts: [{name: a, metric: error_rate, above: 0.1, email: [a@b.c]}]",
            "alerts.0.email: there is no server to send it through: give `mail`",
            id="an e-mail without a server",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x}}\nalerts: [{name: a, metric: drift, above: 1}]",
            "alerts.0.metric: drift: no stream is watched: give it `drift`",
            id="drift that nobody watches for",
        ),
        pytest.param(
            MODELS + "streams: {a: {source: x}}\n"
            "alerts: [{name: a, metric: accuracy, below: 0.5, stream: a}]",
            "alerts.0.metric: accuracy: stream a is not watched: give it `estimate`",
            id="accuracy that nobody estimates",
        ),
    ],
)
def test_what_does_not_fit_together(text: str, said: str) -> None:
    (line,) = complaints(text)
    assert said in line


def test_two_alerts_of_one_name() -> None:
    rule = "{name: a, metric: error_rate, above: 0.1}"
    (line,) = complaints(f"{MODELS}alerts: [{rule}, {rule}]")
    assert "alerts.1.name: there are two alerts a" in line


def test_a_service_may_be_given_its_streams_later() -> None:
    rules = "alerts: [{name: a, metric: drift, above: 1, stream: later}]\nserving: {}\n"
    assert read(MODELS + rules).alerts[0].stream == "later"


FULL = """
    models:
      m: {model: street, shadow: {model: next}}
      next: {model: street2}
      names: {model: colours, task: classify}
      looks: {model: looks}
      parts: {model: parts}
      large: {model: large}
      plates: {model: plates}
    streams:
      a:
        source: x
        model: m
        stages: [{model: parts}, {kind: embed, model: looks}, {kind: detect, model: plates}]
        estimate: {reference: large}
        outputs: {database: x.db}
"""


def test_models_that_clients_may_ask_for_objects() -> None:
    """Not classifiers, embedders, shadows and references; but what stages detect with."""
    configuration = read(FULL)
    assert configuration.served_models == ["m", "plates"]
    assert configuration.classifiers == ["names", "parts"]
    assert configuration.shadows == {"next"}


def test_a_stream_of_its_own_makes_an_embedder_or_reference_a_detector_too() -> None:
    configuration = read(FULL + "      b: {source: y, model: large}\n")
    assert configuration.served_models == ["m", "large", "plates"]


def test_the_models_that_are_served_are_found_once_for_all_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    def counted(tracker: Any) -> str | None:
        nonlocal asked
        asked += 1
        return embedder_of(tracker)

    monkeypatch.setattr(configuration, "embedder_of", counted)
    streams = {f"s{number}": {"source": "x"} for number in range(200)}
    found = Configuration.model_validate({"models": {"m": {"model": "street"}}, "streams": streams})
    assert found.served_models == ["m"]
    assert asked == 200, "else 3000 streams take minutes"


def test_a_copy_with_other_models_serves_those() -> None:
    found = Configuration.model_validate({"models": {"m": {"model": "street"}}})
    assert found.served_models == ["m"]
    models = {**found.models, "other": found.models["m"]}
    assert found.model_copy(update={"models": models}).served_models == ["m", "other"]
    assert found.served_models == ["m"]

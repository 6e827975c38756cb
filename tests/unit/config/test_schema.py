"""The JSON schema of the file accepts what the reader accepts."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml
from tests.unit.config.read_text import FILE, MODELS, SCHEMA, complaints, fields

from sightline.cli.config import EXAMPLE
from sightline.config import Configuration, Options
from sightline.config import file as config_file

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

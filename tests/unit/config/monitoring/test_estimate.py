"""Estimates that cannot be made are refused, and say at which key."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sightline.config import Configuration

MODELS: dict[str, Any] = {"small": {"model": "a.onnx"}, "large": {"model": "b.onnx"}}


def site(stream: dict[str, Any] | None = None, **more: Any) -> Configuration:
    gate = {"source": "street://", "model": "small", "estimate": {"reference": "large"}}
    streams = {"gate": {**gate, **(stream or {})}}
    return Configuration.model_validate({"models": MODELS, "streams": streams, **more})


def alert(**rule: Any) -> dict[str, Any]:
    return {"alerts": [{"name": "worse", "metric": "accuracy", "below": 0.5, **rule}]}


def test_a_reference_answers_nobody_unless_a_stream_uses_it() -> None:
    assert site().served_models == ["small"]
    other = {"source": "street://", "model": "large"}
    both = {"gate": dict(site().streams["gate"]), "yard": other}
    assert Configuration.model_validate({"models": MODELS, "streams": both}).served_models == [
        "small",
        "large",
    ]
    assert site(**alert(stream="gate")).alerts


@pytest.mark.parametrize(
    ("stream", "more", "where", "what"),
    [
        pytest.param({"model": "large"}, {}, "estimate.reference", "own model", id="itself"),
        pytest.param(
            {"model": "default", "estimate": {"reference": "small"}}, {}, "estimate.reference",
            "own model", id="the default itself",
        ),
        pytest.param({}, {"workers": 2}, "estimate.reference", "leave out `workers`", id="workers"),
        pytest.param(
            {}, {"models": {**MODELS, "large": {"model": "c.onnx", "task": "classify"}}},
            "estimate.reference", "finds no objects", id="classifier",
        ),
        pytest.param({"adaptive": {"sizes": [320]}}, {}, "estimate", "one size", id="sizes"),
        pytest.param({"detect": {"regions": "motion"}}, {}, "estimate", "whole", id="regions"),
        pytest.param({"estimate": None}, alert(), "alerts.0.metric", "`estimate`", id="nobody"),
        pytest.param({}, alert(below=-1), "alerts.0.below", "from 0 to 1", id="never"),
        pytest.param({}, alert(model="small"), "alerts.0.model", "of streams", id="of a model"),
    ],
)  # fmt: skip
def test_what_cannot_be(
    stream: dict[str, Any], more: dict[str, Any], where: str, what: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        site(stream, **more)
    told = str(refused.value)
    assert what in told
    assert where in told

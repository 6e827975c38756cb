"""What ``sightline monitor init`` writes, with a real Prometheus that reads a real service."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.command import in_process
from tests.ports import free_port
from tests.waiting import wait_for

from sightline.build.service import Installation
from sightline.config import (
    CollectFramesOptions,
    Configuration,
    DriftOptions,
    EstimateAccuracyOptions,
    HistoryOptions,
)
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server

PLAIN = {"model": "street", "backend": "onnxruntime", "size": 320, "warm_up": False}
SITE = {
    "models": {
        "street": {**PLAIN, "split": {"model": "next", "share": 0.5, "compare": 1.0}},
        "next": PLAIN,
    },
    "streams": {"gate": {"source": "street://?seed=5&width=640&height=360", "realtime": True}},
    "serving": {"port": 0, "limits": {"queue_ms": 1e5, "timeout_ms": 1e5}},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Server]:
    configuration = Configuration.model_validate(SITE)
    (gate,) = configuration.streams.values()
    watched = gate.model_copy(
        update={
            "drift": DriftOptions(reference=tmp_path / "gate.json"),
            "collect": CollectFramesOptions(folder=tmp_path / "hard", every_s=0.1),
            "estimate": EstimateAccuracyOptions(every_s=0.2),
        }
    )
    history = HistoryOptions(database=str(tmp_path / "history.db"))
    update = {"streams": {"gate": watched}, "history": history}
    configuration = configuration.model_copy(update=update)
    assert configuration.serving is not None
    installation = Installation(configuration)
    site, meter = installation.application, installation.meter
    site.open()
    app = create_app(
        site.repository, site.scheduler, site.fleet, configuration.serving, meter,
        observer=partial(meter.answered, "http"), rollouts=lambda: site.rollouts.by_model,
    )  # fmt: skip
    server = Server(app, configuration.serving, [])
    server.start()
    yield server
    server.stop()
    site.close()


@pytest.fixture
def prometheus(
    service: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[str]:  # fmt: skip
    """The address of a Prometheus that was started with what the command has written."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    target = service.url.removeprefix("http://")
    done = in_process(tmp_path, monkeypatch, capsys)("monitor", "init", "watch", "--target", target)
    assert done.returncode == 0, done.stderr
    config = tmp_path / "watch" / "prometheus.yml"
    often = "250ms\n  scrape_timeout: 250ms"  # nobody waits for ten seconds here
    config.write_text(
        config.read_text().replace("scrape_interval: 10s", f"scrape_interval: {often}")
    )
    port = free_port()
    process = subprocess.Popen(
        [
            program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def asked(prometheus: str, path: str, **parameters: str) -> Any:
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            url, timeout=10
        ) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        return json.load(exc)
    except OSError:
        return {"status": "not up yet", "data": {"result": []}}


def test_every_query_and_rule_answers(service: Server, prometheus: str, tmp_path: Path) -> None:
    picture = cv2.imencode(".jpg", np.full((360, 640, 3), 90, np.uint8))[1].tobytes()
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60) as client:
        for _ in range(3):
            client.post("/detect", content=picture, headers={"Content-Type": "image/jpeg"})

        def fed(query: str) -> bool:
            return bool(asked(prometheus, "query", query=query)["data"]["result"])

        wait_for(lambda: fed("sightline_rollout_agreement > 0"), "nothing was compared", 60)
        estimate = "sightline_stream_estimated_class_accuracy"
        wait_for(lambda: fed(estimate), "nothing was estimated", 60)
        client.post("/models/street/rollout/rollback").raise_for_status()
        client.post("/detect", content=picture, headers={"Content-Type": "image/jpeg"})
        shown = set(re.findall(r"^sightline_\w+", client.get("/metrics").text, re.MULTILINE))
    silent = []
    files = sorted((tmp_path / "watch" / "grafana" / "dashboards").glob("*.json"))
    expressions = [
        target["expr"].replace("$__rate_interval", "30s")
        for file in files
        for panel in json.loads(file.read_text())["panels"]
        for target in panel["targets"]
    ]
    assert len(expressions) > 40
    for expression in expressions:
        there = set(re.findall(r"sightline_\w+", expression)) <= shown
        found: Any = {}

        def answers(expression: str = expression, there: bool = there) -> bool:
            nonlocal found
            found = asked(prometheus, "query", query=expression)
            assert found["status"] == "success", (expression, found)
            return bool(found["data"]["result"]) or not there

        wait_for(answers, f"{expression} finds nothing")
        if not there:
            silent.append(expression)
    # What has no value here: hardware that is not there, and what did not happen.
    assert all(re.search("gpu|energy|refused|dropped|cpu_seconds", one) for one in silent), silent
    wait_for(lambda: rules(prometheus) and all(one["health"] == "ok" for one in rules(prometheus)))
    assert {one["name"] for one in rules(prometheus) if one["state"] == "firing"} <= {
        "SightlineFewFrames"
    }


def rules(prometheus: str) -> list[dict[str, Any]]:
    groups = asked(prometheus, "rules")["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]

"""The table that dashboards and rules are made of."""

from __future__ import annotations

import re
from pathlib import Path

from sightline.monitoring.provisioning.metric_table import metric_table

DOCS = Path(__file__).resolve().parents[4] / "docs" / "reference" / "metrics.md"


def test_the_table_has_every_metric() -> None:
    told = set(re.findall(r"^\| `(sightline_[a-z0-9_]+)` \|", DOCS.read_text(), re.MULTILINE))
    assert {row.series.removesuffix("_bucket") for row in metric_table()} == told

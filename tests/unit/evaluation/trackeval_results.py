"""What TrackEval calls the figures of tracking."""

from __future__ import annotations

from typing import Any

import numpy as np


def theirs(results: dict[str, Any]) -> dict[str, float]:
    """TrackEval's results under our names."""
    names = {
        "hota": "HOTA", "deta": "DetA", "assa": "AssA", "loca": "LocA", "mota": "MOTA",
        "motp": "MOTP", "idf1": "IDF1", "idp": "IDP", "idr": "IDR", "switches": "IDSW",
        "fragments": "Frag", "mostly_tracked": "MT", "mostly_lost": "ML",
        "false_positives": "CLR_FP", "misses": "CLR_FN",
    }  # fmt: skip
    return {own: float(np.mean(results[name])) for own, name in names.items()}

"""Outputs that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.errors import InferenceError
from sightline.optimize.variants.finite import check_finite
from sightline.types import TensorSpec


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_output_that_is_no_number_is_named(value: float) -> None:
    specs = [TensorSpec("boxes", (1, 4)), TensorSpec("scores", (1, 4))]
    good, bad = np.zeros((1, 4), np.float32), np.full((1, 4), value, np.float32)
    check_finite([good, good], specs)
    with pytest.raises(InferenceError, match="output scores"):
        check_finite([good, bad], specs)

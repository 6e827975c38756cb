"""What becomes of items that cannot be delivered."""

from __future__ import annotations

import logging

import pytest
from tests.waiting import wait_for

from sightline.monitoring.delivery import DeliveryFailure, RetriedDelivery


def test_an_attempt_that_breaks_is_not_the_end_of_all_later_ones(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    arrived: list[str] = []

    def attempt(item: str) -> DeliveryFailure[str] | None:
        item.encode("ascii")
        arrived.append(item)
        return None

    delivery = RetriedDelivery("e-mail", attempt)
    delivery.put("slow", "secret \u00e9")
    delivery.put("slow", "second")
    wait_for(lambda: arrived == ["second"])
    delivery.close()
    assert (
        "e-mail of alert slow: given up after 1: cannot be sent: UnicodeEncodeError" in caplog.text
    )
    assert "secret" not in caplog.text

"""Which request and stream a thread or task works on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sightline.monitoring.context import bound, bound_ids


def test_nothing_is_bound_by_default() -> None:
    assert dict(bound_ids()) == {}


def test_inner_ids_add_to_and_hide_outer_ones() -> None:
    with bound(request="1", stream="gate"):
        with bound(stream="yard", job="x"):
            assert dict(bound_ids()) == {"request": "1", "stream": "yard", "job": "x"}
        assert dict(bound_ids()) == {"request": "1", "stream": "gate"}
    assert dict(bound_ids()) == {}


def test_an_error_leaves_nothing_bound() -> None:
    with pytest.raises(ValueError, match="x"), bound(request="1"):
        raise ValueError("x")
    assert dict(bound_ids()) == {}


def test_a_task_inherits_and_a_thread_does_not() -> None:
    async def run() -> tuple[dict[str, str], dict[str, str]]:
        async def inner() -> dict[str, str]:
            with bound(part="b"):
                await asyncio.sleep(0)
                return dict(bound_ids())

        with bound(request="1"):
            task = asyncio.ensure_future(inner())
        return await task, dict(bound_ids())

    assert asyncio.run(run()) == ({"request": "1", "part": "b"}, {})
    found: list[dict[str, str]] = []
    with bound(request="1"):
        thread = threading.Thread(target=lambda: found.append(dict(bound_ids())))
        thread.start()
        thread.join()
    assert found == [{}]

"""What the calls of the protocol do, whatever transport brings them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.unit.serving.kserve.served_stand_in import PICTURE, Served, ask, blank, tensor

from sightline.errors import (
    DeadlineExceeded,
    InferenceError,
    InvalidRequest,
    NotFound,
    Overloaded,
)
from sightline.serving.kserve.open_inference import OpenInference, kept
from sightline.serving.kserve.tensors import (
    InferRequest,
    InputTensor,
)


async def turns() -> None:
    """Whatever can go on goes on until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestInfer:
    def test_outputs_of_a_network(self, service: OpenInference) -> None:
        found = ask(service, blank(value=2))
        assert [o.name for o in found] == ["sum", "mean"]
        assert found[0].array.item() == 2 * 32 * 32 * 3

    def test_a_batch_is_run_as_single_pictures(
        self, service: OpenInference, served: Served
    ) -> None:
        batch = np.stack([np.full((32, 64, 3), v, np.uint8) for v in (1, 2, 3)])
        total, mean = ask(service, tensor(batch))
        assert mean.array.tolist() == [[1], [2], [3]]
        assert total.array.shape == (3, 1)
        assert len(served.futures) == 3

    def test_outputs_without_a_row_for_each_picture_cannot_be_joined(
        self, service: OpenInference, served: Served
    ) -> None:
        served.rows = 2
        assert ask(service, blank())[0].array.shape == (2, 1)
        with pytest.raises(InvalidRequest, match="send one at a time"):
            ask(service, blank(2))

    def test_chosen_outputs(self, service: OpenInference) -> None:
        assert [o.name for o in ask(service, blank(), outputs=["mean"])] == ["mean"]
        assert [o.name for o in ask(service, blank(), outputs=["mean", "sum"])] == ["mean", "sum"]

    @pytest.mark.parametrize(
        ("tensors", "more", "complaint"),
        [
            pytest.param([], {}, "input 'images': must be given once, not 0", id="none"),
            pytest.param([blank(), blank()], {}, "once, not 2 times", id="twice"),
            pytest.param(
                [tensor(PICTURE, "other")], {}, "input 'other': the model has no such", id="name"
            ),
            pytest.param([blank(4)], {}, "input 'images': a batch has 3 pictures", id="batch"),
            pytest.param([blank(1, 33, 32)], {}, "one of 32x32, 32x64; not 33x32", id="size"),
            pytest.param([blank(1, 64, 32)], {}, "not 64x32", id="sides exchanged"),
            pytest.param([blank()], {"outputs": ["x"]}, "output 'x': the model has no", id="output"),
            pytest.param([blank()], {"parameters": {"priority": 9}}, "'priority' must", id="priority"),
            pytest.param(
                [blank()], {"parameters": {"priority": True}}, "'priority' must", id="priority true"
            ),
            pytest.param([blank()], {"parameters": {"timeout": -1}}, "'timeout' must", id="timeout"),
            pytest.param(
                [blank()], {"parameters": {"timeout": 1.5}}, "'timeout' must", id="half a timeout"
            ),
            pytest.param([blank()], {"parameters": {"client": ""}}, "'client' must", id="no client"),
            pytest.param([blank()], {"parameters": {"client": 5}}, "'client' must", id="client"),
            pytest.param(
                [blank()], {"parameters": {"client": "x" * 65}}, "'client' must", id="long client"
            ),
        ],
    )  # fmt: skip
    def test_refused(
        self,
        service: OpenInference,
        served: Served,
        tensors: Sequence[InputTensor],
        more: dict[str, Any],
        complaint: str,
    ) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            ask(service, *tensors, **more)
        assert not served.futures

    @pytest.mark.parametrize(("name", "version"), [("other", ""), ("tiny", "2"), ("x.detect", "")])
    def test_no_such_model(self, service: OpenInference, name: str, version: str) -> None:
        with pytest.raises(NotFound):
            ask(service, blank(), model=name, version=version)
        with pytest.raises(NotFound):
            service.model_ready(name, version)

    @pytest.mark.parametrize(
        ("parameters", "client", "priority", "timeout_s"),
        [
            pytest.param({}, "me", "normal", 10.0, id="nothing said"),
            pytest.param({"priority": 0}, "me", "normal", 10.0, id="Triton's default"),
            pytest.param({"priority": 1, "timeout": 2_000_000}, "me", "urgent", 2.0, id="Triton's"),
            pytest.param({"priority": "batch", "client": "you"}, "you", "batch", 10.0, id="ours"),
            pytest.param({"timeout": 10**400}, "me", "normal", 3600.0, id="no end"),
            pytest.param(
                {"sequence_id": 5, "sequence_start": True}, "me", "normal", 10.0, id="other"
            ),
        ],
    )
    def test_terms(
        self,
        service: OpenInference,
        served: Served,
        parameters: dict[str, Any],
        client: str,
        priority: str,
        timeout_s: float,
    ) -> None:
        before = time.monotonic()
        ask(service, blank(), parameters=parameters)
        (terms,) = served.terms
        assert (terms.client, terms.priority) == (client, priority)
        assert terms.deadline is not None
        assert before + timeout_s <= terms.deadline <= time.monotonic() + timeout_s

    def test_the_transports_deadline_counts_too(
        self, service: OpenInference, served: Served
    ) -> None:
        deadline = time.monotonic() + 1
        request = InferRequest("tiny", [blank()], parameters={"timeout": 5_000_000})
        asyncio.run(service.infer(request, "me", kept, deadline))
        assert served.terms[0].deadline == deadline

    def test_cancelling_cancels_the_work(self, service: OpenInference, served: Served) -> None:
        served.hold = True

        async def ask_and_leave() -> None:
            task = asyncio.create_task(service.infer(InferRequest("tiny", [blank(3)]), "me", kept))
            await asyncio.sleep(0)  # the task runs until it waits
            assert len(served.futures) == 3
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(ask_and_leave())
        assert all(f.cancelled() for f in served.futures)

    def test_work_that_does_not_end_is_given_up(
        self, service: OpenInference, served: Served
    ) -> None:
        served.hold = True
        with pytest.raises(DeadlineExceeded):
            ask(service, blank(), parameters={"timeout": 1000})
        assert served.futures[0].cancelled()

    def test_a_batch_waits_for_its_own_pictures_only(
        self, service: OpenInference, served: Served
    ) -> None:
        """The queue takes two at a time; the others go in as these come back."""
        served.hold, served.refuse_after = True, 2

        async def run() -> Any:
            task = asyncio.create_task(service.infer(InferRequest("tiny", [blank(3)]), "me", kept))
            await turns()
            assert len(served.futures) == 2
            served.refuse_after = 3
            served.futures[0].set_result([np.full((1, 1), 0)] * 2)
            await turns()
            assert len(served.futures) == 3
            for index in (2, 1):
                served.futures[index].set_result([np.full((1, 1), index)] * 2)
            return await task

        _, outputs = asyncio.run(run())
        assert outputs[0].array.ravel().tolist() == [0, 1, 2]

    def test_a_batch_is_refused_where_others_fill_the_queue(
        self, service: OpenInference, served: Served
    ) -> None:
        served.refuse_after = 0
        with pytest.raises(Overloaded):
            ask(service, blank(3))

    @pytest.mark.parametrize("twice", [("sum", "sum"), ("sum", "mean", "sum")])
    def test_an_output_is_given_once(self, service: OpenInference, twice: tuple[str, ...]) -> None:
        """Else an answer is a thousand times the request."""
        request = InferRequest("tiny", [blank(1)], outputs=twice)
        with pytest.raises(InvalidRequest, match="asked for twice"):
            asyncio.run(service.infer(request, "me", kept))

    def test_the_first_failure_is_told(self, service: OpenInference, served: Served) -> None:
        served.hold = True

        async def run() -> None:
            task = asyncio.create_task(service.infer(InferRequest("tiny", [blank(2)]), "me", kept))
            await asyncio.sleep(0)  # the task runs until it waits
            served.futures[0].set_exception(InferenceError("broken"))
            await task

        with pytest.raises(InferenceError, match="broken"):
            asyncio.run(run())
        assert served.futures[1].cancelled()

"""Second models beside those that answer: what came of them, and promoting them or taking them back."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request

from sightline.config import Name
from sightline.errors import ConfigError, Conflict, EngineError, ModelError, NotFound
from sightline.runtime.rollouts.rollout import Rollout
from sightline.serving.http.state import ServiceState, state_of
from sightline.serving.http.validation import exact_query
from sightline.serving.routes.openapi import FAILURES
from sightline.types import JsonObject, RolloutReason

router = APIRouter(tags=["rollouts"], dependencies=[Depends(exact_query)])
_RESPONSES: dict[int | str, JsonObject] = {
    status: FAILURES[status] for status in (401, 403, 404, 422)
}
_CHANGES: dict[int | str, JsonObject] = {
    **_RESPONSES,
    409: {"description": "it cannot be done now; what answered before goes on"},
}

BY_HAND = (RolloutReason("by hand", "by hand"),)


@router.get("/rollouts")
async def rollouts(request: Request) -> JsonObject:
    """All models that have a second one beside them, and what came of it so far."""
    found = state_of(request).rollouts()
    return {"rollouts": [rollout.stats().to_dict() for rollout in found.values()]}


@router.get("/models/{name}/rollout", responses=_RESPONSES)
async def rollout(request: Request, name: Name) -> JsonObject:
    """The second model beside one: agreement, latency, cost, and what was decided."""
    return _rollout(state_of(request), name).stats().to_dict()


@router.post("/models/{name}/rollout/{action}", responses=_CHANGES)
async def change(
    request: Request, name: Name, action: Literal["promote", "rollback", "restart"]
) -> JsonObject:
    """Let the second model take the first one's place, give it back, or begin anew. No request fails."""
    found = _rollout(state_of(request), name)
    try:
        await asyncio.to_thread(_change, found, action)
    except (ModelError, ConfigError, EngineError) as exc:  # they name files of this computer
        raise Conflict(f"model {found.second_model} was not loaded: see the log") from exc
    return found.stats().to_dict()


def _change(found: Rollout, action: Literal["promote", "rollback", "restart"]) -> None:
    if action == "promote":
        found.promote(BY_HAND)
    elif action == "rollback":
        found.roll_back(BY_HAND)
    else:
        found.restart()


def _rollout(service: ServiceState, name: str) -> Rollout:
    full_name = service.repository.state(name).name
    found = service.rollouts().get(full_name)
    if found is None:
        raise NotFound(
            f"model {full_name!r} has no second model: `shadow`, `split` or `canary` gives it one"
        )
    return found

"""``GET /report``: what streams and models did, as a page for a browser or as JSON."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from sightline.runtime.history.reports import Last, ReportRequest, ServedReports
from sightline.serving.http.schemas import WantedReport
from sightline.serving.http.signatures import LONGEST_S
from sightline.serving.http.state import state_of
from sightline.serving.http.validation import exact_query
from sightline.serving.routes.openapi import FAILURES
from sightline.types import JsonObject

router = APIRouter(tags=["reports"], dependencies=[Depends(exact_query)])

_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_RESPONSES: dict[int | str, JsonObject] = {
    200: {"content": {"text/html": {}, "application/json": {}}},
    409: {"description": "there is nothing to report on yet"},
    **{status: FAILURES[status] for status in (401, 403, 404, 422, 503)},
}


@router.get("/report", responses=_RESPONSES, response_class=Response)
async def report(request: Request, asked: Annotated[WantedReport, Query()]) -> Response:
    """A report of the last day, week or other time: traffic, latency, availability, drift, what to do."""
    reports = state_of(request).reported
    as_page = asked.format == "html"
    if asked.format is None:
        as_page = "text/html" in request.headers.get("accept", "")
    content = await asyncio.to_thread(_made, reports, asked, "html" if as_page else "json")
    headers = {"Vary": "Accept", "Cache-Control": "no-store"}
    if isinstance(content, str):
        return HTMLResponse(content, headers={**headers, "Content-Security-Policy": _CSP})
    return JSONResponse(content, headers=headers)


@router.get("/report/link", responses={s: _RESPONSES[s] for s in (401, 403, 404, 422)})
async def link(
    request: Request,
    last: Last = "day",
    seconds: Annotated[int, Query(ge=1, le=LONGEST_S)] = 300,
) -> JsonObject:
    """A signed address of a report's page, for a browser: it needs no token, and expires."""
    service = state_of(request)
    _ = service.reported  # NotFound
    url, expires = service.signer.sign("/report", seconds, [("last", last), ("format", "html")])
    return {"url": url, "expires": expires}


def _made(reports: ServedReports, asked: WantedReport, form: str) -> str | JsonObject:
    from sightline.monitoring.reports.page import report_page

    wanted = ReportRequest(
        asked.last, asked.after, asked.before, tuple(asked.streams or ()), tuple(asked.models or ())
    )
    facts = reports.make(wanted)
    return report_page(facts) if form == "html" else facts.to_dict()

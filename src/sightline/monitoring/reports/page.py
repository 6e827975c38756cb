"""A report as one page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sightline._version import __version__
from sightline.imaging.html_page import html_page, shown
from sightline.monitoring.history.series import HOUR_S, MINUTE_S
from sightline.monitoring.reports.advice import ACCURACY, BOUNDS
from sightline.monitoring.reports.charts import TimeAxis, lines, stacked_bars, strip
from sightline.monitoring.reports.facts import ReportFacts, StreamFacts
from sightline.monitoring.reports.words import (
    duration,
    local,
    milliseconds,
    percent,
    period,
    whole,
)

_STYLE = """
h1{margin:0;font-size:1.7em}h2{margin:2.2em 0 .4em;font-size:1.3em;border-top:1px solid var(--line);padding-top:1em}
h3{margin:1.6em 0 .3em;font-size:1em}p{margin:.4em 0}.soft,.legend,svg text{color:var(--soft)}
svg{display:block;width:100%;margin:.3em 0}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5em,1fr));gap:.8em;margin:1em 0}
.card{background:var(--panel);border-radius:8px;padding:.7em 1em}.card b{display:block;font-size:1.35em;font-weight:600}
.card span{color:var(--soft);font-size:.9em}ul.todo{list-style:none;padding:0;margin:1em 0}
ul.todo li{background:var(--panel);border-left:4px solid var(--warn);border-radius:4px;padding:.5em .9em;margin:.5em 0}
ul.todo li.fine{border-color:var(--good)}table{width:100%;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(20em,1fr));gap:0 2em}
.two h3{margin-top:1em}td.words{text-align:left}.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.legend{font-size:.9em;display:flex;flex-wrap:wrap;gap:.2em 1.2em}.legend svg{display:inline;width:.8em;height:.8em;
margin-right:.4em}.g{stroke:var(--line)}.h{fill:transparent}polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}
rect.ok{fill:var(--good)}rect.drift{fill:var(--warn)}rect.down{fill:var(--bad)}
.k0,.d0{fill:#2f7ea6}.k1,.d1{fill:#e08a3c}.k2,.d2{fill:#5aa469}.k3{fill:#b565a7}.k4{fill:#c9b037}.k5{fill:#7d8bc4}
.k6{fill:#9aa5ae}.l0{stroke:#2f7ea6}.l1{stroke:#e08a3c}.l2{stroke:#5aa469}
@media print{body{margin:0}h2{break-before:auto}.card,ul.todo li{border:1px solid var(--line)}}
"""
_STREAM_SECTIONS = 60
"""Streams that have a section with charts: a page of more is too long for a browser. The table has all."""


def report_page(facts: ReportFacts) -> str:
    """The page. All names in it are escaped."""
    axis = TimeAxis(facts.time.after, facts.time.before, facts.time.step_s)
    title = period(axis.after, axis.before)
    parts = [
        "<h1>Sightline report</h1>",
        f'<p class="soft">{shown(title)} · {shown(duration(axis.before - axis.after))} · {shown(facts.database)}</p>',
    ]
    if facts.empty is not None:
        parts.append(f'<ul class="todo"><li>{shown(facts.empty)}</li></ul>')
    else:
        parts += [_cards(_totals(facts)), *_todo(facts), *_overview(facts)]
        for number, stream in enumerate(facts.streams[:_STREAM_SECTIONS]):
            parts += _stream(number, stream, axis)
        if len(facts.streams) > _STREAM_SECTIONS:
            left = len(facts.streams) - _STREAM_SECTIONS
            parts.append(
                f'<p class="soft">{left} more streams: name some to have their charts.</p>'
            )
        parts += [*_models(facts), *_service(facts)]
    parts.append(f'<p class="soft">Sightline {__version__}. Times are those of this computer.</p>')
    return html_page(f"Sightline: {title}", "".join(parts), _STYLE)


def _cards(facts: Sequence[tuple[str, str]]) -> str:
    items = "".join(
        f'<div class="card"><b>{shown(value)}</b><span>{shown(name)}</span></div>'
        for value, name in facts
    )
    return f'<div class="cards">{items}</div>'


def _totals(facts: ReportFacts) -> list[tuple[str, str]]:
    streams = facts.streams
    known = [one.availability for one in streams if one.availability is not None]
    drifted = sum(1 for one in streams if one.drift_s.get("drift"))
    watched = sum(1 for one in streams if one.drift_s)
    return [
        (whole(len(streams)), "streams"),
        (percent(sum(known) / len(known)) if known else "–", "available"),
        (whole(sum(sum(one.traffic.values()) for one in streams)), "objects"),
        (whole(sum(one.frames["analyzed"] for one in streams)), "frames analysed"),
        (f"{drifted} of {watched}" if watched else "not watched", "with drift"),
        (duration(facts.time.recorded_s), "recorded"),
    ]


def _todo(facts: ReportFacts) -> Iterator[str]:
    found = facts.to_do()
    yield "<h2>What to do</h2>"
    if not found:
        yield '<ul class="todo"><li class="fine">Nothing: all is as it should be.</li></ul>'
        return
    items = (
        f"<b>{shown(name)}</b>: {shown(words)}" if name else shown(words) for name, words in found
    )
    yield f'<ul class="todo">{"".join(f"<li>{item}.</li>" for item in items)}</ul>'


def _overview(facts: ReportFacts) -> Iterator[str]:
    heads = (
        "stream",
        "model",
        "available",
        "objects",
        "analysed",
        "dropped",
        "p50",
        "p95",
        "p99",
        "drift",
    )
    rows = []
    for number, one in enumerate(facts.streams):
        name = shown(one.name)
        linked = f'<a href="#s{number}">{name}</a>' if number < _STREAM_SECTIONS else name
        latency = [shown(milliseconds(one.latency_ms[key])) for key in ("p50", "p95", "p99")]
        cells = [
            linked, shown(", ".join(one.models)), _availability(one), whole(sum(one.traffic.values())),
            whole(one.frames["analyzed"]), whole(sum(one.dropped.values())), *latency, _drift_word(one),
        ]  # fmt: skip
        rows.append(cells)
    if rows:
        yield "<h2>Streams</h2>"
        yield _table(heads, rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{shown(head)}</th>" for head in heads) if any(heads) else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _availability(one: StreamFacts) -> str:
    if one.availability is None:
        return "–"
    colour = "good" if one.availability >= 0.99 else "warn" if one.availability >= 0.9 else "bad"
    return f'<span class="{colour}">{percent(one.availability)}</span>'


def _drift_word(one: StreamFacts) -> str:
    if not one.drift_s:
        return "not watched"
    if one.drift_s.get("drift"):
        return f'<span class="warn">{duration(one.drift_s["drift"])}</span>'
    state = next(iter(one.drift_s))
    return '<span class="good">none</span>' if state == "usual" else shown(state)


def _stream(number: int, one: StreamFacts, axis: TimeAxis) -> Iterator[str]:
    yield f'<h2 id="s{number}">{shown(one.name)}</h2>'
    yield strip(axis, {step["start"]: _cell(step) for step in one.steps})
    for problem in one.quality:
        times = ", ".join(f"{local(begin)} to {local(end)}" for begin, end in problem.times[:8])
        yield f"<p>In {percent(problem.share)} of the pictures {shown(problem.words)}{shown(': ' + times) if times else ''}.</p>"
    step = {MINUTE_S: "minute", HOUR_S: "hour"}.get(axis.step_s, "day")
    counted = (
        "when they come"
        if one.counted_by == "tracks"
        else "new in sampled frames, since nothing is tracked"
    )
    yield f"<h3>Objects by {step}, {counted}</h3>"
    yield stacked_bars(axis, {s["start"]: s["traffic"] for s in one.steps})
    yield "<h3>Latency, from decoded to analysed (ms)</h3>"
    curves = {
        name: {
            s["start"]: s["latency_ms"][name]
            for s in one.steps
            if s["latency_ms"][name] is not None
        }
        for name in ("p50", "p95", "p99")
    }
    yield lines(axis, curves, "ms")
    if any(s["means"] for s in one.steps):
        yield "<h3>Mean brightness of the pictures (0 to 255)</h3>"
        yield lines(axis, {"brightness": _curve(one, "brightness")}, "", (0, 255), 90)
    yield from _drift(one)
    yield from _accuracy(one, axis)
    yield '<div class="two">'
    yield from _counts("Frames not analysed, by reason", one.dropped, one.frames["read"])
    yield from _counts("Left out of results, by stage", one.missing)
    yield from _counts("Errors", one.errors)
    states = {state: round(seconds) for state, seconds in one.states_s.items()}
    yield from _counts("State", states, sum(states.values()), duration)
    yield "</div>"


def _cell(step: Mapping[str, float]) -> tuple[str, str]:
    down, up, drift = step["down_s"], step["up_s"], step["drift_s"]
    if down > up:
        return "down", f"not running for {duration(down)}"
    if drift > up / 2:
        return "drift", f"drift for {duration(drift)}"
    more = f", not running for {duration(down)}" if down >= 1 else ""
    return "ok", f"running{more}"


def _curve(one: StreamFacts, name: str) -> dict[int, float]:
    return {s["start"]: s["means"][name] for s in one.steps if name in s["means"]}


def _drift(one: StreamFacts) -> Iterator[str]:
    if one.drift_causes:
        yield "<h3>Drift</h3>"
        rows = [
            [
                shown(cause.words), duration(cause.seconds), shown(local(cause.first)), shown(local(cause.last)),
                f'<span class="soft">{shown(cause.advice)}</span>',
            ]
            for cause in one.drift_causes
        ]  # fmt: skip
        yield _table(("likely cause", "for", "first", "last", "what to do"), rows).replace(
            "<td><span", '<td class="words"><span'
        )


def _accuracy(one: StreamFacts, axis: TimeAxis) -> Iterator[str]:
    yield "<h3>Estimated accuracy, and other values</h3>"
    if not one.values:
        why = "nobody estimates the accuracy of this stream"
        if one.accuracy_s:
            why = f"the estimate was {next(iter(one.accuracy_s))}"
        yield f'<p class="soft">None: {shown(why)}.</p>'
        return
    rows = [
        [
            shown(name.removeprefix(ACCURACY)),
            *(f"{value[key]:.3f}" for key in ("mean", "least", "most")),
        ]
        for name, value in one.values.items()
    ]
    yield _table(("value", "mean", "least", "most"), rows)
    whole_first = ("accuracy/map50", *BOUNDS)
    charted = [name for name in whole_first if name in one.values]
    charted += [n for n in one.values if n.startswith(ACCURACY) and n not in charted]
    curves = {
        name.removeprefix(ACCURACY): {
            s["start"]: s["values"][name] for s in one.steps if name in s["values"]
        }
        for name in charted[:3]
    }
    if curves:
        yield lines(axis, curves, "", (0, 1))


def _counts(
    title: str, counts: Mapping[str, int], of: int = 0, told: object = whole
) -> Iterator[str]:
    if not counts:
        return
    rows = []
    for name, number in list(counts.items())[:12]:
        cells = [shown(name), shown(told(number) if callable(told) else number)]
        if of:
            cells.append(percent(number / of))
        rows.append(cells)
    yield f"<div><h3>{shown(title)}</h3>{_table(('', '', '')[: len(rows[0])], rows)}</div>"


def _models(facts: ReportFacts) -> Iterator[str]:
    if not facts.models:
        return
    yield "<h2>Models</h2>"
    rows = [
        [
            shown(one.name), whole(one.pictures), whole(one.failed), whole(sum(one.refused.values())),
            *(shown(milliseconds(one.inference_ms[key])) for key in ("p50", "p99")),
            *(shown(milliseconds(one.queue_ms[key])) for key in ("p50", "p99")),
            shown(", ".join(f"{kind} {number}" for kind, number in one.errors.items())),
        ]
        for one in facts.models
    ]  # fmt: skip
    heads = (
        "model",
        "pictures",
        "failed",
        "refused",
        "batch p50",
        "batch p99",
        "queue p50",
        "queue p99",
        "errors",
    )
    yield _table(heads, rows)


def _service(facts: ReportFacts) -> Iterator[str]:
    requests = facts.service.requests
    if requests:
        yield "<h2>Requests to the service</h2>"
        latency = facts.service.latency_ms
        told = ", ".join(f"{key} {milliseconds(latency[key])}" for key in ("p50", "p95", "p99"))
        yield f"<p>{shown(told)}</p>"
        yield from _counts("By status", requests, sum(requests.values()))

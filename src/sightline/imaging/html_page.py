"""A page of HTML that needs nothing else, light or dark as its reader's system is."""

from __future__ import annotations

from html import escape

from sightline.redaction import one_line, printable

STYLE = """
:root{color-scheme:light dark;--back:#fff;--panel:#f5f7f9;--ink:#1c2530;--soft:#5b6875;--line:#dde3e8;--accent:#1f6f8b;
--good:#2e8b57;--warn:#b7791f;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--back:#12181e;--panel:#1b232b;--ink:#e4e9ee;--soft:#96a3b0;--line:#2e3944;
--accent:#62b6cf;--good:#58b583;--warn:#e0a94a;--bad:#f08379}}
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:var(--ink);
background:var(--back)}
table{border-collapse:collapse;margin:1em 0}
td,th{padding:.25em .7em;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}
svg{max-width:100%;height:auto}a{color:var(--accent)}.refused{color:var(--bad);text-align:left}
"""


def shown(text: object) -> str:
    """A text from outside in a page: one line, without control characters, and escaped."""
    return escape(printable(one_line(str(text))))


def html_page(title: str, body: str, style: str = "") -> str:
    """A whole page.

    Args:
        title: as text, which is escaped here.
        body: HTML.
        style: CSS beside the common one.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{shown(title)}</title><style>{STYLE}{style}</style></head><body>{body}</body></html>"
    )

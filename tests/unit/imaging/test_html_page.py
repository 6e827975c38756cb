"""A page's title and texts are escaped; it is light and dark."""

from __future__ import annotations

from sightline.imaging.html_page import html_page, shown


def test_texts_are_escaped() -> None:
    page = html_page("<script>\x1b", "<p>body</p>", "p{color:red}")
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "<p>body</p>" in page
    assert "p{color:red}" in page
    assert "prefers-color-scheme:dark" in page
    assert shown('a\n"b"') == "a &quot;b&quot;"

"""Wall-clock time as text: ISO 8601 in UTC, as results, files and messages have it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(seconds: float) -> str:
    """Unix time in seconds as ``2026-11-28T08:00:00.480Z``, rounded to milliseconds."""
    moment = datetime.fromtimestamp(round(seconds, 3), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{round(moment.microsecond / 1000):03d}Z"


def read_moment(value: object) -> datetime:
    """A moment that a user has written, such as ``2026-11-28T08:00:00Z``.

    Args:
        value: ISO 8601 text with its zone (``Z`` or ``+01:00``), or a datetime that knows its zone.

    Raises:
        ValueError: it is something else, or it does not say its zone.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(
                "a moment is written 2026-11-28T08:00:00Z, or with another zone "
                "2026-11-28T09:00:00+01:00"
            ) from None
    elif isinstance(value, datetime):
        moment = value
    else:
        raise ValueError(  # noqa: TRY004 - validators of options turn ValueErrors into messages
            "a moment is a text such as 2026-11-28T08:00:00Z"
        )
    if moment.utcoffset() is None:
        raise ValueError(
            f"a moment needs its zone: {moment.isoformat()}Z in UTC, or {moment.isoformat()}+01:00"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC, a moment lies in one of the years 1 to 9999") from None

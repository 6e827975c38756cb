"""Alerts as HTTP posts, from a thread of their own: a slow receiver holds nobody up."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import urllib.error
import urllib.request
from collections import deque
from typing import Any

from sightline._version import __version__
from sightline.config import AlertOptions
from sightline.monitoring.alerts import Alert
from sightline.types import JsonObject

_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}

log = logging.getLogger(__name__)


class Webhook:
    """Posts each alert, as JSON, to the address of its rule; where it has none, does nothing.

    An address is a secret: no message tells it. What cannot be delivered is tried again with
    growing pauses, then given up and logged; while that goes on, later alerts wait in line.

    Args:
        timeout_s: for one attempt.
        attempts: before an alert is given up.
        backoff_s: before the second attempt; doubles.
        capacity: alerts that may wait; the oldest is given up for a newer one.
    """

    def __init__(
        self,
        timeout_s: float = 5.0,
        attempts: int = 6,
        backoff_s: float = 0.5,
        capacity: int = 100,
    ) -> None:
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._backoff_s = backoff_s
        self._capacity = capacity
        self._waiting: deque[tuple[str, str, JsonObject]] = deque()
        self._work = threading.Condition()
        self._closing = False
        self._ended = threading.Event()
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def __call__(self, rule: AlertOptions, alert: Alert) -> None:
        """Post an alert soon; returns at once."""
        if rule.webhook is None:
            return
        with self._work:
            if len(self._waiting) >= self._capacity:
                name, _, _ = self._waiting.popleft()
                log.error("webhook: too many wait; an alert of %s is given up", name)
            self._waiting.append((rule.name, rule.webhook.get_secret_value(), alert.to_dict()))
            self._work.notify()

    def close(self, timeout_s: float = 5.0) -> None:
        """Deliver what waits, for so long at most, without pauses between attempts. Idempotent."""
        with self._work:
            self._closing = True
            self._work.notify()
        self._ended.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._work:
                while not self._waiting and not self._closing:
                    self._work.wait()
                if not self._waiting:
                    return
                name, url, body = self._waiting.popleft()
            self._deliver(name, url, json.dumps(body).encode())

    def _deliver(self, name: str, url: str, body: bytes) -> None:
        pause = self._backoff_s
        for attempt in range(1, self._attempts + 1):
            problem, again = self._post(url, body)
            if problem is None:
                return
            if not again or attempt == self._attempts:
                log.error("webhook of alert %s: given up after %d: %s", name, attempt, problem)
                return
            log.warning("webhook of alert %s: %s; trying again", name, problem)
            self._ended.wait(pause)
            pause *= 2

    def _post(self, url: str, body: bytes) -> tuple[str | None, bool]:
        """What was wrong, or None; and whether another attempt is of use."""
        headers = {"Content-Type": "application/json", "User-Agent": f"sightline/{__version__}"}
        try:
            # Only http and https get here: AlertOptions has looked at it.
            request = urllib.request.Request(url, body, headers)  # noqa: S310
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(1)
        except urllib.error.HTTPError as exc:
            exc.close()
            return f"it answered {exc.code}", exc.code in _WORTH_ANOTHER_TRY
        except urllib.error.URLError as exc:
            # The reason is the system's word; the address stands in the exception's elsewhere.
            return f"cannot be reached: {type(exc.reason).__name__}", True
        except (ValueError, http.client.InvalidURL):
            return "its address is not one", False
        except (OSError, http.client.HTTPException) as exc:
            return f"cannot be reached: {type(exc).__name__}", True
        return None, False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: the secret goes where it was meant to go."""

    def redirect_request(self, *_: object, **__: Any) -> None:
        """Follow no redirect: an alert goes to the address that was given."""
        return

"""Alerts as HTTP posts."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from sightline._version import __version__
from sightline.config import AlertOptions
from sightline.monitoring.alerts import Alert
from sightline.monitoring.delivery import RetriedDelivery, Unsent

_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


class Webhook:
    """Posts each alert, as JSON, to the address of its rule; where it has none, does nothing.

    An address is a secret: no message tells it.

    Args:
        timeout_s: for one attempt.
        attempts, backoff_s, capacity: see ``RetriedDelivery``.
    """

    def __init__(
        self,
        timeout_s: float = 5.0,
        attempts: int = 6,
        backoff_s: float = 0.5,
        capacity: int = 100,
    ) -> None:
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(_NoRedirects)
        self._delivery = RetriedDelivery("webhook", self._post, attempts, backoff_s, capacity)

    def __call__(self, rule: AlertOptions, alert: Alert) -> None:
        """Post an alert soon; returns at once."""
        if rule.webhook is not None:
            body = json.dumps(alert.to_dict()).encode()
            self._delivery.put(rule.name, (rule.webhook.get_secret_value(), body))

    def close(self, timeout_s: float = 5.0) -> None:
        """See ``RetriedDelivery.close``."""
        self._delivery.close(timeout_s)

    def _post(self, to: tuple[str, bytes]) -> Unsent[tuple[str, bytes]] | None:
        """What was wrong, and whether another attempt is of use; None: nothing."""
        url, body = to
        headers = {"Content-Type": "application/json", "User-Agent": f"sightline/{__version__}"}
        try:
            # Only http and https get here: AlertOptions has looked at it.
            request = urllib.request.Request(url, body, headers)  # noqa: S310
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                answer.read(1)
        except urllib.error.HTTPError as exc:
            exc.close()
            again = exc.code in _WORTH_ANOTHER_TRY
            return Unsent(to, f"it answered {exc.code}", again=again)
        except urllib.error.URLError as exc:
            # The reason is the system's word; the address stands in the exception's elsewhere.
            return Unsent(to, f"cannot be reached: {type(exc.reason).__name__}", again=True)
        except (ValueError, http.client.InvalidURL):
            return Unsent(to, "its address is not one", again=False)
        except (OSError, http.client.HTTPException) as exc:
            return Unsent(to, f"cannot be reached: {type(exc).__name__}", again=True)
        return None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: the secret goes where it was meant to go."""

    def redirect_request(self, *_: object, **__: Any) -> None:
        """Follow no redirect: an alert goes to the address that was given."""
        return

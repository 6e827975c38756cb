"""Alerts as HTTP posts."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from sightline._version import __version__
from sightline.config import AlertOptions
from sightline.monitoring.alerts import Alert
from sightline.monitoring.delivery import DeliveryFailure, RetriedDelivery
from sightline.monitoring.delivery_deadline import DeliveryDeadline

_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


class Webhook:
    """Posts each alert, as JSON, to the address of its rule; where it has none, does nothing.

    An address is a secret: no message tells it.

    Args:
        timeout_s: for connecting, and for each answer.
        limit_s: for one attempt in all, however the server sends its answer.
        attempts, backoff_s, capacity: see ``RetriedDelivery``.
    """

    def __init__(
        self,
        timeout_s: float = 5.0,
        limit_s: float = 15.0,
        attempts: int = 6,
        backoff_s: float = 0.5,
        capacity: int = 100,
    ) -> None:
        self._timeout_s, self._limit_s = timeout_s, limit_s
        self._connections = _Connections()
        self._opener = urllib.request.build_opener(_NoRedirects, *self._connections.handlers())
        self._delivery = RetriedDelivery("webhook", self._post, attempts, backoff_s, capacity)

    def __call__(self, rule: AlertOptions, alert: Alert) -> None:
        """Post an alert soon; returns at once."""
        if rule.webhook is not None:
            body = json.dumps(alert.to_dict()).encode()
            self._delivery.put(rule.name, (rule.webhook.get_secret_value(), body))

    def close(self, timeout_s: float = 5.0) -> None:
        """See ``RetriedDelivery.close``."""
        self._delivery.close(timeout_s)

    def _post(self, to: tuple[str, bytes]) -> DeliveryFailure[tuple[str, bytes]] | None:
        """What was wrong, and whether another attempt is of use; None: nothing."""
        deadline = DeliveryDeadline(self._limit_s, self._connections.get_socket)
        try:
            with deadline:
                return self._posted(to)
        except (OSError, http.client.HTTPException) as exc:  # URLError is one, too
            if deadline.passed:
                problem = f"it takes more than {self._limit_s:g} s to answer"
            else:
                # The reason is the system's word; the address stands in the exception's elsewhere.
                reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
                problem = f"cannot be reached: {type(reason).__name__}"
            return DeliveryFailure(to, problem, again=True)

    def _posted(self, to: tuple[str, bytes]) -> DeliveryFailure[tuple[str, bytes]] | None:
        """Raises OSError, HTTPException: there is no answer."""
        url, body = to
        headers = {"Content-Type": "application/json", "User-Agent": f"sightline/{__version__}"}
        try:
            # Only http and https get here: AlertOptions has looked at it.
            request = urllib.request.Request(url, body, headers)  # noqa: S310
            self._opener.open(request, timeout=self._timeout_s).close()
        except urllib.error.HTTPError as exc:
            exc.close()
            again = exc.code in _WORTH_ANOTHER_TRY
            return DeliveryFailure(to, f"it answered {exc.code}", again=again)
        except (ValueError, http.client.InvalidURL):
            return DeliveryFailure(to, "its address is not one", again=False)
        return None


class _Connections:
    """Knows the connection that was made last, so that it can be cut."""

    def __init__(self) -> None:
        self._last: http.client.HTTPConnection | None = None

    def get_socket(self) -> socket.socket | None:
        """The socket of the last connection; None where it has none."""
        return None if self._last is None else self._last.sock

    def handlers(self) -> list[urllib.request.BaseHandler]:
        """What opens http and https for urllib, through these connections."""

        def plain(*arguments: Any, **options: Any) -> http.client.HTTPConnection:
            self._last = http.client.HTTPConnection(*arguments, **options)
            return self._last

        def encrypted(*arguments: Any, **options: Any) -> http.client.HTTPSConnection:
            self._last = made = http.client.HTTPSConnection(*arguments, **options)
            return made

        return [_Http(plain), _Https(encrypted)]


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connect: Callable[..., http.client.HTTPConnection]) -> None:
        super().__init__()
        self._connect = connect

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connect: Callable[..., http.client.HTTPSConnection]) -> None:
        super().__init__()
        self._connect = connect

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other: the secret goes where it was meant to go."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect: an alert goes to the address that was given."""
        return

"""The pattern of the route that a path is for, also where a request does not come as far as the routes."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route

NONE = "none"
"""The pattern of a path that no route has."""


class Patterns:
    """Patterns such as ``/models/{name}`` of an app's routes.

    It is asked for each request that is refused under overload, so the paths that have no names in
    them, which are those for pictures, are found at once.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        own = [route for route in routes if isinstance(route, Route)]
        self._fixed = {route.path for route in own if not route.param_convertors}
        # By pattern: several methods of one path are one entry.
        named = {route.path: route.path_regex for route in own if route.param_convertors}
        self._named = tuple(named.items())

    def of(self, path: str) -> str:
        """The first pattern that fits, as the routes would find it."""
        if path in self._fixed:
            return path
        return next((p for p, regex in self._named if regex.match(path)), NONE)

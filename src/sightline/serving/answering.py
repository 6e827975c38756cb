"""Which model has answered a request, where a second one may: see ``runtime.rollouts``."""

from __future__ import annotations


class AnsweringModel:
    """The name of the model that answers.

    Args:
        model: that was asked.
        suffix: stands behind every name in the answer.
    """

    def __init__(self, model: str, suffix: str = "") -> None:
        self.model = model
        self._suffix = suffix

    def note(self, model: str) -> None:
        """Another one has answered. From any thread."""
        self.model = model + self._suffix

"""Which layers of an INT8 model stay in floats: as few as its accuracy asks for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.int8 import QuantizedGraph
from sightline.optimize.variants.sensitivity import Run, layer_errors

_MOST_SHARE = 0.5
"""With more of its layers in floats a model is hardly an INT8 model any more."""

CONCATENATION = "it reads a concatenation"
ALONE = "its error alone"


@dataclass(frozen=True)
class FloatLayer:
    """A layer that stays in floats, and why: ``error`` is what it alone would bring in INT8 (see
    ``LayerError``), None where its error was not looked for."""

    layer: str
    operator: str
    why: str
    error: float | None = None


@dataclass(frozen=True)
class ChosenLayers:
    """The layers that stay in floats, and the verdict on the model with them."""

    in_floats: tuple[FloatLayer, ...]
    verdict: Verdict

    @property
    def names(self) -> list[str]:
        """The layers' names."""
        return [one.layer for one in self.in_floats]


class LayerSearch:
    """Finds the fewest layers that have to stay in floats for an INT8 model to be accepted.

    Args:
        graph: the model in INT8.
        judged: the verdict on a serialised model.
        run: runs a serialised model on few pictures.
        deadline: ``time.monotonic()`` at which the search ends.
        progress: is told what is being done.
    """

    def __init__(
        self,
        graph: QuantizedGraph,
        judged: Callable[[bytes], Verdict],
        run: Run,
        deadline: float,
        progress: Callable[[str], None],
    ) -> None:
        self._graph = graph
        self._judged = judged
        self._run = run
        self._deadline = deadline
        self._progress = progress

    def choose(self) -> ChosenLayers:
        """The choice, or the best that was found where none is accepted or the time is over.

        All in INT8 is tried first, then all but the convolutions that read a concatenation: OpenVINO
        computes those wrongly on some processors, where ONNX Runtime does not. After that, layers are
        ordered by the error that each alone brings. Their number is doubled until the model is
        accepted, then halved between.
        """
        whole = self._attempt(())
        if whole.verdict.accepted:
            return whole
        base = self._attempt(
            [
                FloatLayer(layer, self._graph.operator(layer), CONCATENATION)
                for layer in self._graph.reading_concatenations()
            ]
        )
        if base.verdict.accepted:
            return base
        if base.verdict.kept <= whole.verdict.kept:
            base = whole
        return self._grown(base)

    def _attempt(self, layers: Sequence[FloatLayer]) -> ChosenLayers:
        self._progress(f"int8: what it finds with {len(layers)} layers in floats")
        model = self._graph.with_floats([one.layer for one in layers])
        return ChosenLayers(tuple(layers), self._judged(model.SerializeToString()))

    def _grown(self, base: ChosenLayers) -> ChosenLayers:
        """The base with further layers in floats, as few as it takes."""
        order = [
            FloatLayer(one.layer, one.operator, ALONE, one.error)
            for one in layer_errors(
                self._graph,
                self._run,
                self._deadline,
                lambda number, all_: self._progress(f"int8: error of layer {number} of {all_}"),
            )
            if one.layer not in base.names
        ]
        most = int((len(order) + len(base.names)) * _MOST_SHARE) - len(base.names)
        best, failed, count = base, 0, 1
        while not best.verdict.accepted:
            count = min(count, most)
            if failed >= count or time.monotonic() > self._deadline:
                return best
            tried = self._attempt([*base.in_floats, *order[:count]])
            if tried.verdict.accepted or tried.verdict.kept > best.verdict.kept:
                best = tried
            if not tried.verdict.accepted:
                failed, count = count, count * 2
        accepted = count
        while accepted - failed > 1 and time.monotonic() < self._deadline:
            middle = (failed + accepted) // 2
            tried = self._attempt([*base.in_floats, *order[:middle]])
            if tried.verdict.accepted:
                best, accepted = tried, middle
            else:
                failed = middle
        return best

"""Variants of a model: made, put beside the original, and refused where they lose too much or gain nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from sightline.engines.graphs.half import to_half
from sightline.errors import ConfigError, EngineError, ModelError, SightlineError
from sightline.optimize.export.comparison import compare
from sightline.optimize.export.runners import engine_runner
from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.graphs import load_graph, prepared, slimmed
from sightline.optimize.variants.int8 import Ranges, quantized_weights
from sightline.optimize.variants.int8_search import Int8Search
from sightline.optimize.variants.layer_choice import FloatLayer
from sightline.optimize.variants.original import Judge, Original, TellProgress
from sightline.optimize.variants.speed import VariantSpeed, compare_speeds
from sightline.protocols import Engine

EQUAL = 1e-3
"""How far a cleaned graph's outputs may be from the original's: see ``export.comparison``."""

SLOWER = 0.97
"""A variant below this share of the original's speed, at the original's best precision, is slower."""

_AT_BEST = "original at its best precision"
"""What the original's engine is called that speeds are held against; it is no variant."""


@dataclass(frozen=True)
class TrainedGraph:
    """A serialised graph that was trained.

    Args:
        figures: how: ``steps``, ``minutes``, ``loss``, and what was reached.
        rounded: its layers were taught to compute with INT8 numbers, which they do not do yet.
    """

    content: bytes
    figures: Mapping[str, float]
    rounded: bool = False


@dataclass(frozen=True)
class Variant:
    """One form of a model, and what is known of it.

    ``content`` is its serialised graph; None where the file is the original's, or none could be made.
    ``precision`` is what the engine is asked for. ``in_floats`` are the layers that an INT8 model
    keeps in floats, and why. ``training`` is how a variant was taught, see ``TrainedGraph``.
    """

    name: str
    content: bytes | None = None
    precision: str = "auto"
    backend: str = ""
    size_bytes: int = 0
    verdict: Verdict = field(default_factory=lambda: Verdict(float("nan")))
    speed: VariantSpeed | None = None
    in_floats: tuple[FloatLayer, ...] = ()
    training: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether it may be used in the original's place."""
        return self.verdict.accepted


@dataclass
class Optimization:
    """Makes variants of a model one after another.

    Args:
        original: the model.
        judge: tells what a variant has kept.
        ranges: see ``int8.quantized``.
        search_s: seconds for the search of sensitive layers.
        slower: variants that are slower here are accepted too.
        progress: is told what is being done.
        train: makes the graph of a variant that is trained, by the variant's name.
    """

    original: Original
    judge: Judge
    ranges: Ranges
    search_s: float
    slower: bool
    progress: TellProgress
    train: Callable[[str], TrainedGraph] | None = None

    def run(self, names: Sequence[str]) -> list[Variant]:
        """The original and its variants of these names, with their speed and the verdict on each.

        A variant that cannot be made is refused with the reason; the others go on.
        """
        makers = self._makers()
        with ExitStack() as stack:
            first = Variant("original", precision="fp32", verdict=Verdict(1.0))
            engines: dict[str, Engine] = {}
            variants = [self._placed(first, engines, stack)]
            for name in names:
                self.progress(name)
                try:
                    make = makers.get(name) or partial(self._trained, name)
                    variants.append(make(engines, stack))
                except SightlineError as exc:
                    if isinstance(exc, ConfigError):
                        raise
                    variants.append(Variant(name, verdict=Verdict(float("nan"), str(exc))))
            self._placed(Variant(_AT_BEST), engines, stack)
            self.progress("measuring the speed of all variants, in turns")
            speeds = compare_speeds(engines, self.original.shape)
        timed = [replace(one, speed=speeds.get(one.name)) for one in variants]
        if self.slower:
            return timed
        best = max(speeds["original"].ratio, speeds[_AT_BEST].ratio)
        return [judged_by_gain(one, best, self.original.size_bytes) for one in timed]

    def _makers(self) -> Mapping[str, Callable[[dict[str, Engine], ExitStack], Variant]]:
        return {
            "clean": self._clean,
            "fp16": self._fp16,
            "bf16": self._bf16,
            "int8": self._int8,
            "int8-dynamic": self._int8_dynamic,
        }

    def _clean(self, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        graph = slimmed(self.original.graph)
        made = self._judged(Variant("clean", graph.SerializeToString(), "fp32"), engines, stack)
        fewer = len(self.original.graph.graph.node) - len(graph.graph.node)
        original, cleaned = (engine_runner(engines[name]) for name in ("original", "clean"))
        try:
            apart = compare(original, cleaned, self.original.shown())
        except ModelError as exc:
            return _refused(made, str(exc))
        if apart.distance > EQUAL:
            return _refused(made, f"not equal to the original: {apart}")
        if made.size_bytes > self.original.size_bytes:
            return _refused(
                made,
                f"larger than the file: folded weights are stored in full; {fewer} nodes fewer",
            )
        return made

    def _fp16(self, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        return self._judged(Variant("fp16", to_half(self.original.graph)), engines, stack)

    def _bf16(self, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        return self._judged(Variant("bf16", precision="bf16"), engines, stack)

    def _int8_dynamic(self, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        content = quantized_weights(prepared(self.original.graph))
        return self._judged(Variant("int8-dynamic", content), engines, stack)

    def _int8(self, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        return self._in_int8("int8", self.original.graph, engines, stack)

    def _in_int8(
        self,
        name: str,
        graph: object,
        engines: dict[str, Engine],
        stack: ExitStack,
        *,
        corrected: bool = True,
    ) -> Variant:
        """A graph in INT8, with the layers in floats that it takes."""

        def fastest(content: bytes) -> str:
            with ExitStack() as briefly:
                return self._placed(Variant(name, content), {}, briefly).backend

        search = Int8Search(
            self.original, self.judge, self.ranges, self.search_s, fastest, self.progress
        )
        found = search.run(graph, corrected=corrected)
        made = Variant(name, found.content, verdict=found.verdict, in_floats=found.in_floats)
        return self._placed(made, engines, stack, (found.backend,))

    def _trained(self, name: str, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        if self.train is None:
            raise ConfigError(
                f"{name}: a variant that is trained needs the training step of the model"
            )
        made = self.train(name)
        if made.rounded:
            graph = load_graph(made.content)
            variant = self._in_int8(name, graph, engines, stack, corrected=False)
        else:
            variant = self._judged(Variant(name, made.content), engines, stack)
        return replace(variant, training=made.figures)

    def _judged(self, variant: Variant, engines: dict[str, Engine], stack: ExitStack) -> Variant:
        placed = self._placed(variant, engines, stack)
        self.progress(f"{variant.name}: what it finds")
        return replace(placed, verdict=self.judge(engines[variant.name]))

    def _placed(
        self,
        variant: Variant,
        engines: dict[str, Engine],
        stack: ExitStack,
        backends: Sequence[str] = (),
    ) -> Variant:
        """The variant on the backend that runs it fastest; its engine stays open until the stack ends.

        Raises EngineError: no backend runs it; the first one's reason.
        """
        content = variant.content
        if content is None:
            content = self.original.graph.SerializeToString()
        tried: dict[str, Engine] = {}
        reasons = []
        for backend in backends or self.original.backends:
            try:
                tried[backend] = self.original.make_engine(content, backend, variant.precision)
            except (EngineError, ModelError, ConfigError) as exc:
                reasons.append(f"{backend}: {exc}")
        if not tried:
            raise EngineError("; ".join(reasons))
        best = next(iter(tried))
        if len(tried) > 1:
            speeds = compare_speeds(tried, self.original.shape, rounds=2)
            best = max(speeds, key=lambda name: speeds[name].throughput)
        for backend, engine in tried.items():
            if backend != best:
                engine.close()
        stack.callback(tried[best].close)
        engines[variant.name] = tried[best]
        size = self.original.size_bytes if variant.content is None else len(content)
        return replace(variant, backend=best, size_bytes=size)


def judged_by_gain(variant: Variant, best: float, size_bytes: int) -> Variant:
    """The variant, refused where its file is slower than the original's, or neither smaller nor faster.

    Args:
        best: the speed ratio of the original's file at its best precision.
        size_bytes: of the original's file.
    """
    if variant.content is None or variant.speed is None or not variant.accepted:
        return variant
    share = variant.speed.ratio / best
    against = "the original file at its best precision"
    if share < SLOWER:
        return _refused(variant, f"slower here: {share:.2f} times the speed of {against}")
    if variant.size_bytes >= size_bytes and share < 1 / SLOWER:
        return _refused(
            variant, f"neither smaller nor faster here: {share:.2f} times the speed of {against}"
        )
    return variant


def _refused(variant: Variant, reason: str) -> Variant:
    verdict = variant.verdict
    return replace(
        variant, verdict=replace(verdict, reason="; ".join(filter(None, (verdict.reason, reason))))
    )

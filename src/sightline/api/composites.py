"""Models that are made of others: one looked at in tiles, several that are fused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightline.api.model import Model, load
from sightline.config import FusionOptions, MemberOptions, TileOptions, checked
from sightline.errors import ConfigError
from sightline.protocols import Detector


class _OfModels(Model):
    """A model that is made of others; those that were loaded for it are its own."""

    def __init__(self, detector: Detector, own: Sequence[Model]) -> None:
        super().__init__(detector)
        self._own = own

    def close(self) -> None:
        """Free the engines of models that were loaded here. Idempotent."""
        for model in self._own:
            model.close()


class Tiled(_OfModels):
    """A model that looks at a picture in overlapping tiles, so that it sees small objects.

        model = sl.Tiled("yolox_nano", smallest=32)
        found = model.detect("from_above.jpg")
        for seen in sl.track("4k.mp4", model):
            print(seen.detections)

    Args:
        model: of ``load``, which stays the caller's to close; or what ``load`` takes.
        tile: side, or (width, height), of a tile in pixels of the picture; as large as the network's
            input by default, or with ``smallest`` as large as they may be.
        overlap: of neighbouring tiles, a share of their side.
        whole: look at the whole picture too, for objects larger than a tile.
        merge: what becomes of an object that was found several times: ``nmm`` makes one whole that tiles
            have cut, ``nms`` takes its best box.
        threshold: boxes are of one object that overlap so much; for ``nmm``, within what both tiles see.
        smallest: shorter side in pixels of the smallest objects wanted. Where the network sees them well in
            the whole picture, there are no tiles.

    Raises what ``load`` raises; ConfigError: an option is wrong, or ``tile`` is needed: ``people`` has no
    input size of its own.
    """

    def __init__(
        self,
        model: Model | str | Path,
        *,
        tile: int | tuple[int, int] | None = None,
        overlap: float = 0.2,
        whole: bool = True,
        merge: str = "nmm",
        threshold: float = 0.5,
        smallest: int | None = None,
    ) -> None:
        from sightline.models.composites.tiles import TiledDetector

        options = checked(
            TileOptions, tile=tile, overlap=overlap, whole=whole, merge=merge, threshold=threshold,
            smallest=smallest,
        )  # fmt: skip
        loaded = model if isinstance(model, Model) else load(model)
        own = () if loaded is model else (loaded,)
        try:
            super().__init__(TiledDetector(loaded.detector, options), own)
        except ConfigError:
            for one in own:
                one.close()
            raise


class Ensemble(_OfModels):
    """Several models as one: each looks at every picture, at the same time, and what they find is fused.

        model = sl.Ensemble(["yolox_nano", "mine.onnx"], weights=[1, 2],
                            class_maps=[None, {"lorry": "truck", "tree": None}])
        found = model.detect("bus.jpg")

    Args:
        models: two or more, of ``load``, which stay the caller's to close; or what ``load`` takes.
        weights: how much each counts; all alike by default.
        class_maps: for each, its names of classes and those that they are to have; None in place of a name:
            the class is left out; None in place of a map: all stay as they are.
        fusion: ``wbf`` (weighted boxes fusion), ``nms`` or ``soft-nms``.
        iou: boxes of a class that overlap by more are of one object.
        votes: so many models must have found an object.
        conf: lowest score of a fused object. With ``wbf``, what one of two found has half of its score.
        max_detections: most objects in a picture.

    Raises what ``load`` raises; ConfigError: an option is wrong, or a model has no class of a name.
    """

    def __init__(
        self,
        models: Sequence[Model | str | Path],
        *,
        weights: Sequence[float] | None = None,
        class_maps: Sequence[Mapping[str, str | None] | None] | None = None,
        fusion: str = "wbf",
        iou: float = 0.55,
        votes: int = 1,
        conf: float = 0.25,
        max_detections: int = 300,
    ) -> None:
        from sightline.models.composites.ensemble import EnsembleDetector, EnsembleMember

        options = checked(
            FusionOptions, fusion=fusion, iou=iou, votes=votes, conf=conf, max_detections=max_detections
        )  # fmt: skip
        if isinstance(models, str | Path | Model):
            raise ConfigError("ensemble: give a list of two models or more")
        weights = _one_each("weights", weights, models, 1.0)
        class_maps = _one_each("class_maps", class_maps, models, None)
        own: list[Model] = []
        loaded: list[Model] = []
        try:
            for model in models:
                if not isinstance(model, Model):
                    model = load(model)  # noqa: PLW2901 - from here on it is loaded
                    own.append(model)
                loaded.append(model)
            members = []
            for model, weight, class_map in zip(loaded, weights, class_maps, strict=True):
                how = checked(MemberOptions, weight=weight, class_map=class_map or {})
                members.append(EnsembleMember(model.detector, how.weight, how.class_map))
            super().__init__(EnsembleDetector(members, options), own)
        except BaseException:  # re-raised once the engines are closed
            for model in own:
                model.close()
            raise


def _one_each(name: str, given: Any, models: Sequence[object], usual: Any) -> Sequence[Any]:
    if given is None:
        return [usual] * len(models)
    if len(given) != len(models):
        raise ConfigError(f"ensemble: {len(given)} {name} for {len(models)} models: one each")
    return list(given)

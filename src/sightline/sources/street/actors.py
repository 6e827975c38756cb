"""Turns everything that moves in the world into items that can be drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sightline.sources.street import vehicles
from sightline.sources.street.camera import Camera
from sightline.sources.street.drawing import cycles, figures
from sightline.sources.street.drawing.figures import Outfit
from sightline.sources.street.drawing.light import Field, GroundLight, Lighting
from sightline.sources.street.drawing.limbs import Figure, FigurePainter
from sightline.sources.street.drawing.paint import Sprite
from sightline.sources.street.drawing.shapes import (
    CABIN,
    HEAD,
    LEFT,
    PLAIN,
    RIGHT,
    SIGN,
    TAIL,
    Mesh,
)
from sightline.sources.street.drawing.solids import Glow, SolidPainter
from sightline.sources.street.labels import labels_of
from sightline.sources.street.people import Walker
from sightline.sources.street.places import Places, in_sight, make_places
from sightline.sources.street.traffic import Vehicle
from sightline.sources.street.world import World

CLASS_IDS = {"person": 0, "bicycle": 1, "car": 2, "motorcycle": 3, "bus": 5, "truck": 7}
"""Numbers of the kinds in COCO's list of 80 classes."""

_BUILDERS = {"car": vehicles.car, "bus": vehicles.bus, "truck": vehicles.truck}
_CYCLES = ("bicycle", "motorcycle")
_POSES = 28
_MOST = 250
"""One byte holds the slot of a pixel's identity."""
_LEVELS = (11.0, 23.0, 40.0, math.inf)
"""Drawn pixels per metre up to which a shape needs no more detail."""


_SWALLOWED = 0.06
"""With less of its own colour than this a thing cannot be seen in the haze."""
_FAR = 23.0
"""At this many drawn pixels per metre a person is some 20 pixels high."""


def _level(scale: float) -> float:
    return next(level for level in _LEVELS if scale < level)


class ActorPainter:
    """Makes the items of one frame. Shapes are kept for as long as they may be needed again."""

    def __init__(
        self, camera: Camera, lighting: Lighting, ground: GroundLight, haze: Field,
        farthest: NDArray[np.uint16],
    ) -> None:  # fmt: skip
        """``farthest``: see ``in_sight``."""
        self._farthest = farthest
        # What the haze has swallowed is neither drawn nor in the truth.
        self._limit = float(np.count_nonzero(haze > _SWALLOWED)) / 4
        self.camera, self.lighting = camera, lighting
        self._ground, self._haze = ground, haze
        self._solids = SolidPainter(camera, lighting)
        self._figures = FigurePainter(camera, lighting)
        self._meshes: dict[tuple[int, float], Mesh] = {}
        self._outfits: dict[int, Outfit] = {}
        self._poses: dict[tuple[object, ...], Figure] = {}
        self.glows: list[Glow] = []
        self._parked_in: World | None = None
        self._parked: list[Sprite] = []
        self._parked_glows: list[Glow] = []
        self._taken = 0
        """Slots of what is parked."""

    def items(self, world: World) -> list[Sprite]:
        """Everything that may be in sight, in no order."""
        self._forget()
        if self._parked_in is not world:
            self._park(world)
        self.glows = list(self._parked_glows)
        things: list[Vehicle | Walker] = [*world.vehicles, *world.crowd.walkers]
        if not things:
            return [*self._parked]
        rows = np.array([_row(thing) for thing in things])
        seen = in_sight(self.camera, rows, self._farthest, self._limit)
        riders = [i for i in seen if getattr(things[i], "rider", 0)]
        # A rider follows all others; a bicycle and its rider are two things at one place.
        seen = (seen + riders)[: _MOST - self._taken]
        if not seen:
            return [*self._parked]
        places = make_places(
            self.camera, self._ground, self._haze, rows[seen, :5], first=self._taken + 1
        )
        moving = self._items([things[i] for i in seen], len(seen) - len(riders), places, world.time)
        return [*self._parked, *moving]

    def _park(self, world: World) -> None:
        """Make the items of what is parked: once, since neither they nor the camera move."""
        self.glows, self._parked, self._taken, self._parked_in = [], [], 0, world
        rows = np.array([_row(thing) for thing in world.parked])
        seen = in_sight(self.camera, rows, self._farthest, self._limit)[:_MOST] if len(rows) else []
        if seen:
            places = make_places(self.camera, self._ground, self._haze, rows[seen, :5])
            things: list[Vehicle | Walker] = [world.parked[i] for i in seen]
            self._parked = self._items(things, len(seen), places, world.time)
        self._taken, self._parked_glows = len(seen), self.glows

    def _items(
        self, things: list[Vehicle | Walker], first_rider: int, places: Places, time: float
    ) -> list[Sprite]:
        solid: list[int] = []
        meshes: list[Mesh] = []
        lamps: list[list[float]] = []
        jointed: list[int] = []
        bodies: list[Figure] = []
        scales = places.scale.tolist()
        ahead, aside = (a.tolist() for a in places.eyes(self.camera))
        names: list[tuple[int, str]] = []
        halves = []
        for at, thing in enumerate(things):
            level = _level(scales[at])
            view = (1 if aside[at] > 0 else -1, ahead[at] > 0, level)
            if isinstance(thing, Walker):
                figure, name = self._walker(thing, *view), (thing.id, "person")
            elif at >= first_rider:
                figure, name = self._rider(thing, *view), (thing.rider, "person")
            elif thing.kind in _CYCLES:
                figure, name = self._cycle(thing, level), (thing.id, thing.kind)
            else:
                solid.append(at)
                meshes.append(self._mesh(thing, level))
                lamps.append(self._burning(thing, time))
                names.append((thing.id, thing.kind))
                halves.append((thing.length / 2, thing.width / 2))
                continue
            jointed.append(at)
            bodies.append(figure)
            names.append(name)
            halves.append((0.3, 0.24) if name[1] == "person" else (0.9, 0.22))
        drawn = self._solids.strokes(meshes, places.take(solid), np.array(lamps), self.glows)
        strokes = dict(zip(solid, drawn, strict=True))
        drawn = self._figures.strokes(bodies, places.take(jointed), self.glows)
        strokes.update(zip(jointed, drawn, strict=True))
        sizes = np.array(halves)
        corners = places.corners(sizes[:, 0], sizes[:, 1])
        depths, slots = places.depth.tolist(), places.slot.tolist()
        items = []
        for at, (number, kind) in enumerate(names):
            lines, box = strokes[at]
            if lines:
                # A rider is drawn after what it rides.
                depth = depths[at] - (0.01 if at >= first_rider else 0.0)
                item = Sprite(slots[at], number, CLASS_IDS[kind], depth, lines, box, corners[at])
                item.labels = labels_of(kind, things[at].look)
                items.append(item)
        return items

    def _forget(self) -> None:
        if len(self._meshes) > 600:
            self._meshes.clear()
        if len(self._poses) > 6000:
            self._poses.clear()
            self._outfits.clear()

    def _mesh(self, vehicle: Vehicle, level: float) -> Mesh:
        mesh = self._meshes.get((vehicle.id, level))
        if mesh is None:
            build = _BUILDERS[vehicle.kind]
            mesh = build(vehicle.look, vehicle.length, vehicle.width, vehicle.height).coarse(level)
            self._meshes[vehicle.id, level] = mesh
        return mesh

    def _burning(self, vehicle: Vehicle, time: float) -> list[float]:
        """Brightness of each kind of lamp: 0 is off."""
        lit = [0.0] * 7
        lit[SIGN] = 1.0
        if vehicle.path < 0:
            return lit
        on = self.lighting.headlights
        lit[HEAD] = 1.0 if on else 0.0
        lit[TAIL] = 1.0 if vehicle.braking else 0.55 if on else 0.0
        lit[CABIN] = 0.8 if on and self.lighting.lamps else 0.0
        if vehicle.blink and (time * 1.5) % 1 < 0.55:
            lit[LEFT if vehicle.blink > 0 else RIGHT] = 1.0
        return lit

    def _wear(self, number: int, look: int) -> Outfit:
        wear = self._outfits.get(number)
        if wear is None:
            wear = self._outfits[number] = figures.outfit(look, self.lighting.wet)
        return wear

    def _walker(self, walker: Walker, near: int, front: bool, level: float) -> Figure:
        step = int(walker.phase / math.tau * _POSES) % _POSES
        swing = min(5, round(walker.speed / 1.35 * 4)) / 4
        if swing == 0:
            step = 0
        key = (walker.id, step, swing, near, front, level)
        figure = self._poses.get(key)
        if figure is None:
            wear = self._wear(walker.id, walker.look)
            phase = step * math.tau / _POSES
            if level <= _FAR:
                limbs = figures.far_walker(wear, walker.height, phase, swing)
            else:
                limbs = figures.walker(wear, walker.height, phase, swing, near, front)
            figure = self._poses[key] = Figure.of(limbs, level)
        return figure

    def _cycle(self, vehicle: Vehicle, level: float) -> Figure:
        step = int(vehicle.phase / math.tau * _POSES) % _POSES if vehicle.kind == "bicycle" else 0
        key = (vehicle.id, step, level)
        figure = self._poses.get(key)
        if figure is None:
            if vehicle.kind == "bicycle":
                limbs = cycles.bicycle(vehicle.look, step * math.tau / _POSES)
            else:
                limbs = cycles.motorcycle(vehicle.look)
            if vehicle.path < 0:
                # Nobody leaves the lights on.
                limbs = [replace(limb, lamp=PLAIN) for limb in limbs]
            figure = self._poses[key] = Figure.of(limbs, level)
        return figure

    def _rider(self, vehicle: Vehicle, near: int, front: bool, level: float) -> Figure:
        cycle = vehicle.kind == "bicycle"
        turn = vehicle.phase * _PEDALS if cycle and vehicle.speed > 0.8 else 0.5
        step = int(turn / math.tau * _POSES) % _POSES
        key = (vehicle.rider, step, near, front, level)
        figure = self._poses.get(key)
        if figure is None:
            machine = cycles.BICYCLE if cycle else cycles.MOTORCYCLE
            wear = self._wear(vehicle.rider, vehicle.look + 1)
            helmet = not cycle or vehicle.look % 3 == 0
            height = 1.62 + (vehicle.look % 23) / 100
            phase = step * math.tau / _POSES
            limbs = cycles.rider(wear, machine, height, phase, helmet, near, front)
            figure = self._poses[key] = Figure.of(limbs, level)
        return figure


_PEDALS = 0.4
"""Turns of the pedals per turn of the wheels."""


def _row(thing: Vehicle | Walker) -> tuple[float, ...]:
    """Position, heading, height of the middle, and reach."""
    reach = 1.25
    if not isinstance(thing, Walker):
        reach = (thing.length + thing.width + thing.height) / 2
    return thing.x, thing.y, thing.hx, thing.hy, thing.height / 2, reach

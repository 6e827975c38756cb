"""Cars, buses and trucks: as large as they should be, in their paints, with all that one sees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sightline.sources.street.drawing.shapes import CABIN, HEAD, LEFT, RIGHT, TAIL, Mesh
from sightline.sources.street.vehicles import (
    bright_look,
    bus,
    bus_livery,
    car,
    car_body,
    car_paint,
    truck,
    truck_paint,
)

Make = Callable[[int, float, float, float], Mesh]
SIZES: dict[str, tuple[Make, tuple[float, float, float]]] = {
    "car": (car, (4.4, 1.8, 1.48)),
    "bus": (bus, (11.5, 2.5, 3.1)),
    "truck": (truck, (7.2, 2.4, 3.2)),
}
LOOKS = range(0, 400, 7)


@pytest.mark.parametrize("kind", SIZES)
def test_a_vehicle_has_its_size_and_stands_on_its_wheels(kind: str) -> None:
    make, (length, width, height) = SIZES[kind]
    for look in LOOKS:
        points = make(look, length, width, height).vertices
        low, high = points.min(0), points.max(0)
        assert (high - low)[0] == pytest.approx(length, abs=0.25)
        assert width - 0.02 <= (high - low)[1] <= width + 0.5, "mirrors stand out"
        assert height - 0.5 < high[2] < height + 0.25, "tippers are lower"
        assert -0.08 <= low[2] <= 0.1
        assert abs(low[0] + high[0]) < 0.3, "the origin is below its middle"
        assert abs(low[1] + high[1]) < 1e-9, "both sides are alike"


@pytest.mark.parametrize("kind", SIZES)
def test_a_vehicle_has_lamps_on_both_ends(kind: str) -> None:
    make, size = SIZES[kind]
    for look in LOOKS:
        mesh = make(look, *size)
        assert {HEAD, TAIL, LEFT, RIGHT} <= set(mesh.lamp.tolist())
        assert (mesh.points[mesh.lamp == HEAD][:, 0] > 0).all()
        assert (mesh.points[mesh.lamp == TAIL][:, 0] < 0).all()
        # y is to the left.
        assert (mesh.points[mesh.lamp == LEFT][:, 1] > 0).all()
        assert (mesh.points[mesh.lamp == RIGHT][:, 1] < 0).all()
    assert (CABIN in mesh.lamp) is (kind == "bus")


@pytest.mark.parametrize("kind", SIZES)
def test_faces_are_whole(kind: str) -> None:
    make, size = SIZES[kind]
    for look in LOOKS:
        mesh = make(look, *size)
        assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0)
        assert ((mesh.albedo >= 0) & (mesh.albedo <= 1.2)).all()
        assert mesh.coarse(0.0).faces < mesh.faces


def test_bodies_are_shared_out_by_the_last_two_figures() -> None:
    bodies = [car_body(look) for look in range(100)]
    assert {body: bodies.count(body) for body in set(bodies)} == {
        "hatchback": 32, "saloon": 30, "suv": 23, "van": 15,
    }  # fmt: skip
    assert car_body(17) == car_body(4217)


@pytest.mark.parametrize(("paint", "places"), [(car_paint, 16), (truck_paint, 16), (bus_livery, 6)])
def test_paints_are_places_of_their_table(paint: Callable[[int], int], places: int) -> None:
    found = [paint(look) for look in range(2000)]
    assert set(found) <= set(range(places))
    assert len(set(found)) > places / 2
    assert paint(77) == paint(77)


@pytest.mark.parametrize(("kind", "paint"), [("car", car_paint), ("truck", truck_paint)])
def test_a_bright_look_keeps_the_body(kind: str, paint: Callable[[int], int]) -> None:
    for look in LOOKS:
        bright = bright_look(look, kind)
        assert paint(bright) in (13, 14)
        assert bright % 100 == look % 100

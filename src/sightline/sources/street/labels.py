"""What anybody would call a vehicle: its type, and the name of its colour.

A truck has the colour of its load's box, or where it has a bed that is open, of its cab; a bus that
of its livery that is not white. Bicycles and motorcycles have no colour: what is painted of
them is thinner than a pixel, or behind their rider's legs.
"""

from __future__ import annotations

from functools import lru_cache

from sightline.sources.street.vehicles import bus_livery, car_body, car_paint, truck_paint
from sightline.types import Label

PAINTS = (
    "white", "white", "white", "grey", "grey", "black", "black", "red",
    "red", "blue", "blue", "blue", "green", "yellow", "orange", "beige",
)  # fmt: skip
"""Names of the places in the table of paints. The sun makes light silver, the third, white on the
screen, and haze makes white grey, so nobody could tell those two apart."""

LIVERIES = ("red", "blue", "yellow", "green", "blue", "orange")
"""Names of the places in the table of liveries."""


@lru_cache(maxsize=4096)
def labels_of(kind: str, look: int) -> tuple[Label, ...]:
    """The labels of one appearance; people have none.

    ``type`` is car, van, bus, truck, motorcycle or bicycle.
    """
    if kind == "person":
        return ()
    van = kind == "car" and car_body(look) == "van"
    of = Label("type", "van" if van else kind, 1.0)
    if kind == "car":
        return of, Label("colour", PAINTS[car_paint(look)], 1.0)
    if kind == "truck":
        return of, Label("colour", PAINTS[truck_paint(look)], 1.0)
    if kind == "bus":
        return of, Label("colour", LIVERIES[bus_livery(look)], 1.0)
    return (of,)

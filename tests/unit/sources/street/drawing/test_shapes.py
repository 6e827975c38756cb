"""Solid things as faces: normals point outwards, arrays fit, and less detail means fewer faces."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.sources.street.drawing.shapes import (
    HEAD,
    PLAIN,
    RED,
    Builder,
    Mesh,
    numbers,
    pick,
    tint,
)


def test_a_look_always_has_the_same_numbers() -> None:
    assert numbers(5, 4) == numbers(5, 4) == numbers(5, 9)[:4]
    assert numbers(5, 4) != numbers(6, 4)
    assert all(0 <= one < 1 for one in numbers(7, 1000))
    assert numbers(1, 0) == []


def test_colours() -> None:
    table = ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    assert [pick(table, draw) for draw in (0.0, 0.34, 0.999999)] == list(table)
    assert tint((0.2, 0.4, 0.6), 0.5) == pytest.approx((0.1, 0.2, 0.3))


SQUARE = [(1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (1.0, 0.0, 1.0)]


@pytest.mark.parametrize("points", [SQUARE, SQUARE[::-1]], ids=["one way round", "the other"])
@pytest.mark.parametrize("out", [1.0, -1.0])
def test_a_face_is_turned_outwards(points: list[tuple[float, float, float]], out: float) -> None:
    builder = Builder()
    builder.face(points, RED, (out, 0.2, 0.0), detail=3.0, lamp=HEAD)
    mesh = builder.mesh()
    assert mesh.normals.tolist() == [[out, 0.0, 0.0]]
    assert (mesh.starts, mesh.detail.tolist(), mesh.lamp.tolist()) == ((0, 4), [3.0], [HEAD])
    assert mesh.albedo.tolist() == [list(RED)]


def test_a_face_without_an_area_has_no_direction() -> None:
    builder = Builder()
    builder.face([(0.0, 0.0, 0.0)] * 3, RED, (1.0, 0.0, 0.0))
    assert builder.mesh().normals.tolist() == [[0.0, 0.0, 0.0]]


def box_and_wheels() -> Mesh:
    builder = Builder()
    builder.strip((0, 0), (0, 1), 0.8, RED, (-1, 0, 0))
    builder.sides([(0, 0), (2, 0), (2, 1), (0, 1)], 0.8, RED, top=0.6)
    builder.patch(2.0, -0.8, 0.8, 0.0, 1.0, RED, 1, detail=20.0)
    builder.wheel(0.5, 0.8, 0.3)
    return builder.mesh((3, 4), 1.0)


def test_arrays_of_a_mesh_fit_one_another() -> None:
    mesh = box_and_wheels()
    assert mesh.faces == 1 + 2 + 1 + 8
    assert len(mesh.starts) == mesh.faces + 1
    assert mesh.starts[-1] == len(mesh.vertices)
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0)
    for face in range(mesh.faces):
        corners = mesh.vertices[mesh.starts[face] : mesh.starts[face + 1]]
        apart = (corners - mesh.points[face]) @ mesh.normals[face]
        assert apart == pytest.approx(0.0, abs=1e-9), "a face is flat"


def test_sides_lean_in_at_their_top() -> None:
    builder = Builder()
    builder.sides([(0, 0), (2, 0), (2, 1), (0, 1)], 0.8, RED, top=0.6)
    mesh = builder.mesh()
    width = {z: np.abs(mesh.vertices[mesh.vertices[:, 2] == z][:, 1]) for z in (0, 1)}
    assert width[0] == pytest.approx(0.8)
    assert width[1] == pytest.approx(0.6)


@pytest.mark.parametrize(("detail", "faces"), [(100.0, 12), (20.0, 10), (12.0, 7), (0.0, 5)])
def test_with_less_detail_there_are_fewer_faces(detail: float, faces: int) -> None:
    coarse = box_and_wheels().coarse(detail)
    assert coarse.faces == faces
    assert (coarse.detail <= detail).all()
    assert coarse.starts[-1] == len(coarse.vertices)
    assert coarse.groups == (3, 4 if detail >= 20 else 3)
    assert coarse.split == 1.0


def test_without_an_arch_a_wheel_has_one_ring_less() -> None:
    builder = Builder()
    builder.wheel(0.0, 0.5, 0.3, arch=False)
    assert builder.mesh().faces == 6
    assert set(builder.mesh().lamp.tolist()) == {PLAIN}

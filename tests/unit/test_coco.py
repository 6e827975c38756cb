"""COCO's names, against numbers that everybody knows by heart."""

from __future__ import annotations

import pytest

from sightline.coco import COCO_CATEGORIES, COCO_NAMES, KEYPOINT_NAMES, LISTS, SKELETON, names_for


@pytest.mark.parametrize(
    ("number", "name"), [(0, "person"), (2, "car"), (16, "dog"), (62, "tv"), (79, "toothbrush")]
)
def test_names_as_detectors_number_them(number: int, name: str) -> None:
    assert COCO_NAMES[number] == name


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "background"), (1, "person"), (3, "car"), (12, "12"), (13, "stop sign"), (44, "bottle"), (90, "toothbrush")],
)  # fmt: skip
def test_names_by_the_number_of_their_category(number: int, name: str) -> None:
    assert COCO_CATEGORIES[number] == name


def test_both_lists_hold_the_same_names_in_one_order() -> None:
    assert len(set(COCO_NAMES)) == len(COCO_NAMES) == 80
    assert len(COCO_CATEGORIES) == 91
    assert tuple(n for n in COCO_CATEGORIES[1:] if not n.isdigit()) == COCO_NAMES
    assert LISTS == {"coco": COCO_NAMES, "coco91": COCO_CATEGORIES}


@pytest.mark.parametrize(
    ("classes", "names"), [(None, COCO_NAMES), (80, COCO_NAMES), (91, COCO_CATEGORIES), (1, ()), (0, ()), (90, ())]
)  # fmt: skip
def test_only_a_model_of_so_many_classes_has_these_names(
    classes: int | None, names: tuple[str, ...]
) -> None:
    assert names_for(classes) == names


def test_the_skeleton_joins_each_keypoint() -> None:
    assert len(KEYPOINT_NAMES) == 17
    assert {point for pair in SKELETON for point in pair} == set(range(17))
    assert len({frozenset(pair) for pair in SKELETON}) == len(SKELETON) == 19
    joined = {tuple(sorted((KEYPOINT_NAMES[a], KEYPOINT_NAMES[b]))) for a, b in SKELETON}
    assert ("left_elbow", "left_wrist") in joined
    assert ("left_wrist", "right_wrist") not in joined

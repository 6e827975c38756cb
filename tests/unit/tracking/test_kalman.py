from __future__ import annotations

import numpy as np
import pytest

from sightline.tracking import kalman

BOX = np.array([[10.0], [20.0], [50.0], [100.0]])
COLUMN = np.array([0])


def test_follows_a_steady_motion() -> None:
    step = np.array([[3.0], [-2.0], [3.0], [-2.0]])
    motion = kalman.begin(BOX)
    for n in range(1, 60):
        kalman.predict(motion, 1)
        kalman.correct(motion, COLUMN, BOX + n * step)
    kalman.predict(motion, 1)
    assert motion[:4] == pytest.approx(BOX + 60 * step, abs=0.05)
    assert motion[4:8] == pytest.approx(step, abs=0.02)


def test_equals_the_textbook_filter() -> None:
    """x = Fx, P = FPF' + Q; K = PH'/S, x += Ky, P = (I - KH)P, for one coordinate at a time."""
    noise, velocity_noise = (1 / 20) ** 2, (1 / 160) ** 2
    rng = np.random.default_rng(1)
    motion = kalman.begin(BOX)
    covariance = np.diag([(2 / 20) ** 2, (10 / 160) ** 2])
    states = np.concatenate((BOX, np.zeros((4, 1))), axis=1)
    f, q, h = np.array([[1.0, 1], [0, 1]]), np.diag([noise, velocity_noise]), np.array([[1.0, 0]])
    for _ in range(20):
        measured = BOX + rng.normal(0, 5, (4, 1))
        kalman.predict(motion, 1)
        kalman.correct(motion, COLUMN, measured)
        states, covariance = states @ f.T, f @ covariance @ f.T + q
        gain = covariance @ h.T / (h @ covariance @ h.T + noise)
        states = states + (measured - states @ h.T) @ gain.T
        covariance = (np.eye(2) - gain @ h) @ covariance
    assert motion[:4, 0] == pytest.approx(states[:, 0])
    assert motion[4:8, 0] == pytest.approx(states[:, 1])
    assert motion[8:, 0] == pytest.approx(covariance[[0, 0, 1], [0, 1, 1]])


def test_a_gap_moves_as_far_as_its_frames() -> None:
    motion = kalman.begin(BOX)
    motion[4:8] = 2.0
    single, gap = motion.copy(), motion.copy()
    for _ in range(3):
        kalman.predict(single, 1)
    kalman.predict(gap, 3)
    assert gap[:8] == pytest.approx(single[:8])
    assert (gap[8:] > motion[8:]).all()


def test_looking_ahead_changes_nothing() -> None:
    motion = kalman.begin(BOX)
    motion[4:8] = 2.0
    before = motion.copy()
    assert kalman.predicted_boxes(motion, 2.5) == pytest.approx(BOX + 5)
    assert (motion == before).all()


def test_only_the_given_columns_are_corrected() -> None:
    motion = kalman.begin(np.repeat(BOX, 3, axis=1))
    before = motion.copy()
    kalman.correct(motion, np.array([1]), BOX + 4)
    assert (motion[:, [0, 2]] == before[:, [0, 2]]).all()
    assert (motion[:4, [1]] > BOX).all()


def test_a_shrinking_box_does_not_turn_inside_out() -> None:
    motion = kalman.begin(BOX)
    motion[6:8] = -10.0
    kalman.predict(motion, 30)
    assert (motion[2:4] >= motion[:2]).all()


def test_held_boxes_move_but_keep_their_size() -> None:
    motion = kalman.begin(BOX)
    motion[4:8] = np.array([[1.0], [2], [3], [6]])
    kalman.hold_size(motion, COLUMN)
    kalman.predict(motion, 10)
    assert motion[:4] == pytest.approx(BOX + np.array([[20.0], [40], [20], [40]]))

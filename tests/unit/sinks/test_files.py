from __future__ import annotations

from sightline.sinks.files import free_path


def test_a_path_beside_those_that_are_there(tmp_path):
    for name in ("cam.1.mp4", "cam.1-2.mp4", "cam.1-3.mp4"):
        path = free_path(tmp_path / "cam.1.mp4")
        assert path == tmp_path / name
        path.touch()

"""What the names of pictures and videos end with: those that are read, and those that are not."""

from __future__ import annotations

PICTURES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".tif", ".tiff"}
)
"""Pictures that are read. ``.jpe``, ``.jfif`` and ``.mpo`` are JPEG too, as browsers and cameras name it."""

UNREAD_PICTURES = frozenset({
    ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm",
    ".tga", ".exr", ".hdr", ".psd", ".svg", ".ico", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw",
})  # fmt: skip
"""Pictures too, which are not read in a folder: whoever has them there is told."""

VIDEOS = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv",
    ".flv", ".3gp", ".dav", ".264", ".h264", ".265", ".h265", ".hevc",
})  # fmt: skip
"""Suffixes of videos as people have them. FFmpeg reads more."""

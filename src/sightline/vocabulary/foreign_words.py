"""Words of other programs, and what Sightline calls the same thing.

A table for messages: Ultralytics, Frigate, DeepStream, Triton and their like call options and commands
otherwise, and spelling alone does not lead from ``imgsz`` to ``size``. An option has one name on the
command line, in YAML and in Python, so what ``other_names`` knows of Python's keywords counts here too; below
are the words that configurations and commands have besides.
"""

from __future__ import annotations

from collections.abc import Iterable

from sightline.vocabulary import other_names

OPTIONS: dict[str, tuple[str, ...]] = {
    **{theirs: (ours,) for theirs, ours in other_names.OPTIONS.items()},
    # Sections of a configuration.
    "cameras": ("streams",),
    "feeds": ("streams",),
    "sources": ("streams", "source"),
    "channels": ("streams",),
    "go2rtc": ("streams",),
    "detectors": ("models",),
    "networks": ("models",),
    "model_repository": ("models",),
    "primary_gie": ("models",),
    "server": ("serving",),
    "service": ("serving",),
    "api": ("serving",),
    "http": ("serving",),
    "rules": ("alerts",),
    "notifications": ("alerts",),
    "sinks": ("outputs",),
    "output_dir": ("annotated",),
    "record": ("outputs",),
    "tracking": ("track", "tracker"),
    # Where pictures come from.
    "path": ("source", "model"),
    "file": ("source", "model"),
    "filename": ("source", "model"),
    "url": ("source",),
    "rtsp": ("source",),
    "rtsp_url": ("source",),
    "src": ("source",),
    "input": ("source",),
    "inputs": ("source",),
    "camera": ("source", "stream"),
    "device_id": ("source", "device"),
    "rtsp_transport": ("transport",),
    "protocol": ("transport",),
    "interval": ("every",),
    "detect_every": ("every",),
    "rate": ("fps",),
    # The model and its thresholds.
    "weight": ("model",),
    "onnx_file": ("model",),
    "model_engine_file": ("model",),
    "network": ("model",),
    "score": ("conf",),
    "pre_cluster_threshold": ("conf",),
    "nms_iou_threshold": ("iou",),
    "names": ("class_names",),
    "labels": ("class_names",),
    "label_names": ("class_names",),
    "labelmap": ("class_names",),
    "labelmap_path": ("class_names",),
    "labelfile_path": ("class_names",),
    "nc": ("class_names",),
    "class_filter": ("classes",),
    "objects": ("classes",),
    "img": ("size",),
    "input_shape": ("size",),
    "infer_dims": ("size",),
    "resolution": ("size",),
    "topk": ("max_detections",),
    # How it runs.
    "half": ("precision",),
    "fp16": ("precision",),
    "int8": ("precision",),
    "dtype": ("precision",),
    "network_mode": ("precision",),
    "platform": ("backend",),
    "gpu": ("device",),
    "gpu_id": ("device",),
    "gpus": ("devices", "device"),
    "gpu_ids": ("devices", "device"),
    "instance_group": ("replicas",),
    "instances": ("replicas",),
    "batch": ("max_batch",),
    "batch_size": ("max_batch",),
    "max_batch_size": ("max_batch",),
    "dynamic_batching": ("scheduler",),
    "max_queue_size": ("queue",),
    # The tracker.
    "track_high_thresh": ("high_threshold",),
    "track_low_thresh": ("low_threshold",),
    "new_track_thresh": ("new_track_threshold",),
    "track_thresh": ("high_threshold",),
    "match_thresh": ("match_threshold",),
    "min_hits": ("minimum_hits",),
    "min_initialized": ("minimum_hits",),
    "min_consecutive_frames": ("minimum_hits",),
    "track_buffer": ("lost_buffer_s",),
    "max_age": ("lost_buffer_s",),
    "max_disappeared": ("lost_buffer_s",),
    "lost_track_buffer": ("lost_buffer_s",),
    "persist": ("track",),
    # What is written.
    "save": ("annotated",),
    "save_dir": ("annotated",),
    "save_video": ("annotated",),
    "out": ("annotated",),
    "project": ("annotated",),
    "name": ("annotated",),
    "nosave": ("annotated",),
    "save_txt": ("yolo_txt",),
    "save_frames": ("yolo_pictures",),
    "save_conf": ("yolo_scores",),
    "save_crop": ("crops",),
    "save_crops": ("crops",),
    "snapshots": ("crops",),
    "save_json": ("coco", "json_lines"),
    "save_csv": ("csv",),
    "view_img": ("show",),
    "display": ("show",),
    "json": ("json_lines",),
    "jsonl": ("json_lines",),
    "output": ("annotated",),
    "db": ("database",),
    "sqlite": ("database",),
    "sql": ("database",),
    # The service.
    "bind": ("host",),
    "listen": ("host",),
    "address": ("host",),
    "http_address": ("host",),
    "http_port": ("port",),
    "grpc": ("grpc_port",),
    "api_key": ("token",),
    "auth_token": ("token",),
    "password": ("token",),
    "cors": ("origins",),
    "allowed_origins": ("origins",),
    "processes": ("workers",),
    "num_workers": ("workers",),
    "threads": ("workers", "threads"),
    "verbosity": ("verbose",),
}
"""Names of options elsewhere, in lower case and with ``_``: what they are called here, the likeliest
first. Which of them is meant depends on the place."""

COMMANDS: dict[str, str] = {
    "predict": "detect",
    "infer": "detect",
    "inference": "detect",
    "detection": "detect",
    "yolo": "detect",
    "tracking": "track",
    "val": "evaluate detect",
    "validate": "evaluate detect",
    "eval": "evaluate detect",
    "test": "evaluate detect",
    "benchmark": "bench",
    "perf": "bench",
    "checks": "doctor",
    "check": "doctor",
    "start": "run",
    "up": "run",
    "server": "serve",
    "convert": "export",
    "download": "models pull",
    "pull": "models pull",
    "list": "models list",
    "info": "inspect",
    "summary": "inspect",
    "completion": "--install-completion",
    "version": "--version",
    "help": "--help",
}
"""Commands of other programs, and ours."""


def ours(word: str) -> tuple[str, ...]:
    """What an option of another program may be called here, the likeliest first; none is known: ()."""
    return OPTIONS.get(_plain(word), ())


def named_here(word: str, known: Iterable[str]) -> str | None:
    """Which of the ``known`` options an option of another program is; None where that is not known."""
    there = set(known)
    return next((name for name in ours(word) if name in there), None)


def _plain(word: str) -> str:
    return word.strip().lower().lstrip("-").replace("-", "_").replace(" ", "_")

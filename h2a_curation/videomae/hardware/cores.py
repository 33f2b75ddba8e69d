"""Processor cores: how many a process may use, how many decode, and what a clip costs them."""

import os

from h2a_curation.videomae.presets import ModelConfig

DECODE_S = 0.024
"""Seconds of one core to read and decode 16 frames at stride 4 of a clip of 256p; 1.5 times as much for 720p."""
VIEW_S = 0.004
"""Seconds of one core to crop and resize 16 frames to 224 px. Both by `bench.loader` on an AMD EPYC: RESULTS.md."""
_ON_CPU = 2
"""Loaders beside a model that computes on the same cores."""


def cores_of_process() -> int:
    """The cores that this process may count on: those it is allowed, shared with the others of its run."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    num_processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of this run on this machine, by torchrun
    return max(1, allowed // num_processes)


def default_workers(device_type: str) -> int:
    """Threads that decode, where nobody says: on a GPU all cores of the process but one, which launches its work."""
    return max(1, cores_of_process() - 1) if device_type == "cuda" else _ON_CPU


def loader_s(config: ModelConfig, views: int, view_s: float = VIEW_S) -> float:
    """Seconds of one core for a decoded clip with that many views, each of which takes so long at 224 px."""
    height_px, width_px = config.frame_px
    of_view = view_s * height_px * width_px / 224**2
    return (DECODE_S + views * of_view) * config.num_frames / 16

"""An evaluation on paper: how long a look at a benchmark's videos takes, and whether devices or cores are slower."""

import math
from dataclasses import dataclass, replace

from h2a_curation.foundation.ranges import Range
from h2a_curation.videomae.hardware.flops import classifier_flops
from h2a_curation.videomae.hardware.memory import classifier_bytes, view_bytes
from h2a_curation.videomae.hardware.plan import USABLE, Device, check_numbers
from h2a_curation.videomae.presets import Preset
from h2a_curation.videomae.rules import Dtype

FRAME_S = 0.0004
"""Seconds of one core for a frame of 256p, decoded, and resized where a view wants it: 250 frames take 0.10 s by
`bench.evaluate` on an AMD EPYC (RESULTS.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A benchmark's test, as its owners and the official scripts have it."""

    num_videos: int
    """Videos of all its splits together."""
    mean_frames: int
    """Frames of a video, of which all are decoded."""
    num_classes: int
    views: tuple[int, int]
    """Segments and crops."""


# Sizes by the papers that introduce the sets: 10 s at 30 frames a second; 13,320 clips of 7.2 s at 25 in three splits
# of 3,783, 3,734 and 3,696; three splits of 30 clips of each class, of 3.1 s at 30; 24,777 clips of 4 s at 12.
TESTS = {
    "k400": Test(num_videos=20_000, mean_frames=300, num_classes=400, views=(5, 3)),
    "ucf101": Test(num_videos=11_213, mean_frames=180, num_classes=101, views=(5, 3)),
    "hmdb51": Test(num_videos=3 * 30 * 51, mean_frames=93, num_classes=51, views=(5, 3)),
    "ssv2": Test(num_videos=24_777, mean_frames=48, num_classes=174, views=(2, 3)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """An evaluation on paper."""

    num_videos: int
    num_views: int
    """Views of one video."""
    video_tflops: float
    """Arithmetic of one video's views, in TFLOP."""
    device_s: float
    """Seconds of all devices together at their share of the work."""
    decoding_s: float | None
    """Seconds that the cores beside the devices need to decode; None where nobody says how many there are."""
    needed_cores: int
    """Cores beside each device with which decoding keeps up."""
    views_at_once: int
    """The most views of a video that a device can hold in a pass; 0 where not even one fits."""
    usable_bytes: int
    weights_bytes: int
    hours: float
    device_hours: float
    cost: float | None


def plan_evaluation(
    preset: Preset,
    test: Test,
    device: Device,
    num_devices: int,
    *,
    dtype: Dtype = "float32",
    mfu: float = 0.45,
    price_per_hour: float | None = None,
    cores: int | None = None,
) -> EvaluationPlan:
    """Of a classifier with that preset's encoder. Arguments are those of `plan`; ValueError where they make no run."""
    count = test.num_videos
    counted = ("the number of videos", count, Range(at_least=1, at_most=10**9))
    check_numbers(counted, num_devices=num_devices, mfu=mfu, price_per_hour=price_per_hour, cores=cores)
    num_views = test.views[0] * test.views[1]
    flops = classifier_flops(preset.model, num_views, test.num_classes)
    of_each = math.ceil(count / num_devices)
    device_s = of_each * flops / (device.flops_per_s(dtype) * mfu)
    core_s = of_each * test.mean_frames * FRAME_S
    decoding_s = None if cores is None else core_s / cores
    hours = max(device_s, decoding_s or 0.0) / 3600
    usable = int(USABLE * device.memory_gib * 2**30)
    weights = classifier_bytes(preset.model, test.num_classes)
    fitting = max(0, usable - weights) // view_bytes(preset.model, dtype)
    return EvaluationPlan(
        num_videos=count,
        num_views=num_views,
        video_tflops=flops / 1e12,
        device_s=device_s,
        decoding_s=decoding_s,
        needed_cores=math.ceil(core_s / device_s),
        views_at_once=min(num_views, fitting),
        usable_bytes=usable,
        weights_bytes=weights,
        hours=hours,
        device_hours=hours * num_devices,
        cost=None if price_per_hour is None else price_per_hour * hours * num_devices,
    )


def known_test(name: str, num_videos: int | None = None) -> Test:
    """The test of that name, with so many videos if said; ValueError names the known ones."""
    if name not in TESTS:
        raise ValueError(f"no plan for --task {name}; known: {', '.join(TESTS)}")
    return TESTS[name] if num_videos is None else replace(TESTS[name], num_videos=num_videos)

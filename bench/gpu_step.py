"""Pretraining on a GPU as it is run: `h2a pretrain` of ViT-B, L and g, from shards, in bfloat16 and compiled.

    python -m bench.gpu_step
    python -m bench.gpu_step --device cpu --presets micro     # the machinery alone, while developing

Each model takes as many samples at a time as fit, by halves from SAMPLES. What counts is the program's own summary:
samples a second, utilisation with all waits, the share of the time that the loaders are waited for, memory.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import loader_clips, report
from bench.report import Figure
from h2a_curation.videomae.hardware.speed import WARM_UP_STEPS
from h2a_curation.videomae.presets import preset

SAMPLES = {"vit_b": 256, "vit_l": 128, "vit_g": 64, "micro": 8}
"""At a time; halved until they fit."""
GOALS = {"vit_l": ">= 0.45", "vit_g": ">= 0.45"}
COUNTED_STEPS = 20
LIMIT_S = 300
"""For one run, its compilation included."""
OUT_OF_MEMORY = "out of memory"


def main() -> int:
    """Print and record the figures of all models."""
    parser = report.options(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--presets", nargs="+", default=["vit_b", "vit_l", "vit_g"], choices=list(SAMPLES))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sources, made = folder / "sources", folder / "made"
        sources.mkdir()
        loader_clips.prepare(loader_clips.rendered(sources), 340, 256, made)
        figures = []
        for name in given.presets:
            figures += of_model(name, made / "lake", folder / name, given.device)
        return report.finish("gpu_step", figures, given)


def of_model(name: str, lake: Path, out: Path, device: str) -> list[Figure]:
    """Of one preset, with the most clips at a time that fit. RuntimeError with the program's last line if it fails."""
    views = preset(name).recipe.views
    clips = max(1, SAMPLES[name] // views)
    while True:
        failed = pretrained(name, lake, out / str(clips), device, clips)
        if failed is None:
            break
        if OUT_OF_MEMORY not in failed or clips == 1:
            raise RuntimeError(f"h2a pretrain --preset {name}: {failed}")
        clips //= 2
    found = json.loads((out / str(clips) / "summary.json").read_text())
    return [
        Figure(name=f"{name}_samples_at_a_time", value=clips * views, unit=""),
        Figure(name=f"{name}_samples_per_s", value=found["samples_s"], unit="samples/s"),
        Figure(name=f"{name}_mfu", value=found["mfu"], unit="of matmul peak", goal=GOALS.get(name, "")),
        Figure(name=f"{name}_loader_share", value=found["loader_share"], unit="of the time"),
        Figure(name=f"{name}_gib", value=found["peak_memory_bytes"] / 2**30, unit="GiB"),
    ]


def pretrained(name: str, lake: Path, out: Path, device: str, clips: int) -> str | None:
    """Run the program with that many clips a step, all at a time; None, or the last line of what it says in failing."""
    program = "from h2a_curation.cli.main import program; program()"
    settings = {"batch_clips": clips, "steps": WARM_UP_STEPS + COUNTED_STEPS, "save_steps": 10**6, "held_out_clips": 1}
    options = ["--preset", name, "--version", "v1", "--out", str(out), "--device", device, "--micro-clips", str(clips)]
    for key, value in settings.items():
        options += ["--set", f"{key}={value}"]
    command = [sys.executable, "-c", program, "pretrain", "--lake", str(lake), *options]
    ended = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(report.ROOT)}, capture_output=True, text=True, timeout=LIMIT_S
    )
    return None if ended.returncode == 0 else (ended.stderr.strip().splitlines() or ["it says nothing"])[-1]


if __name__ == "__main__":
    sys.exit(main())

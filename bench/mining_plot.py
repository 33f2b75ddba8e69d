"""Clips by pages asked, one line a miner: the picture in docs/mining.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from bench.mining_loop import Outcome

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def draw(results: Mapping[str, Sequence[Outcome]], file: Path) -> None:
    """Means over seeds, with the range of seeds as a band; each line has its name at its end."""
    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    heights: dict[str, float] = {}
    colors: dict[str, Any] = {}
    for name, outcomes in results.items():
        if not outcomes[0].curve:
            heights[name], colors[name] = float(np.mean([o.accepted for o in outcomes])), "dimgrey"
            axes.axhline(heights[name], linestyle="--", color=colors[name], linewidth=1.2)
            continue
        num_rounds = min(len(o.curve) for o in outcomes)
        curves = np.array([o.curve[:num_rounds] for o in outcomes], float)
        pages, clips = curves[:, :, 0].mean(0), curves[:, :, 1]
        style: dict[str, Any] = {"color": "black", "linewidth": 2.5} if name == "ours" else {"linewidth": 1.2}
        [line] = axes.plot(pages, clips.mean(0), **style)
        axes.fill_between(pages, clips.min(0), clips.max(0), alpha=0.15, color=line.get_color(), linewidth=0)
        heights[name], colors[name] = float(clips.mean(0)[-1]), line.get_color()
    axes.set(xlabel="pages asked for", ylabel="accepted clips, at most the quota of each class")
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.spines[["top", "right"]].set_visible(False)
    for name, at in _apart(heights, 0.045 * axes.get_ylim()[1]).items():
        axes.annotate(
            name, (1.01, at), xycoords=axes.get_yaxis_transform(), va="center", fontsize=8, color=colors[name]
        )
    figure.savefig(file, dpi=110)


def _apart(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """The heights, from the lowest on raised where they lie closer than `least`."""
    placed: dict[str, float] = {}
    last = -np.inf
    for name in sorted(heights, key=lambda n: heights[n]):
        last = placed[name] = max(heights[name], last + least)
    return placed

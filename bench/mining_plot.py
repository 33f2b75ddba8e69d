"""Clips by pages asked, one line a miner: the picture in docs/mining.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np

from bench.mining_loop import Outcome

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def draw(results: Mapping[str, Sequence[Outcome]], file: Path) -> None:
    """Means over seeds, with the range of seeds as a band."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, outcomes in results.items():
        if not outcomes[0].curve:
            axes.axhline(float(np.mean([o.accepted for o in outcomes])), linestyle="--", color="black", label=name)
            continue
        num_rounds = min(len(o.curve) for o in outcomes)
        curves = np.array([o.curve[:num_rounds] for o in outcomes], float)
        pages, clips = curves[:, :, 0].mean(0), curves[:, :, 1]
        [line] = axes.plot(pages, clips.mean(0), label=name, linewidth=2.5 if name == "ours" else 1.2)
        axes.fill_between(pages, clips.min(0), clips.max(0), alpha=0.15, color=line.get_color(), linewidth=0)
    axes.set(xlabel="pages asked for", ylabel="accepted clips, at most the quota of each class")
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=110)

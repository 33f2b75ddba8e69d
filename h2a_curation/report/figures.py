"""Figures as inline SVG whose colours are the page's own, so that they follow its light and dark."""

import re
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _FAINT, _LINE, _MARK = "#010101", "#020202", "#030303", "#040404"
_CSS = {_INK: "var(--soft)", _FAINT: "var(--rule)", _LINE: "var(--keep)", _MARK: "var(--drop)"}
"""What stands for each colour in the page; matplotlib must be given plain ones."""

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "h2a",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
}


def loss_curve(points: Sequence[tuple[int, float]], held_out: float, of_mean: float) -> Markup:
    """Training loss by step, the held-out loss at its end, and that of predicting each patch's mean."""
    # Imported here: it takes half a second, and every command that prints a funnel imports this module.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    steps, losses = zip(*points, strict=True)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(steps, losses, color=_LINE, linewidth=0.8, alpha=0.35)
        axes.plot(steps, _smooth(losses), color=_LINE, linewidth=1.8)
        axes.axhline(of_mean, color=_MARK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.plot(steps[-1:], [held_out], "o", color=_MARK, markersize=6, clip_on=False)
        for label, height in (("patch mean", of_mean), ("held out", held_out)):
            axes.annotate(label, (steps[-1], height), (9, 0), va="center", color=_MARK, textcoords="offset points")
        axes.set(xlabel="step", ylabel="reconstruction loss", xlim=(steps[0], steps[-1]))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)
        return _svg(figure)


def arm_dots(arms: Sequence[tuple[str, Sequence[float], tuple[float | None, float | None]]], label: str) -> Markup:
    """For each arm a dot for each of its values, their mean, and the ends of its interval where there are any."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(7.2, 0.6 + 0.36 * len(arms)), layout="constrained")
        axes = figure.add_subplot()
        for place, (_, values, (low, high)) in enumerate(arms):
            axes.plot(
                [100 * value for value in values], [place] * len(values), "o", color=_LINE, markersize=4, alpha=0.5
            )
            axes.plot([100 * sum(values) / len(values)], [place], "|", color=_MARK, markersize=12, markeredgewidth=2)
            if low is not None and high is not None:
                # Student's interval knows no bounds, and a share has some.
                axes.plot([100 * max(low, 0), 100 * min(high, 1)], [place, place], color=_MARK, linewidth=1.2)
        axes.set(yticks=range(len(arms)), yticklabels=[name for name, _, _ in arms], xlabel=f"{label}, %")
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color=_FAINT, linewidth=0.6)
        return _svg(figure)


def _smooth(values: Sequence[float], share: float = 0.15) -> list[float]:
    """Exponential mean, so that the trend shows through the noise of small batches."""
    smoothed = [values[0]]
    for value in values[1:]:
        smoothed.append(smoothed[-1] + share * (value - smoothed[-1]))
    return smoothed


def _svg(figure: "Figure") -> Markup:
    out = StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    for color, variable in _CSS.items():
        svg = svg.replace(color, variable)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return Markup(svg)  # nosec B704  # made of numbers and our own words alone

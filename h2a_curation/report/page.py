"""The report: plain rows in, one self-contained HTML file out.

The page asks nothing of any server and says so in its Content-Security-Policy. All text is escaped, since captions
and tags come from strangers.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.report.figures import loss_curve


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStage:
    """What came into a stage and what it kept; the stages are shown in the order given."""

    stage: str
    unit: str
    """What is counted: `posts`, `files`, `clips`."""
    num_in: int
    num_kept: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Number of subjects that were not kept, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How far the posts of a class came."""

    class_id: str
    name: str
    num_listed: int
    num_fetched: int
    num_valid: int
    num_train: int
    num_val: int
    num_test: int
    num_wanted: int | None = None
    """Clips that the class should have, by the truth or the quota; None where there is neither."""

    @property
    def num_selected(self) -> int:
        """Over all splits."""
        return self.num_train + self.num_val + self.num_test


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFigures:
    """Against the truth of a world that has one."""

    precision: float
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningRound:
    """What a round of mining asked for and learnt."""

    round: int
    num_pages: int
    num_new_posts: int
    num_accepted: int
    """Clips in the selection that a post of this round gave."""
    num_files: int = 0
    """Files that came for this round's plan."""
    tags_learnt: Sequence[str] = ()
    tags_changed: Sequence[tuple[str, str]] = ()
    """Tags and the states in which they were found when the round was planned, where those are new."""
    why_nothing: str = ""
    """Why a round asked for no page; empty where it asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagYield:
    """What a tag cost and gave, and in what state it is."""

    tag: str
    class_ids: Sequence[str]
    ground: str
    """`seed` or `learnt`."""
    num_pages: int
    num_posts: int
    """Posts that this tag was the first to list."""
    num_accepted: int
    """Those of `num_posts` that gave a selected clip."""
    state: str = "open"
    """`open`, `paused`, `waiting`, `retired` or `drifted`."""
    reason: str = ""
    """Reason of the last change of the tag's state; empty where it never changed."""
    detail: str = ""
    """The evidence of that change, one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number that a rule compared, or one that was only recorded."""

    name: str
    value: float
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetClip:
    """One clip of a contact sheet."""

    strip: bytes
    """JPEG: see contact_sheet.strip."""
    caption: str
    numbers: Sequence[Measured] = ()
    href: str | None = None
    """Path of the clip, relative to the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Clips under one heading: a class, or a reason of rejection."""

    title: str
    subtitle: str
    num_clips: int
    """Number of clips in all; the sheet shows some of them."""
    clips: Sequence[SheetClip]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """How the pretraining run went."""

    preset: str
    losses: Sequence[tuple[int, float]]
    """(step, training loss)."""
    held_out_loss: float
    of_mean_loss: float
    """On the same held-out clips, of predicting each patch's mean."""
    picture: Path | None = None
    """PNG of held-out clips: as they are, masked, reconstructed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """All that the page shows. Sections whose rows are empty or None are left out."""

    title: str
    built_at: datetime
    recipe: str
    notes: Sequence[str]
    """What a reader must know before the numbers, such as a signal that is recorded without deciding."""
    funnel: Sequence[FunnelStage]
    classes: Sequence[ClassCount]
    score: ScoreFigures | None
    rounds: Sequence[MiningRound]
    tags: Sequence[TagYield]
    kept: Sequence[Sheet]
    rejected: Sequence[Sheet]
    seconds: Mapping[str, float]
    """Wall seconds by stage."""
    pretraining: Pretraining | None
    paths: Mapping[str, str]
    """What lies where."""


def write_report(data: ReportData, target: Path) -> None:
    """Write the page, whole or not at all."""
    page = environment().get_template("report.html.j2").render(d=data, curve=_curve(data.pretraining)).lstrip()
    with replaced(target.parent, target) as file:
        file.write(page.encode())


def _curve(run: Pretraining | None) -> Markup | None:
    return loss_curve(run.losses, run.held_out_loss, run.of_mean_loss) if run else None


def environment() -> Environment:
    """Templates of this room, with the ways in which numbers are written."""
    environment = Environment(
        loader=PackageLoader("h2a_curation", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count,
        "number": number,
        "percent": percent,
        "duration": duration,
        "spaced": lambda name: name.replace("_", " "),
        "jpeg": lambda content: f"data:image/jpeg;base64,{b64encode(content).decode()}",
        "png": lambda file: f"data:image/png;base64,{b64encode(file.read_bytes()).decode()}",
    }
    return environment


def count(value: int) -> str:
    """With a narrow space between thousands.

    >>> count(283582)
    '283\u202f582'
    """
    return f"{value:,}".replace(",", "\u202f")


def number(value: float) -> str:
    """Three significant digits, without an exponent where people would write none.

    >>> [number(v) for v in (0.02134, 60.0, 1234.5, -0.5)]
    ['0.0213', '60', '1\u202f234', '\u22120.5']
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace(",", "\u202f").replace("-", "\u2212")


def percent(share: float) -> str:
    """A share of 1; a share that is not all is never shown as 100 %, nor one that is not nothing as 0 %.

    >>> [percent(s) for s in (0, 0.0004, 0.123, 0.9996, 1)]
    ['0 %', '< 1 %', '12 %', '> 99 %', '100 %']
    """
    if 0 < share < 0.005:
        return "< 1 %"
    if 0.995 < share < 1:
        return "> 99 %"
    return f"{share:.0%}".replace("%", " %")


def duration(seconds: float) -> str:
    """In the two largest units.

    >>> [duration(s) for s in (0.42, 12.3, 75, 3725)]
    ['0.4 s', '12.3 s', '1 min 15 s', '1 h 2 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"

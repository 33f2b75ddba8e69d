"""What became of a post and of a listing: computed from the facts and the newest decision, and stored nowhere.

The SQL behind these records is h2a_curation/catalog/fates.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFate:
    """Where a post was lost as an example of one class, or that it was kept: a row a candidate.

    `claim_fate` has the same columns and as many rows, but each post answers for itself there: where two posts have the
    same file or clip, both go on.

    `fate` has the same columns and one row a post: of the post's classes that which came furthest, the first by name
    where several came as far. A post without any candidate stands there with the reason `no_class`.
    """

    post_id: str
    class_id: str | None
    """None in `fate` where no tag of the post speaks for a class."""
    ground: str | None
    """As in Candidate."""
    media_id: str | None
    """The post's file, also where the post was lost before or for another reason."""
    clip_id: str | None
    """The file's clip, likewise."""
    stage: str
    """The first that lost it: `mine`, `screen_post`, `fetch`, `probe`, `cut`, `screen_clip`, `validate`, `dedup` or
    `select`; `kept` where the newest decision selects it."""
    reason: str
    """A verdict's reason or an outcome. Besides: `no_class` (no tag speaks for a class), `not_asked` (other posts came
    first in the budget of files), `same_file` and `same_clip` (another post, which stands for both, gave the same
    bytes), `undecided` (not measured, or not decided on, yet); `ok` where it is kept."""
    value: float | None
    """The number that a failing rule compared."""
    threshold: float | None
    """What it was compared with."""
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LastVerdict:
    """The last verdict on a class and a post, clip or file: the one against it, where there is one.

    Only what a stage keeps reaches the next. The columns are those of Verdict.
    """

    class_id: str
    subject_id: str
    stage: str
    keep: bool
    reason: str
    value: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a post says to mining of the listings that show it: a row a post of which nothing is left to decide.

    It is evidence on a tag and no example of one class, so `reason` differs from that of `fate` in some posts. A
    verdict against any class counts before a failed measurement. Of several verdicts that of the last stage counts, and
    there the last reason by name. A post whose file or clip another post stands for has the verdict on that file. Posts
    of those who opted out have no row.
    """

    post_id: str
    reason: str
    """Empty where a clip of the post is selected for any class; else that of the last stage that rejected it, or why no
    file came (`opt_out`: the host lets nobody fetch), or `no clip`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagYield:
    """What a listing cost and gave: a row a source and tag of which a page was asked for.

    A post that several listings show counts for the one that was the first to list it, so sums over tags are posts.
    """

    source: str
    tag: str
    num_pages: int
    """Asked for, those that failed among them."""
    num_new: int
    """Posts that this listing was the first to list."""
    num_accepted: int
    """Those of them that are kept."""

"""Screen posts on metadata alone, so that nothing unusable is downloaded, and clips on what was measured."""

from dataclasses import dataclass, field

import pyarrow as pa

from h2a_curation.decide.minor import MinorWords, mentions_sql
from h2a_curation.decide.rules import LATER, Mode, Query, Rule, check_mode, fingerprint, verdict_sql


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRules:
    """Metadata that a source does not give passes."""

    minor: bool = field(default=False, metadata=LATER)
    """Leave out posts whose caption or hashtags speak of children, before all other rules: nothing of them is fetched.
    It loses posts of adults too ("gym girl"), and finds no child of whom a post does not speak."""
    minor_words: MinorWords | None = field(default=None, metadata=LATER)
    """What speaks of children; a recipe that names none gets the reviewed list `data/minor_words.yaml`."""
    min_duration_s: float = 2.2
    """A 16-frame clip at stride 4 spans 61 frames: 2.0 s at 30 fps; shorter clips repeat frames."""
    max_duration_s: float = 60.0
    """Longer videos seldom show one action, and each costs as much to fetch as ten short ones."""
    min_short_side_px: int = 240
    """Training reads 224 px. 360, as Panda-70M has it, would lose 7 of 12 real actions (design/peers.md C3)."""
    max_hashtags: int = 30
    """Posts tagged with everything are spam and dilute every class they touch."""
    min_num_views: int = 0
    """Above 0 it favours what a platform already promotes: the paper's floor is one of hashtags, not of posts."""
    extra: tuple[Rule, ...] = ()
    """Rules of your own over the columns of `post` and `ground`, tried after these."""

    def __post_init__(self) -> None:
        if not 0 < self.min_duration_s < self.max_duration_s:
            raise ValueError(f"empty duration range: {self}")
        if self.max_hashtags < 1 or self.min_short_side_px < 0 or self.min_num_views < 0:
            raise ValueError(f"a limit that no post can meet, or below zero: {self}")

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried."""
        return [
            *self._duties(),
            Rule("too_short", "duration_s", "<", self.min_duration_s),
            Rule("too_long", "duration_s", ">", self.max_duration_s),
            Rule("too_small", "least(width_px, height_px)", "<", self.min_short_side_px),
            Rule("tag_spam", "len(hashtags)", ">", self.max_hashtags),
            Rule("too_few_views", "num_views", "<", self.min_num_views),
            *self.extra,
        ]

    def _duties(self) -> list[Rule]:
        """First of all, so that no other reason hides how many posts they leave out."""
        if not self.minor:
            return []
        if self.minor_words is None:
            raise ValueError("decide.post.minor needs minor_words: `recipes.load` gives a recipe the reviewed list")
        return [Rule("minor", mentions_sql(self.minor_words), ">", 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRules:
    """Limits on what a file is, whatever its post says. A signal that was not measured passes."""

    min_duration_s: float = 2.2
    """Of the decoded file; see PostRules."""
    max_duration_s: float = 60.0
    min_scene_s: float = 2.0
    """Of the longest scene, which is the clip: 61 frames at 30 fps, as one training sample spans."""
    min_short_side_px: int = 240
    min_fps: float = 10.0
    """Below, 16 frames at stride 4 span more than 6 s of an action."""
    max_duration_mismatch: float = 0.25
    """Of the container's declared duration: a larger gap means that part of the file is missing."""
    motion: Mode = "decide"
    min_motion: float = 0.5
    """Grey levels between successive small frames: slides are near 0, and where somebody moves it is 2 and more."""
    black: Mode = "decide"
    max_black: float = 0.5
    """Share of black frames."""
    person: Mode = "decide"
    """Only for classes that require a person. Absent without the extra `vision`, and then it passes."""
    min_person_frames: int = 2
    """Of 8: right on 13 of 14 real clips (design/signals.md)."""
    extra: tuple[Rule, ...] = ()
    """Rules of your own over the columns of CLAIM_SQL, `signals['NAME']` among them, tried after these."""

    def __post_init__(self) -> None:
        if not 0 < self.min_duration_s < self.max_duration_s:
            raise ValueError(f"empty duration range: {self}")
        check_mode("clip", motion=self.motion, black=self.black, person=self.person)

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried: cheap facts of the file before signals of its frames."""
        modes: dict[str, Mode] = {"still": self.motion, "black": self.black, "no_person": self.person}
        person = "CASE WHEN person_required THEN person END"
        mismatch = "abs(declared_s - decoded_s) / nullif(declared_s, 0)"
        rules = [
            *self.file_rules(),
            Rule("too_short", "decoded_s", "<", self.min_duration_s),
            Rule("too_long", "decoded_s", ">", self.max_duration_s),
            Rule("duration_mismatch", mismatch, ">", self.max_duration_mismatch),
            Rule("scene_too_short", "scene_s", "<", self.min_scene_s),
            Rule("too_small", "least(width_px, height_px)", "<", self.min_short_side_px),
            Rule("low_fps", "fps", "<", self.min_fps),
            Rule("still", "motion", "<", self.min_motion),
            Rule("black", "black", ">", self.max_black),
            Rule("no_person", person, "<", self.min_person_frames),
        ]
        return [r for r in rules if modes.get(r.reason, "decide") == "decide"] + list(self.extra)

    def file_rules(self) -> list[Rule]:
        """What holds even when screening is switched off: there is no clip to keep."""
        return [Rule("not_decodable", "decodes", "<", 1)]


CLAIM_SQL = """
    WITH kept AS (SELECT class_id, subject_id AS post_id FROM post_verdict WHERE keep),
    fetched AS (
        SELECT post_id, media_id, round FROM media WHERE outcome = 'ok'
        QUALIFY row_number() OVER (PARTITION BY post_id ORDER BY round, media_id) = 1
    ),
    signal AS (
        SELECT clip_id, map_from_entries(list((signal, value) ORDER BY signal)) AS signals
        FROM sighting GROUP BY clip_id
    ),
    file AS (
        SELECT media_id, clip_id, coalesce(clip_id, media_id) AS subject_id,
               (p.outcome = 'ok' AND c.outcome = 'ok' AND clip_id IS NOT NULL)::INTEGER AS decodes,
               p.outcome AS probe_outcome, c.outcome AS clip_outcome,
               p.declared_s, p.decoded_s, p.width_px, p.height_px, p.fps, p.num_frames, p.is_variable_rate,
               p.has_audio, p.container, p.codec, c.end_s - c.start_s AS scene_s, c.num_scenes
        FROM probe p LEFT JOIN clip c USING (media_id)
        WHERE p.outcome <> 'ok' OR c.outcome IS NOT NULL
    )
    SELECT class_id, ground, label, person_required, post_id, creator, round, posted_at, file.*,
           signals['motion'] AS motion, signals['black'] AS black, signals['person'] AS person, signals
    FROM kept JOIN candidate USING (class_id, post_id) JOIN class USING (class_id) JOIN post USING (post_id)
         JOIN fetched USING (post_id) JOIN file USING (media_id) LEFT JOIN signal USING (clip_id)
    QUALIFY row_number() OVER (PARTITION BY class_id, subject_id ORDER BY round, posted_at NULLS LAST, post_id) = 1
"""
"""One row for each class and file: the columns that clip rules may name. Files whose measuring is not complete are left
out, undecided. A file without a clip stands under its media id. Of several posts with the same clip, the first speaks:
by round, then by the platform's date, so that a copy that comes later changes nothing."""


def screen_post(query: Query, candidate: pa.Table, rules: PostRules, *, on: bool) -> pa.Table:
    """One Verdict for each candidate."""
    source = "(SELECT c.class_id, c.ground, p.* FROM candidate c JOIN post p USING (post_id))"
    named, kept = (rules.named(), "ok") if on else ([], "off")
    sql = verdict_sql("screen_post", "post_id", named, fingerprint(rules), source=source, kept=kept)
    return query(sql, {"candidate": candidate})


def screen_clip(query: Query, claim: pa.Table, rules: ClipRules, *, on: bool) -> pa.Table:
    """One Verdict for each row of `claim` (CLAIM_SQL)."""
    named, kept = (rules.named(), "ok") if on else (rules.file_rules(), "off")
    sql = verdict_sql(
        "screen_clip", "coalesce(clip_id, media_id)", named, fingerprint(rules), source="claim", kept=kept
    )
    return query(sql, {"claim": claim})

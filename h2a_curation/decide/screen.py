"""Screen posts on metadata alone, so that nothing unusable is downloaded, and clips on what was measured."""

from dataclasses import dataclass, field

import pyarrow as pa

from h2a_curation.decide.minor import MinorWords, mentions_sql
from h2a_curation.decide.rules import (
    LATER,
    Limit,
    Mode,
    Query,
    Rule,
    WholeLimit,
    check_duration,
    check_mode,
    fingerprint,
    off_was,
    unit,
    verdict_sql,
    within,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRules:
    """Limits on what a platform says of a post, before any of it is fetched. What a source does not tell passes."""

    minor: bool = field(default=False, metadata=LATER)
    """Leave out posts whose caption or hashtags speak of children, before all other rules: nothing of them is fetched.
    It loses posts of adults too ("gym girl"), and finds no child of whom a post does not speak."""
    minor_words: MinorWords | None = field(default=None, metadata=LATER | within("minor"))
    """The words that speak of children; a recipe that names none gets the reviewed list `data/minor_words.yaml`."""
    min_duration_s: Limit = 2.2
    """Shorter posts are left out. A 16-frame clip at stride 4 spans 61 frames: 2.0 s at 30 fps; shorter clips repeat
    frames."""
    max_duration_s: Limit = 60.0
    """Longer posts are left out: they seldom show one action, and each costs as much to fetch as ten short ones."""
    max_age_days: Limit = field(default=None, metadata=LATER)
    """Posts that were older when they were first seen are left out. Counted from that day and not from today, so that a
    decision does not change with the calendar. A small number loses most of what long-lived tags have."""
    min_short_side_px: WholeLimit = field(default=240, metadata=off_was(min_short_side_px=0))
    """Posts with a smaller picture are left out: training reads 224 px. 360, as Panda-70M has it, would lose 7 of 12
    real actions (design/peers.md C3)."""
    sensitive: bool = field(default=True, metadata=LATER)
    """Leave out posts that their creator or site marks as sensitive (nsfw): nothing of them is fetched. It loses sport
    behind a warning too, and what nobody marked passes."""
    licences: tuple[str, ...] = field(default=(), metadata=LATER)
    """Licences of which a post must carry one, as the column `licence` spells them (`CC-BY`); a post without a licence
    is left out too. Left out, licences are not looked at. PeerTube alone tells them: elsewhere it loses every post."""
    max_hashtags: WholeLimit = 30
    """Posts that carry more are left out: a post tagged with everything is spam and dilutes every class it touches."""
    min_num_views: WholeLimit = field(default=None, metadata=off_was(min_num_views=0))
    """Posts with fewer views are left out. It favours what a platform already promotes: the paper's floor is one of
    hashtags, not of posts."""
    extra: tuple[Rule, ...] = ()
    """Rules of your own over the columns of `post` and `ground`, tried after these."""

    def __post_init__(self) -> None:
        check_duration(self, self.min_duration_s, self.max_duration_s)
        if self.max_hashtags is not None and self.max_hashtags < 1:
            raise ValueError(f"a limit that no post can meet: {self}")
        if any(limit is not None and limit < 0 for limit in (self.min_short_side_px, self.min_num_views)):
            raise ValueError(f"a limit below zero: {self}")
        if self.max_age_days is not None and self.max_age_days <= 0:
            raise ValueError(f"max_age_days must be above 0, or off: {self}")
        if any(not licence.strip() or not licence.isprintable() for licence in self.licences):
            raise ValueError("licences are names such as CC-BY, as `SELECT DISTINCT licence FROM post` has them")

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried, those that are off among them."""
        age_days = "date_diff('second', posted_at, seen_at) / 86400"  # seconds of a day, leap seconds left out
        return [
            *self._duties(),
            Rule("too_short", "duration_s", "<", self.min_duration_s, blames="post"),
            Rule("too_long", "duration_s", ">", self.max_duration_s, blames="post"),
            Rule("too_old", age_days, ">", self.max_age_days, blames="post"),
            Rule("too_small", "least(width_px, height_px)", "<", self.min_short_side_px, blames="post"),
            Rule("tag_spam", "len(hashtags)", ">", self.max_hashtags, blames="spam"),
            Rule("too_few_views", "num_views", "<", self.min_num_views, blames="spam"),
            *self.extra,
        ]

    def _duties(self) -> list[Rule]:
        """The rules that go first, so that no other reason hides how many posts they leave out."""
        rules = [Rule("sensitive", "sensitive::INTEGER", ">", 0 if self.sensitive else None, blames="post")]
        if self.licences:
            allowed = ", ".join("'" + licence.replace("'", "''") + "'" for licence in self.licences)
            is_allowed = f"coalesce(list_contains([{allowed}], licence), false)::INTEGER"
            rules.append(Rule("licence", is_allowed, "<", 1, blames="post"))
        if not self.minor:
            return rules
        if self.minor_words is None:
            raise ValueError("decide.post.minor needs minor_words: `recipes.load` gives a recipe the reviewed list")
        return [Rule("minor", mentions_sql(self.minor_words), ">", 0, blames="post"), *rules]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRules:
    """Limits on what a file is, whatever its post says. A signal that was not measured passes."""

    min_duration_s: Limit = 2.2
    """Files of which less than this decodes are left out; see decide.post.min_duration_s."""
    max_duration_s: Limit = 60.0
    """Files of which more than this decodes are left out: a source need not have told their length."""
    max_duration_mismatch: Limit = field(default=0.25, metadata=unit("share of the declared duration"))
    """Files whose pictures last as much shorter or longer than declared are left out: part of such a file is missing. A
    duration that is declared for the whole file, with sound and subtitles, is not held against its pictures."""
    min_scene_s: Limit = field(default=2.0, metadata=off_was(min_scene_s=0.0))
    """Files whose longest scene, which becomes the clip, is shorter are left out. One training sample spans 2.0 s: 61
    frames at 30 fps."""
    min_short_side_px: WholeLimit = field(default=240, metadata=off_was(min_short_side_px=0))
    """Files with a smaller picture are left out: training reads 224 px."""
    min_fps: Limit = field(default=10.0, metadata=off_was(min_fps=0.0))
    """Slower films are left out: below 10, 16 frames at stride 4 span more than 6 s of an action."""
    motion: Mode = "decide"
    """What becomes of clips by `min_motion`."""
    min_motion: Limit = field(default=0.24, metadata=off_was(motion="off") | within("motion"))
    """Clips in which less moves are left out. Of some 200 real clips, stills and screens reach .06 and pages with a
    drawing .18; a plank that is held has .31, and people far away .63: the default lies in the middle of .18 and .31,
    a factor of 1.3 from either. Above .31, actions of little movement are lost."""
    black: Mode = "decide"
    """What becomes of clips by `max_black`."""
    max_black: Limit = field(default=0.5, metadata=off_was(black="off") | within("black"))
    """Clips of which more is black are left out."""
    person: Mode = "decide"
    """What becomes of clips by `min_person_frames`. Persons are found with the extra `vision`; without it all pass."""
    min_person_frames: WholeLimit = field(default=2, metadata=off_was(person="off") | within("person"))
    """Clips of classes that must show a person are left out where fewer frames show one. With 2 of 8, of 67 real clips
    34 of 35 with people in view are kept, and 1 of 12 without anybody. Clips of people far away are often lost (0 of 3
    kept), as are close views of hands, of which classes of hands ask for no person."""
    extra: tuple[Rule, ...] = ()
    """Rules of your own over the columns of CLAIM_SQL, `signals['NAME']` among them, tried after these."""

    def __post_init__(self) -> None:
        check_duration(self, self.min_duration_s, self.max_duration_s)
        check_mode("clip", motion=self.motion, black=self.black, person=self.person)

    def named(self) -> list[Rule]:
        """The rules in the order in which they are tried: cheap facts of the file before signals of its frames.

        Those that are off are among them.
        """
        mismatch = "abs(declared_s - decoded_s) / nullif(declared_s, 0)"
        person = "CASE WHEN person_required THEN person END"
        return [
            *self.file_rules(),
            Rule("too_short", "decoded_s", "<", self.min_duration_s, blames="post"),
            Rule("too_long", "decoded_s", ">", self.max_duration_s, blames="post"),
            Rule("duration_mismatch", mismatch, ">", self.max_duration_mismatch, blames="post"),
            Rule("scene_too_short", "scene_s", "<", self.min_scene_s, blames="post"),
            Rule("too_small", "least(width_px, height_px)", "<", self.min_short_side_px, blames="post"),
            Rule("low_fps", "fps", "<", self.min_fps, blames="post"),
            # Where nothing moves or nobody is seen, the clip shows no action: another subject than the tag's.
            Rule("still", "motion", "<", _if_decides(self.motion, self.min_motion), blames="subject"),
            Rule("black", "black", ">", _if_decides(self.black, self.max_black), blames="post"),
            Rule("no_person", person, "<", _if_decides(self.person, self.min_person_frames), blames="subject"),
            *self.extra,
        ]

    def file_rules(self) -> list[Rule]:
        """The rules that hold even when screening is switched off: there is no clip to keep."""
        failures = "CASE WHEN look_failure IS NOT NULL THEN 1 END"
        hdr = "CASE WHEN clip_outcome = 'hdr' THEN 1 END"
        return [
            Rule("hdr", hdr, ">", 0, blames="post"),
            Rule("not_decodable", "decodes", "<", 1, blames="post"),
            Rule("not_measured", failures, ">", 0, blames="post"),
        ]


def _if_decides(mode: Mode, limit: float | None) -> float | None:
    """The limit where its rule decides, else None."""
    return limit if mode == "decide" else None


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
               p.has_audio, p.container, p.codec, p.color_transfer, p.color_primaries, p.color_matrix, p.color_range,
               p.bit_depth, p.num_sizes, p.has_odd_times, c.end_s - c.start_s AS scene_s, c.num_scenes,
               f.outcome AS look_failure
        FROM probe p LEFT JOIN clip c USING (media_id)
             LEFT JOIN (SELECT clip_id, min(outcome) AS outcome FROM failure GROUP BY clip_id) f USING (clip_id)
        WHERE p.outcome <> 'ok' OR c.outcome IS NOT NULL
    )
    SELECT class_id, ground, label, person_required, must_show, post_id, creator, round, posted_at, file.*,
           signals['motion'] AS motion, signals['black'] AS black, signals['person'] AS person, signals
    FROM kept JOIN candidate USING (class_id, post_id) JOIN class USING (class_id) JOIN post USING (post_id)
         JOIN fetched USING (post_id) JOIN file USING (media_id) LEFT JOIN signal USING (clip_id)
    QUALIFY row_number() OVER (PARTITION BY class_id, subject_id ORDER BY round, posted_at NULLS LAST, post_id) = 1
"""
"""One row for each class and file: the columns that clip rules may name. Files whose measuring is not complete are left
out, undecided. A file without a clip stands under its media id. Of several posts with the same clip, the first speaks:
by round, then by the platform's date, so that a copy that comes later changes nothing."""


OPT_OUT = Rule("opt_out", "CASE WHEN asked_by IS NULL THEN 0 END", ">", 0, unknown="opt_out", blames="post")
"""The first rule of every decision, in no recipe's hands: what is to be left alone has no value to compare."""


def screen_post(query: Query, candidate: pa.Table, opted_out: pa.Table, rules: PostRules, *, on: bool) -> pa.Table:
    """One Verdict for each candidate. Those of `opted_out` (rows of OptedOut) go, also where screening is off."""
    source = """(
        SELECT c.class_id, c.ground, p.*, o.reason AS asked_by
        FROM candidate c JOIN post p USING (post_id) LEFT JOIN opted_out o USING (post_id)
    )"""
    named, kept = (rules.named(), "ok") if on else ([], "off")
    sql = verdict_sql("screen_post", "post_id", [OPT_OUT, *named], fingerprint(rules), source=source, kept=kept)
    return query(sql, {"candidate": candidate, "opted_out": opted_out})


def screen_clip(query: Query, claim: pa.Table, rules: ClipRules, *, on: bool) -> pa.Table:
    """One Verdict for each row of `claim` (CLAIM_SQL)."""
    named, kept = (rules.named(), "ok") if on else (rules.file_rules(), "off")
    sql = verdict_sql(
        "screen_clip", "coalesce(clip_id, media_id)", named, fingerprint(rules), source="claim", kept=kept
    )
    return query(sql, {"claim": claim})

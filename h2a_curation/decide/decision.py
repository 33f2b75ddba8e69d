"""Run all deciding stages in their order. Pure: the same rows and the same rules give the same tables.

    candidates -> screen_post -> [fetch, measure] -> screen_clip -> validate -> dedup -> select

Posts of people who opted out are rejected before any rule; the caller names these posts.
Each stage looks at what the stages before it keep. A clip is accepted for a class if every stage keeps it. A post whose
file is not fetched or not measured yet has no verdict of the later stages: it is undecided.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from h2a_curation.decide.candidates import DecidedClass, class_tables, tagged_candidates
from h2a_curation.decide.dedup import DedupRules, dedup
from h2a_curation.decide.reupload import reuploads
from h2a_curation.decide.rules import Blame, Query, blames, fingerprint
from h2a_curation.decide.screen import CLAIM_SQL, ClipRules, PostRules, screen_clip, screen_post
from h2a_curation.decide.select import SelectRules, select
from h2a_curation.decide.validate import SCORED, PromptVectors, ValidateRules, VectorBlocks, score_claims, validate
from schemas import Candidate, OptedOut, Score, Verdict, arrow_schema

NOBODY = arrow_schema(OptedOut).empty_table()
"""The table of opted-out posts if nobody opted out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Stages that can be switched off, to measure what each is worth.

    A stage that is off keeps everything, with the reason `off`.
    """

    screen: bool = True
    """Apply the rules of `decide.post` and `decide.clip`. A file that does not decode is left out in any case."""
    validate: bool = True
    """Apply the rules of `decide.validate`. Off, no post is found by sight, and select ranks by ground alone."""
    dedup: bool = True
    """Leave copies out. Off, they are still found, since splits must not part them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRules:
    """The rules of all deciding stages."""

    post: PostRules = field(default_factory=PostRules)
    clip: ClipRules = field(default_factory=ClipRules)
    validate: ValidateRules = field(default_factory=ValidateRules)
    dedup: DedupRules = field(default_factory=DedupRules)
    select: SelectRules = field(default_factory=SelectRules)
    stages: Stages = field(default_factory=Stages)

    def blames(self) -> dict[str, Blame]:
        """What a rejection speaks against, by its reason. A reason that is not in it comes from no rule."""
        looks_at_frames = blames(self.validate.named(), "subject")
        others = [self.post.named(), self.clip.named(), self.dedup.named(), self.select.named()]
        return looks_at_frames | blames(chain.from_iterable(others), "post")


def screen_posts(
    query: Query, rules: DecideRules, classes: Sequence[DecidedClass], opted_out: pa.Table = NOBODY
) -> dict[str, pa.Table]:
    """Decide what needs no file: the tables `candidate` and `verdict`, the latter of stage screen_post alone."""
    candidate = tagged_candidates(query, class_tables(classes))
    verdict = screen_post(query, candidate, opted_out, rules.post, on=rules.stages.screen)
    return {"candidate": candidate, "verdict": verdict}


def decide(
    query: Query,
    vectors: VectorBlocks,
    prompts: PromptVectors,
    rules: DecideRules,
    classes: Sequence[DecidedClass],
    opted_out: pa.Table = NOBODY,
) -> dict[str, pa.Table]:
    """Decide all that the rows at hand allow.

    Returns the tables candidate, verdict, score, duplicate, selection and reupload. The table `opted_out` (rows of
    OptedOut: posts to leave alone) is returned as it was passed, so that a stored decision says whom it respected.
    """
    tables = class_tables(classes)
    candidate = tagged_candidates(query, tables)
    scored = _score(query, candidate, vectors, prompts, classes)
    if rules.validate.allow_sight and rules.stages.validate and rules.validate.mode == "decide":
        candidate = _with_sight(query, candidate, scored, rules.validate)

    # Candidates that only sight brings are screened as well: the rules for posts hold for all.
    post_verdict = screen_post(query, candidate, opted_out, rules.post, on=rules.stages.screen)
    claim = query(CLAIM_SQL, {**tables, "candidate": candidate, "post_verdict": post_verdict})
    clip_verdict = screen_clip(query, claim, rules.clip, on=rules.stages.screen)

    claim = _kept(query, claim, clip_verdict)
    validated = validate(query, claim, scored, rules.validate, fingerprint_prompts(prompts), on=rules.stages.validate)
    # Copies are sought among valid clips alone: of several copies, one that shows nothing must not be the one we keep.
    claim = _kept(query, claim, validated)
    duplicate, dedup_verdict = dedup(query, claim, rules.dedup, on=rules.stages.dedup)
    claim = _kept(query, claim, dedup_verdict)
    # Scores that decide nothing must not choose a clip's best class either.
    decisive = rules.stages.validate and rules.validate.mode == "decide"
    selection, select_verdict = select(
        query, claim, scored if decisive else SCORED.empty_table(), duplicate, rules.select
    )

    verdicts = [post_verdict, clip_verdict, validated, dedup_verdict, select_verdict]
    return {
        "opted_out": opted_out,
        "candidate": candidate.cast(arrow_schema(Candidate)),
        "verdict": pa.concat_tables([v.cast(arrow_schema(Verdict)) for v in verdicts]),
        "score": scored.select(arrow_schema(Score).names).cast(arrow_schema(Score)),
        "duplicate": duplicate,
        "selection": selection,
        "reupload": reuploads(query, selection, opted_out, rules.dedup),
    }


def fingerprint_prompts(prompts: PromptVectors) -> str:
    """Name of the prompts as they were scored: another model, vector, or id of a class or negative gives another."""
    # Little-endian bytes, so that every machine gives the same name.
    content = prompts.matrix.astype("<f4").tobytes().hex()
    return fingerprint([prompts.model, prompts.class_ids, prompts.negative_ids, prompts.logit_scale, content])


def _score(
    query: Query,
    candidate: pa.Table,
    vectors: VectorBlocks,
    prompts: PromptVectors,
    classes: Sequence[DecidedClass],
) -> pa.Table:
    """Rows of SCORED for every clip that exists and each class that a candidate names for it."""
    # All candidates, not only those that the screen keeps: another rule of the screen then needs no new scores.
    column = {class_id: i for i, class_id in enumerate(prompts.class_ids)}
    if missing := sorted({c.id for c in classes} - column.keys()):
        raise ValueError(f"class {missing[0]} has no prompts: give it at least one in its class file")
    sql = """SELECT DISTINCT clip_id, class_id FROM candidate JOIN media USING (post_id) JOIN clip USING (media_id)
             WHERE clip_id IS NOT NULL"""
    pairs = query(sql, {"candidate": candidate})
    claims: dict[str, list[int]] = defaultdict(list)
    for clip_id, class_id in zip(pairs["clip_id"].to_pylist(), pairs["class_id"].to_pylist(), strict=True):
        claims[clip_id].append(column[class_id])
    return score_claims(vectors, prompts, claims, _siblings(classes, column))


def _siblings(classes: Sequence[DecidedClass], column: dict[str, int]) -> NDArray[np.bool_]:
    """[class, class] Whether two classes look much alike, in both directions even if one class file alone says so."""
    related = np.zeros((len(column), len(column)), dtype=np.bool_)
    for c in classes:
        for sibling in c.siblings:
            if sibling in column:
                related[column[c.id], column[sibling]] = related[column[sibling], column[c.id]] = True
    return related


def _with_sight(query: Query, candidate: pa.Table, scored: pa.Table, rules: ValidateRules) -> pa.Table:
    """The candidates, and in addition posts whose frames show a class that none of their tags names."""
    sql = f"""
        FROM candidate UNION ALL
        SELECT DISTINCT class_id, post_id, 'sight' AS ground
        FROM scored JOIN clip USING (clip_id) JOIN media USING (media_id) ANTI JOIN candidate USING (class_id, post_id)
        WHERE is_best AND probability >= {rules.sight_probability} ORDER BY class_id, post_id
    """
    return query(sql, {"candidate": candidate, "scored": scored})


def _kept(query: Query, claim: pa.Table, verdict: pa.Table) -> pa.Table:
    """The claims that the verdicts keep."""
    kept = "(SELECT class_id, subject_id AS clip_id FROM verdict WHERE keep)"
    return query(f"FROM claim SEMI JOIN {kept} kept USING (class_id, clip_id)", {"claim": claim, "verdict": verdict})

"""A tag's history in plain sentences with its numbers, and posts that show what it brings."""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

import schemas
from h2a_curation.catalog.fates import in_words
from h2a_curation.catalog.fates import place as place_of
from h2a_curation.explain.tag_history import Ground, Mined, PagesOfRound, RoundOfTag, TagHistory, histories
from h2a_curation.lake import lake as lakes
from h2a_curation.sources.politeness.left_alone import opt_outs_of, opted_out
from h2a_curation.taxonomy.hashtags import normalise

_MOST_EXAMPLES = 5
_CAPTION_CHARACTERS = 60
_WHY_LEARNT = {
    "co-occurs": "it stands on accepted posts of the class",
    "words": "it is a form of the class's name or tags",
    "similar": "its meaning is near the class's",
}
_WHY_GRANTED = {
    "seed": "a class file names it",
    "probation": "learnt, and to show what it holds",
    "yield": "by what its pages yielded",
    "visit": "its newest pages again, by what came to it since",
    "content": "it holds something else than when it was read",
}
_ACCEPTED = """
    SELECT post_id, class_id, caption, any_value(probability) AS probability
    FROM selection SEMI JOIN (FROM hit WHERE source = $source AND tag = $tag) USING (post_id)
         ANTI JOIN left_alone USING (post_id)
         JOIN post USING (post_id) LEFT JOIN score USING (clip_id, class_id)
    GROUP BY post_id, class_id, caption ORDER BY probability DESC NULLS LAST, post_id
"""
_REJECTED = f"""
    WITH said AS (
        FROM class_fate SEMI JOIN speaks USING (class_id)
        SEMI JOIN (FROM hit WHERE source = $source AND tag = $tag) USING (post_id)
        ANTI JOIN selection USING (post_id) ANTI JOIN left_alone USING (post_id)
        WHERE reason NOT IN ('not_asked', 'undecided')
        QUALIFY row_number() OVER (PARTITION BY post_id ORDER BY {place_of("stage")} DESC, class_id) = 1
    )
    SELECT post_id, class_id, {{stage: stage, reason: reason, value: value, threshold: threshold}} AS said, caption,
           count(*) OVER (PARTITION BY stage, reason) AS num_alike,
           row_number() OVER (PARTITION BY stage, reason ORDER BY post_id) AS place
    FROM said JOIN post USING (post_id)
    ORDER BY place, num_alike DESC, stage, reason
"""
"""Posts that no class keeps, each once, by the class of the tag that it came furthest for. Of each reason one, then of
each another: the commonest first."""
_CARRIED = """
    WITH carried AS (SELECT post_id FROM post WHERE list_contains(hashtags, $tag))
    SELECT (SELECT count(*) FROM post) AS num_posts, (SELECT count(*) FROM carried) AS num_carried
"""
_CARRIED_ACCEPTED = """
    WITH carried AS (SELECT post_id FROM post WHERE list_contains(hashtags, $tag)),
    kept AS (SELECT DISTINCT post_id, class_id FROM selection)
    SELECT class_id, count(*) AS num_accepted, count(carried.post_id) AS num_tagged
    FROM kept LEFT JOIN carried USING (post_id) GROUP BY class_id HAVING num_tagged > 0
    ORDER BY num_tagged DESC, class_id
"""


def explain(mined: Mined, text: str) -> list[str]:
    """Why a tag was or was not asked for; a line each. ValueError where nothing is known of it."""
    tag = normalise(text)
    if not tag:
        raise ValueError(f"'{text}' holds no letter and no digit: name a hashtag, such as deadlift")
    known = histories(mined)
    lines = [line for history in known if history.tag == tag for line in _story(mined, history)]
    return [*(lines or _never_asked(mined, tag, known)), *_excluded(mined, tag)]


def round_lines(of_round: RoundOfTag) -> list[str]:
    """What was decided about a tag in one round, and what came."""
    lines = [
        f"proposed for {claim.class_id} ({claim.reason}): support {claim.support}, lift {claim.lift:.1f}"
        for claim in of_round.claims
    ]
    if of_round.change:
        lines.append(_changed(of_round.change))
    lines += [_granted(grant) for grant in of_round.grants]
    if of_round.came:
        lines.append(_came(of_round.came))
    elif of_round.grants:
        lines.append("no page of it has come")
    return lines


def _story(mined: Mined, history: TagHistory) -> Iterator[str]:
    since = f" since round {history.change.round} ({history.change.reason})" if history.change else ""
    yield f"#{history.tag} on {history.source} is {history.state}{since}."
    if not history.grounds:
        yield "No class claims it any more."
    for ground in history.grounds:
        yield f"It speaks for {ground.class_id}: {_ground(ground)}."
    for of_round in history.rounds:
        for place, line in enumerate(round_lines(of_round)):
            yield f"{f'round {of_round.round}' if place == 0 else '':<9} {line}"
    if not any(r.grants for r in history.rounds):
        yield "No page of it was asked for: others were expected to yield more, or its classes want no more clips."
    yield _in_all(history)
    if history.visits and history.visits.num > 1:
        last = history.visits
        yield f"{last.num} visits, the last on {last.last_at:%Y-%m-%d}: {_num(last.num_last, 'post')} new to it."
    yield from _examples(mined, history) if mined.decision else ["No decision yet, so no post counts as accepted."]


def _ground(ground: Ground) -> str:
    if ground.claim is None:
        return f"the class file names it ({ground.reason})" if ground.reason != "listing" else "as all that is listed"
    former = ground.claim.class_id
    return f"learnt in round {ground.claim.round}, {_claimed(ground.claim)}" + (
        "" if former == ground.class_id else f"; claimed for {former}, which this class took over"
    )


def _claimed(claim: schemas.TagClaim) -> str:
    if not claim.support:
        return f"{_WHY_LEARNT.get(claim.reason, claim.reason)} ({claim.reason})"
    return (
        f"{_WHY_LEARNT.get(claim.reason, claim.reason)} ({claim.reason}): {_num(claim.support, 'accepted post')} with"
        f" it, {claim.lift:.1f} times the share that it has of all posts (lift)"
    )


def _granted(grant: schemas.Allocation) -> str:
    parts = ""
    if grant.new_posts is not None and grant.acceptance is not None:
        parts = f" = {grant.new_posts:.1f} new posts x {100 * grant.acceptance:.0f} % accepted"
    worth = "" if grant.worth is None else f"; worth {grant.worth:.2g}"
    why = f"{_WHY_GRANTED[grant.reason]} ({grant.reason})" if grant.reason in _WHY_GRANTED else grant.reason
    return f"granted {_num(grant.num_pages, 'page')}: {why}; belief {grant.belief:.2f} a page{parts}{worth}"


def _came(came: PagesOfRound) -> str:
    failed = f"; not all came: {', '.join(came.failed)}" if came.failed else ""
    ended = "; the listing ends there" if came.ended and not came.failed else ""
    odd = f"; no posts: {came.odd}" if came.odd else ""
    new = ", none of them new" if came.num_posts else ""
    if came.num_new:
        new = f", {came.num_new} of them new: {came.num_judged} judged, {came.num_accepted} accepted"
    return f"came: {_num(came.num_pages, 'page')}, {_num(came.num_posts, 'post')}{new}{odd}{failed}{ended}"


def _changed(change: schemas.ArmChange) -> str:
    since = f"; posts since {change.since:%Y-%m-%d}" if change.since else ""
    return (
        f"{change.state} ({change.reason}): {change.detail or 'no detail'}; {change.num_valid} of {change.num_judged}"
        f" judged posts accepted, {change.value:.3g} against {change.threshold:.3g}{since}"
    )


def _in_all(history: TagHistory) -> str:
    num_pages, num_accepted = history.total("num_pages"), history.total("num_accepted")
    each = f", {num_accepted / num_pages:.2g} a page" if num_pages else ""
    return (
        f"In all: {_num(num_pages, 'page')}, {_num(history.total('num_new'), 'new post')},"
        f" {history.total('num_judged')} judged, {num_accepted} accepted{each}."
    )


def _examples(mined: Mined, history: TagHistory) -> Iterator[str]:
    """Posts that stand in its pages, whichever listing they are credited to; none of those who opted out by now."""
    opt_outs = opt_outs_of(lakes.open_lake(mined.catalog.lake), mined.recipe.source)
    left_alone = {"left_alone": opted_out(mined.catalog, opt_outs)}
    params = {"source": history.source, "tag": history.tag}
    speaks = pa.table({"class_id": pa.array([g.class_id for g in history.grounds], pa.string())})
    accepted = mined.catalog.query(_ACCEPTED, left_alone, params).to_pylist()
    rejected = mined.catalog.query(_REJECTED, {"speaks": speaks, **left_alone}, params).to_pylist()
    if accepted:
        yield f"Accepted posts in its pages ({len({row['post_id'] for row in accepted})}):"
    for row in accepted[:_MOST_EXAMPLES]:
        sure = "" if row["probability"] is None else f" (probability {row['probability']:.2f})"
        yield f"  {row['post_id']}  {row['class_id']}{sure}{_caption(row)}"
    if rejected:
        alike = {f"{r['said']['stage']}: {r['said']['reason']}": r["num_alike"] for r in rejected}
        most = sorted(alike.items(), key=lambda item: (-item[1], item[0]))
        yield f"Rejected posts in its pages ({len(rejected)}): " + ", ".join(f"{n} {why}" for why, n in most)
    for row in rejected[:_MOST_EXAMPLES]:
        yield f"  {row['post_id']}  {row['class_id']}  {row['said']['stage']}: {in_words(row['said'])}{_caption(row)}"


def _never_asked(mined: Mined, tag: str, known: Sequence[TagHistory]) -> list[str]:
    """How far a tag that stands on posts, and was never asked for, is from being learnt."""
    [counts] = mined.catalog.query(_CARRIED, params={"tag": tag}).to_pylist()
    if not counts["num_carried"]:
        near = difflib.get_close_matches(tag, sorted({h.tag for h in known if h.tag}), n=3, cutoff=0.5)
        hint = f"near it: {', '.join(f'#{n}' for n in near)}" if near else "`h2a tags` lists what is known"
        raise ValueError(f"#{tag} is in no class file, was never learnt, and no post that was seen carries it; {hint}")
    lines = [
        f"#{tag} was never asked for: no class file names it, and it has not been learnt.",
        f"{counts['num_carried']} of {_num(counts['num_posts'], 'seen post')} carry it.",
    ]
    if mined.decision:
        rows = mined.catalog.query(_CARRIED_ACCEPTED, params={"tag": tag}).to_pylist()
        lines += [_support(row, counts) for row in rows[:_MOST_EXAMPLES]]
        rules = mined.recipe.learn
        lines.append(
            f"To be learnt by company it needs {rules.min_support} accepted posts of a class with it, a lift of"
            f" {rules.min_lift:g}, and to be common in no more than {rules.max_classes} classes."
        )
    return lines


def _support(row: dict[str, Any], counts: dict[str, int]) -> str:
    lift = row["num_tagged"] / row["num_accepted"] * counts["num_posts"] / counts["num_carried"]
    return (
        f"  {row['class_id']}: {row['num_tagged']} of {_num(row['num_accepted'], 'accepted post')} carry it, lift"
        f" {lift:.1f}"
    )


def _excluded(mined: Mined, tag: str) -> list[str]:
    return [
        f"The class file of {c.id} excludes it: {c.excluded_hashtags[tag]}."
        for c in mined.recipe.action_classes
        if tag in c.excluded_hashtags
    ]


def _caption(row: dict[str, Any]) -> str:
    text = " ".join(row["caption"].split())
    short = text if len(text) <= _CAPTION_CHARACTERS else text[: _CAPTION_CHARACTERS - 1] + "…"
    return f"  {short}" if short else ""


def _num(num: int, what: str) -> str:
    return f"{num} {what}" + ("" if num == 1 else "s")

"""Whether an arm is to be mined: paused where its verdicts speak against it, retired where nothing is left, else open.

Computed anew from the rows each round: a pause ends by itself when verdicts change, by other prompts or rules.

An arm is paused where few of its posts are accepted. Let k of its n judged posts be accepted, and u be the share that
arms of its classes usually show. With a uniform prior, the share p of the arm has the posterior Beta(1 + k, 1 + n - k).
The arm is paused where P(p > pause_ratio * u) <= pause_doubt.

An arm has drifted where its posts from some date on are accepted far less often than those before. For each date that
has enough posts on both sides, let g be the log-likelihood of two shares less that of one share for all. Twice the
largest g is held against chi squared with one degree of freedom (Wilks 1938), and the probability is multiplied by the
number of dates that may have been tried (Bonferroni): the date is chosen after looking.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from scipy.special import betaincc, chdtrc

from h2a_curation.decide.rules import Blame
from h2a_curation.mining.arms import Arms, Floats, Key
from h2a_curation.mining.backoff import Failing
from h2a_curation.mining.expected_yield import by_class
from schemas import ArmChange

OPEN, PAUSED, WAITING, RETIRED, DRIFTED = "open", "paused", "waiting", "retired", "drifted"
LEFT_OUT = (PAUSED, WAITING)
"""States of arms that are granted no page, though there may be some to get."""
PAUSED_FOR: Mapping[Blame, str] = {"spam": "spam", "subject": "homonym", "post": "unfit"}
"""Why an arm is paused, by what most of its rejected posts were blamed for. The order breaks ties."""
_USUAL_POSTS = 20
"""Judged posts of a class that weigh as much as the share of all classes: below, a class tells little of itself.
Chosen, not tuned: a share of one half that 20 posts show has a standard error of 0.11."""
_REASONS_TOLD = 3
"""Reasons of rejection that the detail of a change names, the most frequent first: it is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRules:
    """What it takes to leave a tag."""

    # None of these was tuned. In `bench.mining` a pause costs and wins nothing, since what verdicts speak against is
    # not asked anyway (DECISIONS.md), and its worlds tell no dates. A number that has a ground names it.
    pause_ratio: float = 0.25
    """A tag is paused when its share of accepted posts lies below this part of what its classes' tags show."""
    pause_doubt: float = 0.05
    """Probability that it does not (Beta posterior, uniform prior): the least that pauses. 0 pauses none."""
    min_judged: int = 12
    """Judged posts without which nothing is said of a tag. At the other defaults a tag of which none is accepted needs
    10 to be paused where others show nearly all, and 22 where they show half."""
    drift_doubt: float = 0.01
    """Probability of so sharp a change by chance, all dates tried being counted: the least that counts as drift."""
    drift_ratio: float = 0.5
    """A tag has drifted only where the share accepted since the date is at most this part of the share before it: a
    change that is certain may still be too small to matter."""
    min_judged_each_side: int = 6
    """Judged posts that a date must have before it and from it on: with fewer, one post more or less moves the date."""
    hijack_hashtags_ratio: float = 1.5
    """A paused tag that drifted was hijacked where its posts since the date carry so many times the hashtags of those
    before: who uses a tag for reach adds it to many others."""
    hijack_creators_ratio: float = 0.25
    """A paused tag that drifted was hijacked where its posts since the date have at most so many creators a post: few
    people post much."""
    never_pause: tuple[str, ...] = ()
    """Tags that are mined whatever their verdicts say."""

    def __post_init__(self) -> None:
        shares = (self.pause_ratio, self.pause_doubt, self.drift_doubt, self.drift_ratio, self.hijack_creators_ratio)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(
                "pause_ratio, pause_doubt, drift_doubt, drift_ratio and hijack_creators_ratio are shares between 0 and"
                f" 1: {self}"
            )
        if min(self.min_judged, self.min_judged_each_side) < 1 or self.hijack_hashtags_ratio < 1:
            raise ValueError(f"min_judged, min_judged_each_side and hijack_hashtags_ratio must be at least 1: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the judged posts of one listing say: a row of `evidence_sql`."""

    source: str
    tag: str
    num_judged: int
    num_valid: int
    reasons: Sequence[Mapping[str, object]]
    """{reason, num} of the rejected, the most frequent first."""
    since: datetime | None
    """When the posts became others: the date that divides accepted and rejected best; None where none can be told."""
    num_before: int
    num_valid_before: int
    num_since: int
    num_valid_since: int
    gain: float
    """Log-likelihood that two shares, before and since, add to one for all."""
    hashtags_before: float | None
    """Mean number of hashtags on the posts before the date."""
    hashtags_since: float | None
    num_creators_since: int
    """Creators of the posts from the date on."""

    @property
    def share_before(self) -> float:
        """The share accepted of the posts before the date."""
        return self.num_valid_before / max(1, self.num_before)

    @property
    def share_since(self) -> float:
        """The share accepted of the posts from the date on."""
        return self.num_valid_since / max(1, self.num_since)


def evidence_sql(rules: StandingRules = StandingRules()) -> str:
    """SQL (DuckDB) that yields one Evidence a row, for each listing of which enough posts are judged.

    It asks `hit` and `post` as in `schemas`, and `fate(post_id, reason)`: of judged posts, `''` where accepted, else
    why not.
    """
    enough = rules.min_judged_each_side
    gain = " ".join((_likelihood("k", "n"), "+", _likelihood("k_since", "n_since"), "-", _likelihood("k_all", "n_all")))
    return f"""
    WITH judged AS (
        SELECT l.source, l.tag, post_id, reason, (reason = '')::INT AS valid, posted_at, creator,
               len(hashtags) AS num_hashtags
        FROM (SELECT DISTINCT source, tag, post_id FROM hit) l JOIN fate USING (post_id) JOIN post p USING (post_id)
        QUALIFY count(*) OVER (PARTITION BY l.source, l.tag) >= {rules.min_judged}
    ),
    total AS (SELECT source, tag, count(*) AS num, sum(valid)::BIGINT AS k FROM judged GROUP BY ALL),
    day AS (
        SELECT source, tag, posted_at, count(*) AS num, sum(valid) AS num_valid
        FROM judged WHERE posted_at IS NOT NULL GROUP BY ALL
    ),
    running AS (
        SELECT source, tag, posted_at, sum(num) OVER w - num AS n, sum(num_valid) OVER w - num_valid AS k,
               sum(num) OVER whole AS n_all, sum(num_valid) OVER whole AS k_all,
               n_all - n AS n_since, k_all - k AS k_since
        FROM day
        WINDOW w AS (PARTITION BY source, tag ORDER BY posted_at), whole AS (PARTITION BY source, tag)
    ),
    tried AS (
        SELECT *, {gain} AS gain FROM running
        WHERE n >= {enough} AND n_since >= {enough} AND k * n_since > k_since * n
    ),
    best AS (
        SELECT source, tag, max(tried.gain) AS gain,
               arg_max({{since: posted_at, n: n::BIGINT, k: k::BIGINT, n_since: n_since::BIGINT,
                         k_since: k_since::BIGINT}}, (tried.gain, posted_at)) AS fork
        FROM tried GROUP BY ALL
    ),
    why AS (
        SELECT source, tag, list({{reason: reason, num: num}} ORDER BY num DESC, reason) AS reasons
        FROM (SELECT source, tag, reason, count(*) AS num FROM judged WHERE reason <> '' GROUP BY ALL) GROUP BY ALL
    ),
    around AS (
        SELECT j.source, j.tag, avg(num_hashtags) FILTER (posted_at < fork.since) AS before,
               avg(num_hashtags) FILTER (posted_at >= fork.since) AS since,
               count(DISTINCT creator) FILTER (posted_at >= fork.since) AS num_creators
        FROM judged j JOIN best USING (source, tag) GROUP BY ALL
    )
    SELECT source, tag, t.num AS num_judged, t.k AS num_valid, coalesce(reasons, []) AS reasons,
           fork.since AS since, coalesce(fork.n, 0) AS num_before, coalesce(fork.k, 0) AS num_valid_before,
           coalesce(fork.n_since, 0) AS num_since, coalesce(fork.k_since, 0) AS num_valid_since,
           coalesce(gain, 0) AS gain, around.before AS hashtags_before, around.since AS hashtags_since,
           coalesce(around.num_creators, 0) AS num_creators_since
    FROM total t LEFT JOIN best USING (source, tag) LEFT JOIN why USING (source, tag)
    LEFT JOIN around USING (source, tag) ORDER BY source, tag
    """


def _likelihood(k: str, n: str) -> str:
    """SQL of the log-likelihood of k accepted among n posts, at the share k / n; 0 ln 0 counts as 0."""
    return f"(if({k} > 0, {k} * ln({k} / {n}), 0) + if({k} < {n}, ({n} - {k}) * ln(1 - {k} / {n}), 0))"


def changes(
    arms: Arms,
    evidence: Sequence[Evidence],
    before: Mapping[Key, tuple[str, str]],
    short: Mapping[str, int],
    round_no: int,
    rules: StandingRules,
    waiting: Mapping[Key, Failing] | None = None,
    blames: Mapping[str, Blame] | None = None,
) -> list[ArmChange]:
    """One row for each arm that is in another state than `before` ((state, reason) by arm), in the order of arms.

    `waiting`: those whose next page has failed too often to be asked for in this round.
    `blames`: what each reason of a rule speaks against. A reason that is not in it comes from no rule: no file came, or
    it gave no clip, which says nothing of the subject.
    """
    of_arm = {(e.source, e.tag): e for e in evidence}
    usual = _usual(arms)
    found = []
    for i, (key, class_ids) in enumerate(zip(arms.keys(), arms.table["class_ids"].to_pylist(), strict=True)):
        was = before.get(key, (OPEN, ""))
        told = of_arm.get(key)
        spent = _spent(class_ids, bool(arms.is_dry[i]), short)
        failing = (waiting or {}).get(key)
        if told is None and spent is None and failing is None and was[0] == OPEN:
            continue
        row = _row(key, told, round_no)
        now = _retired(row, spent) if spent else _judged(row, told, float(usual[i]), rules, blames or {})
        if failing and (now is None or now.state == DRIFTED):
            now = _waiting(row, failing)
        if now is None:
            now = _opened(row, was)
        if (now.state, now.reason) != was and not (now.state == OPEN and was[0] == OPEN):
            found.append(now)
    return found


def _usual(arms: Arms) -> Floats:
    """[arm] The share accepted of what the listings of its classes show; where these are few, of what all show.

    An arm of several classes is held against the best of them, so that one hard class does not excuse it.
    """
    judged, valid = arms.totals("judged"), arms.totals("valid")
    overall = (1 + valid.sum()) / (2 + judged.sum())  # Laplace's rule: one half where nothing is judged
    of_class = (_USUAL_POSTS * overall + by_class(arms, valid)) / (_USUAL_POSTS + by_class(arms, judged))
    most = np.zeros(len(arms))
    np.maximum.at(most, arms.arm_of_claim, of_class[arms.class_of_claim])
    return most


def _spent(class_ids: Sequence[str], is_dry: bool, short: Mapping[str, int]) -> tuple[str, str] | None:
    """Why there is nothing left to get, and in words."""
    if not class_ids:
        return "unclaimed", "no class names the tag any more"
    if is_dry:
        return "dry", "the listing has ended"
    if all(short.get(class_id, 0) <= 0 for class_id in class_ids):
        return "quota", f"no clips are wanted of {', '.join(class_ids)}"
    return None


def _row(key: Key, told: Evidence | None, round_no: int) -> ArmChange:
    """What the rows say of an arm, open until something speaks against it."""
    return ArmChange(
        round=round_no,
        source=key[0],
        tag=key[1],
        state=OPEN,
        reason="",
        num_judged=told.num_judged if told else 0,
        num_valid=told.num_valid if told else 0,
        value=0.0,
        threshold=0.0,
        since=None,
        detail="",
    )


def _retired(row: ArmChange, spent: tuple[str, str]) -> ArmChange:
    reason, detail = spent
    return replace(row, state=RETIRED, reason=reason, detail=detail)


def _waiting(row: ArmChange, failing: Failing) -> ArmChange:
    detail = (
        f"its next page failed in {failing.num_rounds} rounds, last in round {failing.last_round}: "
        f"not asked for again before round {failing.next_round}"
    )
    num_rounds, next_round = float(failing.num_rounds), float(failing.next_round)
    return replace(row, state=WAITING, reason=failing.outcome, value=num_rounds, threshold=next_round, detail=detail)


def _opened(row: ArmChange, was: tuple[str, str]) -> ArmChange:
    reason = {RETIRED: "wanted", WAITING: "due"}.get(was[0], "verdicts")
    detail = f"{row.num_valid} of {row.num_judged} judged posts are accepted: no longer {was[0]} ({was[1]})"
    return replace(row, reason=reason, detail=detail)


def _judged(
    row: ArmChange, told: Evidence | None, usual: float, rules: StandingRules, blames: Mapping[str, Blame]
) -> ArmChange | None:
    """Paused or drifted, where the evidence suffices; None: open."""
    if told is None:
        return None
    chance = _chance_of_drift(told)
    drift = chance <= rules.drift_doubt and told.share_since <= rules.drift_ratio * told.share_before
    row = replace(row, detail=", ".join(_words(told, drift)), since=told.since if drift else None)
    doubt = float(betaincc(1 + told.num_valid, 1 + told.num_judged - told.num_valid, rules.pause_ratio * usual))
    if doubt <= rules.pause_doubt and row.tag not in rules.never_pause:
        blamed = _blamed(told, blames)
        # What is unfit whatever it shows tells of no change of subject, though it may have begun on a date.
        reason = "hijacked" if drift and blamed != "post" and _is_hijack(told, rules) else PAUSED_FOR[blamed]
        return replace(row, state=PAUSED, reason=reason, value=doubt, threshold=rules.pause_doubt)
    if drift:
        return replace(row, state=DRIFTED, reason="drift", value=chance, threshold=rules.drift_doubt)
    return None


def _chance_of_drift(told: Evidence) -> float:
    """Likelihood ratio test with one degree of freedom, times the dates that were tried (Bonferroni)."""
    return min(1.0, float(chdtrc(1, 2 * told.gain)) * told.num_judged) if told.since else 1.0


def _is_hijack(told: Evidence, rules: StandingRules) -> bool:
    """Whether others took the tag over: newer posts carry many more hashtags, or stem from few creators."""
    many = (told.hashtags_since or 0) >= rules.hijack_hashtags_ratio * (told.hashtags_before or 1)
    return many or 0 < told.num_creators_since <= rules.hijack_creators_ratio * told.num_since


def _blamed(told: Evidence, blames: Mapping[str, Blame]) -> Blame:
    """What most of the rejected posts were blamed for."""
    num = Counter[Blame]()
    for why in told.reasons:
        num[blames.get(str(why["reason"]), "post")] += int(str(why["num"]))
    return max(PAUSED_FOR, key=lambda blame: num[blame])


def _words(told: Evidence, drift: bool) -> Iterator[str]:
    yield f"{told.num_valid} of {told.num_judged} judged posts accepted"
    if drift and told.since:
        yield f"before {told.since:%Y-%m-%d} {told.num_valid_before} of {told.num_before}"
        yield f"since then {told.num_valid_since} of {told.num_since}"
    yield from (f"{why['num']} {why['reason']}" for why in told.reasons[:_REASONS_TOLD])

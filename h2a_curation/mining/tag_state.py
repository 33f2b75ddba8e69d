"""Whether an arm is to be mined: paused where its verdicts speak against it, retired where nothing is left, else open.

Computed anew from the rows each round: a pause ends by itself when verdicts change, by other prompts or rules.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.special import betaincc, chdtrc

from h2a_curation.mining.arms import Arms, Floats, Key
from h2a_curation.mining.backoff import Failing
from h2a_curation.mining.expected_yield import by_class
from schemas import ArmChange

OPEN, PAUSED, WAITING, RETIRED, DRIFTED = "open", "paused", "waiting", "retired", "drifted"
LEFT_OUT = (PAUSED, WAITING)
"""States of arms that are granted no page, though there may be some to get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRules:
    """What it takes to leave a tag."""

    pause_ratio: float = 0.25
    """A tag is paused when its share of accepted posts lies below this part of what its classes' tags show."""
    pause_doubt: float = 0.05
    """Probability that it does not (Beta posterior, uniform prior): the least that pauses. 0 pauses none."""
    drift_doubt: float = 0.01
    """Probability of so sharp a change by chance, all dates tried being counted: the least that counts as drift."""
    never_pause: tuple[str, ...] = ()
    """Tags that are mined whatever their verdicts say."""

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.pause_ratio, self.pause_doubt, self.drift_doubt)):
            raise ValueError(f"pause_ratio, pause_doubt and drift_doubt are shares between 0 and 1: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the judged posts of one listing say: a row of `evidence_sql`."""

    source: str
    tag: str
    num_judged: int
    num_valid: int
    reasons: Sequence[Mapping[str, object]]
    """{reason, num} of the rejected, the most frequent first, at most 3."""
    since: datetime | None
    """When the posts became others: the date that divides accepted and rejected best; None where none can be told."""
    num_before: int
    num_valid_before: int
    num_since: int
    num_valid_since: int
    gain: float
    """Log-likelihood that two shares, before and since, add to one for all."""
    hashtags_before: float | None
    """Mean number on the posts before."""
    hashtags_since: float | None
    num_creators_since: int

    @property
    def share_before(self) -> float:
        """Accepted of those posted before the date."""
        return self.num_valid_before / max(1, self.num_before)

    @property
    def share_since(self) -> float:
        """Accepted of those posted since."""
        return self.num_valid_since / max(1, self.num_since)


def evidence_sql() -> str:
    """SQL that yields one Evidence a row for listings of which 12 posts or more are judged, over `hit` and `post` as in
    `schemas` and `fate(post_id, reason)`: of judged posts, `''` where accepted, else why not (DuckDB).
    """
    gain = " ".join((_likelihood("k", "n"), "+", _likelihood("k_since", "n_since"), "-", _likelihood("k_all", "n_all")))
    return f"""
    WITH judged AS (
        SELECT l.source, l.tag, post_id, reason, (reason = '')::INT AS valid, posted_at, creator,
               len(hashtags) AS num_hashtags
        FROM (SELECT DISTINCT source, tag, post_id FROM hit) l JOIN fate USING (post_id) JOIN post p USING (post_id)
        QUALIFY count(*) OVER (PARTITION BY l.source, l.tag) >= 12
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
        SELECT *, {gain} AS gain FROM running WHERE n >= 6 AND n_since >= 6 AND k * n_since > k_since * n
    ),
    best AS (
        SELECT source, tag, max(tried.gain) AS gain,
               arg_max({{since: posted_at, n: n::BIGINT, k: k::BIGINT, n_since: n_since::BIGINT,
                         k_since: k_since::BIGINT}}, (tried.gain, posted_at)) AS fork
        FROM tried GROUP BY ALL
    ),
    why AS (
        SELECT source, tag, list({{reason: reason, num: num}} ORDER BY num DESC, reason)[:3] AS reasons
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
    """SQL of the log-likelihood of k accepted of n at their own share."""
    return f"(if({k} > 0, {k} * ln({k} / {n}), 0) + if({k} < {n}, ({n} - {k}) * ln(1 - {k} / {n}), 0))"


def changes(
    arms: Arms,
    evidence: Sequence[Evidence],
    before: Mapping[Key, tuple[str, str]],
    short: Mapping[str, int],
    round_no: int,
    rules: StandingRules,
    waiting: Mapping[Key, Failing] | None = None,
) -> list[ArmChange]:
    """One row for each arm that is in another state than `before` ((state, reason) by arm), in the order of arms.

    `waiting`: those whose next page has failed too often to be asked for in this round.
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
        now = _retired(key, spent, told, round_no) if spent else _judged(key, told, float(usual[i]), round_no, rules)
        if failing and (now is None or now.state == DRIFTED):
            now = _waiting(key, failing, told, round_no)
        if now is None:
            now = _opened(key, was, told, round_no)
        if (now.state, now.reason) != was and not (now.state == OPEN and was[0] == OPEN):
            found.append(now)
    return found


def _usual(arms: Arms) -> Floats:
    """[arm] Share accepted of what the listings of its classes show; where these are few, of what all show."""
    judged, valid = arms.sums("judged_by_page"), arms.sums("valid_by_page")
    overall = (1 + valid.sum()) / (2 + judged.sum())
    of_class = (20 * overall + by_class(arms, valid)) / (20 + by_class(arms, judged))
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


def _retired(key: Key, spent: tuple[str, str] | None, told: Evidence | None, round_no: int) -> ArmChange:
    assert spent
    return _row(key, round_no, (RETIRED, spent[0]), told, detail=spent[1])


def _waiting(key: Key, failing: Failing, told: Evidence | None, round_no: int) -> ArmChange:
    detail = (
        f"its next page failed in {failing.num_rounds} rounds, last in round {failing.last_round}: "
        f"not asked for again before round {failing.next_round}"
    )
    num_rounds, next_round = float(failing.num_rounds), float(failing.next_round)
    return _row(key, round_no, (WAITING, failing.outcome), told, num_rounds, next_round, detail=detail)


def _opened(key: Key, was: tuple[str, str], told: Evidence | None, round_no: int) -> ArmChange:
    reason = {RETIRED: "wanted", WAITING: "due"}.get(was[0], "verdicts")
    num_judged, num_valid = (told.num_judged, told.num_valid) if told else (0, 0)
    detail = f"{num_valid} of {num_judged} judged posts are accepted: no longer {was[0]} ({was[1]})"
    return _row(key, round_no, (OPEN, reason), told, detail=detail)


def _judged(key: Key, told: Evidence | None, usual: float, round_no: int, rules: StandingRules) -> ArmChange | None:
    """Paused or drifted, where the evidence suffices; None: open."""
    if told is None:
        return None
    drift = _chance_of_drift(told) <= rules.drift_doubt and told.share_since <= 0.5 * told.share_before
    threshold = rules.pause_ratio * usual
    doubt = float(betaincc(1 + told.num_valid, 1 + told.num_judged - told.num_valid, threshold))
    if doubt <= rules.pause_doubt and key[1] not in rules.never_pause:
        reason = "hijacked" if drift and _is_hijack(told) else "spam" if _is_spam(told) else "homonym"
        since = told.since if drift else None
        detail = ", ".join(_words(told, drift))
        return _row(key, round_no, (PAUSED, reason), told, doubt, rules.pause_doubt, since=since, detail=detail)
    if drift:
        chance, detail = _chance_of_drift(told), ", ".join(_words(told, drift))
        return _row(key, round_no, (DRIFTED, "drift"), told, chance, rules.drift_doubt, since=told.since, detail=detail)
    return None


def _chance_of_drift(told: Evidence) -> float:
    """Likelihood ratio test with one degree of freedom, times the dates that were tried (Bonferroni)."""
    return min(1.0, float(chdtrc(1, 2 * told.gain)) * told.num_judged) if told.since else 1.0


def _is_hijack(told: Evidence) -> bool:
    """Others took the tag over: the newer posts carry half as many hashtags again, or stem from few creators."""
    many = (told.hashtags_since or 0) >= 1.5 * (told.hashtags_before or 1)
    return many or 0 < told.num_creators_since <= told.num_since / 4


def _is_spam(told: Evidence) -> bool:
    return bool(told.reasons) and told.reasons[0]["reason"] in ("tag_spam", "too_few_views")


def _words(told: Evidence, drift: bool) -> Iterator[str]:
    yield f"{told.num_valid} of {told.num_judged} judged posts accepted"
    if drift and told.since:
        yield f"before {told.since:%Y-%m-%d} {told.num_valid_before} of {told.num_before}"
        yield f"since then {told.num_valid_since} of {told.num_since}"
    yield from (f"{why['num']} {why['reason']}" for why in told.reasons)


def _row(
    key: Key,
    round_no: int,
    now: tuple[str, str],
    told: Evidence | None,
    value: float = 0.0,
    threshold: float = 0.0,
    *,
    since: datetime | None = None,
    detail: str,
) -> ArmChange:
    """An arm's new (state, reason), with the evidence at hand and the number that was held against a threshold."""
    return ArmChange(
        round=round_no,
        source=key[0],
        tag=key[1],
        state=now[0],
        reason=now[1],
        num_judged=told.num_judged if told else 0,
        num_valid=told.num_valid if told else 0,
        value=value,
        threshold=threshold,
        since=since,
        detail=detail,
    )

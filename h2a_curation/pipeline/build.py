"""The whole job on one page: posts found by hashtag in, a decision and a version of finished shards out.

    each round   plan -> mine -> screen posts -> fetch -> probe -> cut -> look (hash, embed, sense)
    at the end   decide (screen, validate, dedup, select) -> pack -> version

Acquiring and measuring add rows and skip what has rows; a decision between rounds serves the next plan and is dropped;
the last one is kept, and is what is published. So the same command after a kill goes on, and after an end does nothing.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
from more_itertools import chunked

import schemas
from h2a_curation.catalog import todo
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.decide import decision as deciding
from h2a_curation.decide.rules import fingerprint
from h2a_curation.lake import decisions, layout, parts
from h2a_curation.lake.lake import Lake
from h2a_curation.pipeline import prompts, publish
from h2a_curation.pipeline.part import Part, models_of, unmeasured
from h2a_curation.pipeline.rounds import fetch as files
from h2a_curation.pipeline.rounds import findings, retries, schedule, tags, visits
from h2a_curation.pipeline.rounds import plan as pages
from h2a_curation.pipeline.rounds.findings import Findings
from h2a_curation.pipeline.rounds.schedule import RoundRange, RoundsRequest
from h2a_curation.recipes import Recipe
from h2a_curation.sources.content import content_of
from h2a_curation.sources.politeness.left_alone import opt_outs_of, opted_out

Executor = Callable[[Path, Recipe, Sequence[Part]], Iterator[Part]]
"""`run(lake, recipe, parts)` does each part's work somewhere, and yields each part once it is done."""
Progress = Callable[[str, int, int], None]
"""`progress(step, done, total)`: keys done of a step's keys."""


class NothingKeptError(RuntimeError):
    """A step had input and kept none: there is nothing to go on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every step needs: the lake, the recipe, who does the work, and whom to tell."""

    lake: Lake
    recipe: Recipe
    run: Executor
    progress: Progress
    models: dict[str, str]
    """Fingerprint of the program or model by measuring stage."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the run began: it tells which listings are due to be visited again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build made, and how long it took."""

    decision: Path
    version: str
    seconds: dict[str, float]
    """Wall seconds by step."""


class Steps:
    """A job under way: the catalog that all its steps ask, opened once, and the time that each step took."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.facts = connect(job.lake.path, models=job.models)
        self.seconds: dict[str, float] = {}
        """Wall seconds by step."""

    @cached_property
    def world(self) -> visits.World:
        """What of the world outside the run's plans depend on, taken once."""
        return visits.World(started_at=self.job.started_at, content=content_of(self.job.recipe.source))

    def do(self, step: str, keys: Iterable[str], round_no: int = 0) -> None:
        """Have the keys' work done in parts."""
        job, keys = self.job, list(keys)
        if not keys:
            return
        with timed(self.seconds, step):
            done = 0
            job.progress(step, 0, len(keys))
            todo_parts = [Part(step, tuple(chunk), round_no) for chunk in chunked(keys, job.recipe.part_size)]
            for part in job.run(job.lake.path, job.recipe, todo_parts):
                done += len(part.keys)
                job.progress(step, done, len(keys))


def build(
    lake: Lake,
    recipe: Recipe,
    run: Executor,
    progress: Progress,
    version: str | None = None,
    rounds: RoundsRequest | None = None,
    *,
    started_at: datetime | None = None,
) -> Built:
    """Do all that is not done yet: the recipe's rounds or those that are wished for, a decision, a version.

    `started_at`: when the run began; left out: now.
    Raises NothingKeptError where a step had input and kept none, FetchError where a source must not be asked any more,
    ValueError for what the user can mend.
    """
    steps = Steps(
        Job(
            lake=lake,
            recipe=recipe,
            run=run,
            progress=progress,
            models=models_of(recipe),
            started_at=started_at or datetime.now(UTC),
        )
    )
    all_rounds(steps, rounds)
    path = decide(steps)
    decided = steps.facts.decided(path)
    if not decided.query("FROM selection LIMIT 1").num_rows:
        raise NothingKeptError(f"no clip was accepted: {findings.reasons(decided)}")
    with timed(steps.seconds, "publish"):
        name = publish.publish(lake, recipe, decided, path.name, version, progress)
    return Built(decision=path, version=name, seconds=dict(steps.seconds))


def all_rounds(steps: Steps, wanted: RoundsRequest | None = None) -> RoundRange:
    """Acquire and measure, round after round, up to the recipe's number or what is wished for; where all these were
    done before, one round of the visits that are due. Nothing is decided for good.

    Returns the rounds there are by then.
    """
    job = steps.job
    opt_outs_of(job.lake, job.recipe.source)  # a list that cannot be read stops all before anything is asked for
    rounds = schedule.rounds_to_walk(steps.facts, job.recipe.mine.num_rounds, wanted)
    _measure_left(steps)  # rows that a raised version wants anew: what is planned and fetched next is decided on them
    may_visit, nothing_kept = schedule.is_done(steps.facts, rounds.until - 1), None
    for round_no in range(schedule.first_to_walk(steps.facts, rounds.until), rounds.until):
        known = findings_before(steps, round_no)
        plan_round(steps, round_no, rounds, known)
        try:
            _walk(steps, round_no, rounds.until, known)
        except NothingKeptError as error:
            if round_no + 1 < rounds.until:
                raise
            may_visit, nothing_kept = True, error  # what came to the listings since may be better
    if may_visit and visits.may_be_due(steps.facts, job.recipe, steps.world) and _visit(steps, rounds):
        return dataclasses.replace(rounds, until=rounds.until + 1)
    if nothing_kept:
        raise nothing_kept
    return rounds


def _visit(steps: Steps, rounds: RoundRange) -> bool:
    """Do a round of visits after those that were asked for; False where none is worth a page."""
    round_no = rounds.until
    known = findings_before(steps, round_no)
    plan_round(steps, round_no, rounds, known)
    if not schedule.is_planned(steps.facts, round_no):
        return False
    _walk(steps, round_no, round_no + 1, known)
    return True


def _walk(steps: Steps, round_no: int, until: int, known: Findings) -> None:
    """Do what is left of a round that has a plan; `until`: rounds that the lake is to have."""
    mine(steps, round_no)
    fetch(steps, round_no, files.files_by(steps.facts, steps.job.recipe, until - 1), known)
    measure(steps)
    if not schedule.is_done(steps.facts, round_no):
        end = schemas.to_arrow(schemas.RoundEnd, [schemas.RoundEnd(round=round_no)])
        parts.commit(steps.job.lake.path, "round", parts.part_name("round", "", [str(round_no)]), {"round_end": end})


def findings_before(steps: Steps, round_no: int) -> Findings:
    """What the rounds before this one have shown: it takes a decision on their rows, which is not kept."""
    if round_no == 0:
        return Findings()
    _read_class_prompts(steps)
    with timed(steps.seconds, "plan"):
        facts = steps.facts.before(round_no)
        return findings.from_rows(facts, _decided(steps.job, facts, _opted_out(steps.job, facts)))


def plan_round(steps: Steps, round_no: int, rounds: RoundRange, known: Findings) -> None:
    """Commit what the round may ask for, and the tags learnt for it: computed from the rows of earlier rounds alone.

    Which texts tell what new tags mean is asked first, then these are embedded, and only then the plan is made. A round
    after `rounds`, for which nobody asked, is planned only where a visit is worth a page, and learns no tags.
    """
    if schedule.is_planned(steps.facts, round_no):
        return
    job, facts, is_asked_for = steps.job, steps.facts.before(round_no), round_no < rounds.until
    with timed(steps.seconds, "plan"):
        in_use = tags.in_use(facts, known, job.recipe, round_no) if is_asked_for else None
    steps.do("prompt", prompts.missing(facts, job.recipe, tags.wanted_texts(job.recipe, in_use)))
    with timed(steps.seconds, "plan"):
        tables = pages.plan(facts, known, job.recipe, round_no, rounds, steps.world, in_use)
        if is_asked_for or tables["allocation"].num_rows:
            parts.commit(job.lake.path, "plan", parts.part_name("plan", "", [str(round_no)]), tables)


def mine(steps: Steps, round_no: int) -> None:
    """Ask for the pages that the round's plan grants and that have not come yet."""
    steps.do("mine", retries.tags_left(steps.facts, round_no, steps.job.recipe.fetch.max_runs), round_no)
    if not steps.facts.query("FROM post LIMIT 1").num_rows:
        raise NothingKeptError(f"mining listed no post: {findings.outcomes(steps.facts, 'request')}")


def fetch(steps: Steps, round_no: int, max_files: int, known: Findings) -> None:
    """Fetch the files of the posts drawn for the audit, then of posts that the post screen keeps, the most promising
    first, as far as the budget goes; `max_files` is that of all rounds.
    """
    job, facts, by_now = steps.job, steps.facts, steps.facts.before(round_no + 1)
    left_alone = _opted_out(job, by_now)
    screened = deciding.screen_posts(by_now.query, job.recipe.decide, job.recipe.action_classes, left_alone)
    put_off = known.put_off & retries.posts_done(facts, job.recipe.fetch.max_runs)
    order = files.promising(by_now, screened, known, put_off, job.recipe, round_no)
    if not files.has_begun(facts, round_no) and (drawn := files.drawn(by_now, screened, order, job.recipe, round_no)):
        tables = {"audit_draw": schemas.to_arrow(schemas.AuditDraw, drawn)}
        parts.commit(job.lake.path, "draw", parts.part_name("draw", "", [str(round_no)]), tables)
    wanted = files.fetch_plan(by_now, order, job.recipe, round_no, left_alone)
    steps.do("fetch", files.unfetched(facts, wanted, max_files, job.recipe.fetch.max_runs), round_no)
    if (
        facts.query("FROM media LIMIT 1").num_rows
        and not facts.query("FROM media WHERE outcome = 'ok' LIMIT 1").num_rows
    ):
        raise NothingKeptError(f"no file came: {findings.outcomes(facts, 'media')}")


def measure(steps: Steps) -> None:
    """Probe, cut and look at every file that came and has no row of these programs and models, but for those that
    only posts have which are to be left alone.

    Raises NothingKeptError where none could be cut.
    """
    _measure_left(steps)
    sql = "SELECT count(*) AS n, count(clip_id) AS kept FROM probe LEFT JOIN clip USING (media_id)"
    measured = steps.facts.query(sql)
    if measured["n"][0].as_py() and not measured["kept"][0].as_py():
        raise NothingKeptError(f"no file could be cut into a clip: {findings.outcomes(steps.facts, 'probe')}")


def _measure_left(steps: Steps) -> None:
    file = "(SELECT DISTINCT media_id FROM media ANTI JOIN opted_out USING (post_id) WHERE outcome = 'ok')"
    wanted = {
        "probe": ("probe", f"SELECT media_id AS key FROM {file}"),
        "cut": ("clip", f"SELECT media_id AS key FROM probe SEMI JOIN {file} USING (media_id) WHERE outcome = 'ok'"),
    }
    facts, tables = steps.facts, {"opted_out": _opted_out(steps.job, steps.facts)}
    for step, (table, sql) in wanted.items():
        steps.do(step, todo.missing(facts, table, facts.query(sql, tables)["key"].to_pylist()))
    left = clips_unmeasured(facts, steps.job.recipe, tables["opted_out"])
    steps.do("look", sorted(set().union(*left.values())))


def clips_unmeasured(facts: Catalog, recipe: Recipe, opted_out: pa.Table) -> dict[str, list[str]]:
    """By what a look gives, the clips without a row of it: what `measure` still has to look at.

    Clips that only posts in `opted_out` have are left alone.
    """
    sql = """
        SELECT DISTINCT clip_id AS key
        FROM clip SEMI JOIN (FROM media ANTI JOIN opted_out USING (post_id)) USING (media_id) WHERE clip_id IS NOT NULL
    """
    return unmeasured(facts, recipe, facts.query(sql, {"opted_out": opted_out})["key"].to_pylist())


def decide(steps: Steps) -> Path:
    """Decide on the rows at hand, keep the decision, and let the recipe's ref name it. Nothing is asked or decoded."""
    job, facts = steps.job, steps.facts
    _read_class_prompts(steps)
    with timed(steps.seconds, "decide"):
        left_alone = _opted_out(job, facts)
        name = _decision_name(job.lake.path, job.recipe, job.models, left_alone)
        path = job.lake.path / layout.decision(name)
        if not path.exists():
            tables = _decided(job, facts, left_alone)
            about = {
                "recipe": job.recipe.name,
                "models": job.models,
                "decided_at": datetime.now(UTC).isoformat(),
                "classes": {c.id: c.definition for c in job.recipe.action_classes},
            }
            decisions.save(job.lake.path, name, tables, about)
        decisions.name(job.lake.path, job.recipe.name, name)
    return path


def _decision_name(lake: Path, recipe: Recipe, models: Mapping[str, str], left_alone: pa.Table) -> str:
    """Fingerprint of all that a decision depends on: rules, classes, models, the facts at hand, and which posts are
    left alone, of which it tells nothing.
    """
    no_input = ("round", "draw", "label")  # what says how far or how good a decision is, and changes none
    parts = [part for part in lake.glob(layout.EVERY_PART) if part.parent.name not in no_input]
    facts = sorted(f"{part.parent.name}/{part.name}" for part in parts)
    inputs = blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()
    asked = sorted(left_alone["post_id"].to_pylist())
    opted_out = [blake2b("\n".join(asked).encode(), digest_size=16).hexdigest()] if asked else []
    return fingerprint([recipe.decide, recipe.action_classes, recipe.negatives, dict(models), inputs, *opted_out])


def _opted_out(job: Job, facts: Catalog) -> pa.Table:
    return opted_out(facts, opt_outs_of(job.lake, job.recipe.source))


def _read_class_prompts(steps: Steps) -> None:
    """Have the prompts of classes and negatives embedded that are not: a decision compares clips with them."""
    recipe = steps.job.recipe
    steps.do("prompt", prompts.missing(steps.facts, recipe, prompts.class_texts(recipe)))


def _decided(job: Job, facts: Catalog, left_alone: pa.Table) -> dict[str, pa.Table]:
    """The tables of a decision on these facts."""
    recipe = job.recipe
    vectors, classes = facts.vectors(job.models["embed"]), prompts.class_vectors(facts, recipe)
    return deciding.decide(facts.query, vectors, classes, recipe.decide, recipe.action_classes, left_alone)


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    """Add the wall seconds of the block to the step's."""
    start_s = time.monotonic()
    try:
        yield
    finally:
        seconds[step] = seconds.get(step, 0.0) + time.monotonic() - start_s

"""What the product measures on files, and which of them each of its clip rules keeps: a lake that is thrown away."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import schemas
from bench.real_clips_truth import Seen
from h2a_curation import recipes
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.catalog.views import Catalog
from h2a_curation.decide.candidates import class_tables
from h2a_curation.decide.decision import screen_posts
from h2a_curation.decide.rules import Rule, verdict_sql
from h2a_curation.decide.screen import CLAIM_SQL, ClipRules
from h2a_curation.executors.local import local_executor
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.jobs.progress import shown
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts
from h2a_curation.pipeline import build
from h2a_curation.pipeline import part as work
from h2a_curation.recipes import Recipe

_RECIPE = f"""
classes: classes.yaml
source: {{kind: table, name: bench, file: files.csv}}
adapt: false
embed: {{model: "local-dir:{data_folder() / "sample_world"}", pretrained: null}}
part_size: 4
"""
"""The defaults, but for the image-text model, which measures nothing that is asked for here."""
_CLASSES = """
classes:
  - {id: bench-person, seed_hashtags: {benchperson: noun}, must_show: person}
  - {id: bench-hands, seed_hashtags: {benchhands: noun}, must_show: hands}
"""
"""What a clip may be judged for, by `class_of`."""


def class_of(kind: str) -> str:
    """The class that clips of a kind are judged for: by the rule for classes of hands where hands are what is seen.

    It names one of `_CLASSES`, whose other keys say what the product asks of such a class.
    """
    return "bench-hands" if kind.startswith("hands") else "bench-person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file."""

    file: str
    kind: str
    probe: str
    """The outcome of its probe."""
    detail: str
    keeps: dict[str, bool]
    """Whether a rule keeps it, by its reason, and whether all default rules together do (`all`). No rule is asked by
    itself where there is no clip."""
    reason: str
    """The reason of the first default rule that rejects it; `ok` where none does."""


def outcomes(folder: Path, files: Sequence[Seen], scratch: Path, reasons: Sequence[str]) -> list[Outcome]:
    """Measure the files as a build does, and ask the rules of these reasons, one by one, and all of them together."""
    recipe = _recipe(folder, files, scratch)
    with local_executor() as executor, shown() as progress:
        job = build.Job(
            lake=lakes.create(scratch / "lake"),
            recipe=recipe,
            run=executor,
            progress=progress,
            models=work.models_of(recipe),
        )
        steps = build.Steps(job)
        steps.do("fetch", _listed(job, files))
        with suppress(build.NothingKeptError):  # then each outcome says why
            build.measure(steps)
    return _judged(steps.facts, recipe, files, reasons)


def sensors_missing(folder: Path) -> str:
    """Why persons cannot be seen on this machine, and which command mends it; empty where they can."""
    return work.sensors_missing(_recipe(folder, [], folder))


def _recipe(folder: Path, files: Sequence[Seen], scratch: Path) -> Recipe:
    lines = [f"{n},{(folder / seen.file).resolve()}\n" for n, seen in enumerate(files)]
    (scratch / "files.csv").write_text("".join(["post_id,url\n", *lines]), encoding="utf-8")
    (scratch / "classes.yaml").write_text(_CLASSES, encoding="utf-8")
    (scratch / "bench.yaml").write_text(_RECIPE, encoding="utf-8")
    recipe = recipes.load(str(scratch / "bench.yaml"))
    return replace(recipe, permissions=Permissions(files_from=folder.resolve()))


def _post_id(n: int) -> str:
    return f"bench:{n}"


def _listed(job: build.Job, files: Sequence[Seen]) -> list[str]:
    """Each file as a post that was listed under a tag of the class that it is judged for; returns their ids."""
    posts = work.source_of(job.recipe).search("", "").posts
    tags = {c.id: next(iter(c.seed_hashtags)) for c in job.recipe.action_classes}
    hits = [
        schemas.Hit(source="bench", tag=tags[class_of(seen.kind)], cursor="", post_id=_post_id(n), rank=n)
        for n, seen in enumerate(files)
    ]
    tables = {"post": schemas.to_arrow(schemas.Post, posts), "hit": schemas.to_arrow(schemas.Hit, hits)}
    parts.commit(job.lake.path, "mine", "one", tables)
    return [post.post_id for post in posts]


def _judged(facts: Catalog, recipe: Recipe, files: Sequence[Seen], reasons: Sequence[str]) -> list[Outcome]:
    named = ClipRules().named()
    alone = {rule.reason: [rule] for rule in named if rule.reason in reasons}
    if unknown := sorted({*reasons} - alone.keys()):
        raise ValueError(f"no clip rule gives the reason '{unknown[0]}': bench.real_clips must ask for another")
    verdict = _verdicts(facts, recipe, {"all": named, **alone})
    sql = """
        SELECT post_id, m.outcome AS fetched, m.detail AS not_fetched, p.outcome, p.detail, media_id, clip_id
        FROM media m LEFT JOIN probe p USING (media_id) LEFT JOIN clip USING (media_id)
    """
    rows = {row["post_id"]: row for row in facts.query(sql).to_pylist()}
    found = []
    for n, seen in enumerate(files):
        row = rows[_post_id(n)]
        if row["fetched"] != "ok":
            raise ValueError(f"{seen.file} was not taken in: {row['fetched']}: {row['not_fetched']}")
        subject = (class_of(seen.kind), row["clip_id"] or row["media_id"])
        asked = verdict if row["clip_id"] else ["all"]
        found.append(
            Outcome(
                file=seen.file,
                kind=seen.kind,
                probe=row["outcome"],
                detail=row["detail"],
                keeps={name: verdict[name][subject] == "ok" for name in asked},
                reason=verdict["all"][subject],
            )
        )
    return found


def _verdicts(
    facts: Catalog, recipe: Recipe, rules: Mapping[str, Sequence[Rule]]
) -> dict[str, dict[tuple[str, str], str]]:
    """By the name of a set of rules, the reason that it gives for each class and clip, or file where there is none."""
    classes = recipe.action_classes
    posts = screen_posts(facts.query, recipe.decide, classes)
    tables = {**class_tables(classes), "candidate": posts["candidate"], "post_verdict": posts["verdict"]}
    claim = facts.query(CLAIM_SQL, tables)
    found = {}
    for name, those in rules.items():
        sql = verdict_sql("screen_clip", "coalesce(clip_id, media_id)", those, "", source="claim")
        rows = facts.query(sql, {"claim": claim}).to_pylist()
        found[name] = {(row["class_id"], row["subject_id"]): row["reason"] for row in rows}
    return found

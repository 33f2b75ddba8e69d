"""Building and deciding again: what is there is not asked for, decoded or embedded a second time.

Requests, decodes and models are called in parts only (h2a_curation/pipeline/part.py), so the parts that an executor
gets are all that was done.
"""

import dataclasses
import itertools
import shutil
from collections import Counter
from datetime import date

import pytest
import yaml

from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.explain import decision_diff
from h2a_curation.jobs.build import reachable
from h2a_curation.lake import decisions
from h2a_curation.lake import lake as lakes
from h2a_curation.pipeline import build as building
from h2a_curation.pipeline.part import do_part, models_of
from h2a_curation.pipeline.rounds import tags
from h2a_curation.taxonomy.export import as_class_file
from h2a_curation.videomae.data.shards import open_version
from schemas import TagClaim, from_arrow


class Counting:
    """An executor that does the parts here and counts their keys by stage."""

    def __init__(self):
        self.keys = Counter()

    def __call__(self, lake, recipe, parts):
        for part in parts:
            self.keys[part.stage] += len(part.keys)
            do_part(lake, recipe, part)
            yield part


@pytest.fixture
def lake(mini, tmp_path):
    shutil.copytree(mini / "lake", tmp_path / "lake")
    return lakes.open_lake(tmp_path / "lake")


@pytest.fixture
def recipe():
    return recipes.load("sample-mini")


def build(lake, recipe, run):
    return building.build(lake, recipe, run, lambda *_: None)


def decide(lake, recipe, run):
    job = building.Job(lake=lake, recipe=recipe, run=run, progress=lambda *_: None, models=models_of(recipe))
    return building.decide(building.Steps(job))


def selected(lake, decision):
    return connect(lake.path, decision=decision).query("FROM selection ORDER BY clip_id").to_pylist()


def changed(recipe, **rules):
    return dataclasses.replace(recipe, decide=dataclasses.replace(recipe.decide, **rules))


def test_a_build_with_nothing_new_does_nothing_and_makes_no_version(lake, recipe):
    run = Counting()
    built = build(lake, recipe, run)
    assert run.keys == {}
    assert built.version == "v1"
    assert [v.name for v in (lake.path / "versions").iterdir()] == ["v1"]


def test_a_changed_threshold_asks_no_model(lake, recipe):
    before = selected(lake, decisions.newest(lake.path))
    stricter = changed(recipe, validate=dataclasses.replace(recipe.decide.validate, min_probability=0.999))
    run = Counting()
    after = selected(lake, decide(lake, stricter, run))
    assert run.keys == {}
    assert len(after) < len(before)


def test_a_changed_prompt_costs_one_pass_of_the_text_tower(lake, recipe):
    first, *others = recipe.action_classes
    first = dataclasses.replace(first, prompts=("a thing that no class is about", *first.prompts[1:]))
    run = Counting()
    decide(lake, dataclasses.replace(recipe, action_classes=(first, *others)), run)
    assert run.keys == {"prompt": 1}


def test_a_renamed_class_changes_its_name_and_nothing_else(lake, recipe):
    first, *others = recipe.action_classes
    renamed = dataclasses.replace(first, id="another-name")
    run = Counting()
    before = selected(lake, decisions.newest(lake.path))
    after = selected(lake, decide(lake, dataclasses.replace(recipe, action_classes=(renamed, *others)), run))
    assert run.keys == {}
    assert {(r["clip_id"], r["label"]) for r in after} == {(r["clip_id"], r["label"]) for r in before}


LIVES = {
    "renamed": [("deadlift", ["barbell-lift"])],
    "split": [("cycling", ["road-cycling", "park-cycling"])],
    "merged": [("deadlift", ["training"]), ("jump-rope", ["training"])],
}


def succeeded(recipe, kind, folder):
    """The recipe with a class file in which classes have become others, and what the file's history says of it."""
    old = {c.id: c for c in recipe.action_classes}
    heirs = LIVES[kind]
    labels = itertools.count(100)
    files = {c.id: c for c in old.values() if c.id not in dict(heirs)}
    for ended, into in heirs:
        for n, heir in enumerate(into):
            before = files.get(heir) or dataclasses.replace(old[ended], id=heir, prompts=(), seed_hashtags={})
            files[heir] = dataclasses.replace(
                before,
                label=old[ended].label if kind == "renamed" else next(labels),
                seed_hashtags=before.seed_hashtags | old[ended].seed_hashtags,
                prompts=before.prompts + old[ended].prompts[n :: len(into)],
            )
    text = as_class_file("mine", [dataclasses.replace(c, siblings=()) for c in files.values()])
    history = {
        "date": date(2026, 11, 24),
        "kind": kind,
        "classes": {ended: old[ended].label for ended, _ in heirs},
        "into": heirs[0][1],
        "why": "for the test",
    }
    (folder / "mine.yaml").write_text(text + yaml.safe_dump({"history": [history]}))
    return recipes.load("sample-mini", classes=folder / "mine.yaml")


@pytest.mark.parametrize("kind", LIVES)
def test_a_lake_decides_anew_when_classes_become_others(lake, recipe, tmp_path, kind):
    before = selected(lake, decisions.newest(lake.path))
    later = succeeded(recipe, kind, tmp_path)
    run = Counting()
    after = selected(lake, decide(lake, later, run))
    assert run.keys == {}, "no request, no decode, no model: the prompts' texts were embedded already"
    ended, heirs = {e for e, _ in LIVES[kind]}, {h for _, into in LIVES[kind] for h in into}
    assert not ended & {row["class_id"] for row in after}
    assert heirs & {row["class_id"] for row in after}
    clips = {row["clip_id"] for row in after if row["class_id"] in heirs}
    assert clips >= {row["clip_id"] for row in before if row["class_id"] in ended}
    assert {r["clip_id"] for r in after if r["class_id"] not in heirs} == {
        r["clip_id"] for r in before if r["class_id"] not in ended
    }


def test_what_was_learnt_for_a_class_that_was_renamed_is_not_learnt_again(lake, recipe, tmp_path):
    learnt = connect(lake.path).query("SELECT tag, class_id FROM tag_claim").to_pylist()
    of_deadlift = {row["tag"] for row in learnt if row["class_id"] == "deadlift"}
    assert of_deadlift, "the mini world teaches no tag of the deadlift"
    later = succeeded(recipe, "renamed", tmp_path)
    facts = connect(lake.path)
    claims = from_arrow(TagClaim, facts.query("FROM tag_claim"))
    arms = tags.arm_tags(later, claims).to_pylist()
    assert of_deadlift <= {arm["tag"] for arm in arms if arm["class_id"] == "barbell-lift"}
    assert not {arm["class_id"] for arm in arms} & {"deadlift"}


def test_a_version_keeps_the_ids_and_labels_that_it_was_made_with(lake, recipe, tmp_path):
    members = [(m.clip_id, m.class_id, m.label) for m in open_version(lake.path, "v1").members]
    run = Counting()
    later = dataclasses.replace(succeeded(recipe, "merged", tmp_path), name="merged")
    built = build(lake, later, run)
    assert set(run.keys) <= {"pack"}
    new = {m.clip_id: (m.class_id, m.label) for m in open_version(lake.path, built.version).members}
    assert {name for name, _ in new.values()} == {"training", "cycling", "guitar-playing"}
    assert [(m.clip_id, m.class_id, m.label) for m in open_version(lake.path, "v1").members] == members
    labels = {label for _, name, label in members if name in ("deadlift", "jump-rope")}
    assert not labels & {label for name, label in new.values() if name == "training"}


def test_a_looser_screen_fetches_just_the_posts_that_it_lets_in(lake, recipe):
    rejected = connect(lake.path, decision=decisions.newest(lake.path)).query(
        "SELECT DISTINCT subject_id FROM verdict WHERE stage = 'screen_post' AND reason IN ('too_short', 'too_long')"
    )
    assert rejected.num_rows, "the mini world lists no post of a wrong length"
    post = dataclasses.replace(recipe.decide.post, min_duration_s=0.1, max_duration_s=100.0)
    run = Counting()
    with reachable(dataclasses.replace(changed(recipe, post=post), max_files=1000)) as looser:
        build(lake, looser, run)
    assert run.keys["fetch"] == rejected.num_rows
    assert run.keys["mine"] == 0
    assert run.keys["probe"] <= rejected.num_rows


def test_two_recipes_live_on_one_lake_and_show_what_comes_and_goes(lake, recipe):
    stricter = changed(recipe, validate=dataclasses.replace(recipe.decide.validate, min_probability=0.999))
    changes = decision_diff.redecide(lake, dataclasses.replace(stricter, name="strict"))
    assert changes.come == []
    assert changes.go
    assert all("low_probability" in clip.why for clip in changes.go)
    assert {ref.name for ref in (lake.path / "refs").iterdir()} == {"sample-mini", "strict"}
    back = decision_diff.redecide(lake, recipe)
    assert [c.clip_id for c in back.come] == [c.clip_id for c in changes.go]


def test_a_stage_that_keeps_nothing_ends_the_build_and_says_where_it_went(lake, recipe):
    nothing = changed(recipe, clip=dataclasses.replace(recipe.decide.clip, min_short_side_px=5000))
    with pytest.raises(building.NothingKeptError, match="screen_clip: too_small"):
        build(lake, nothing, Counting())

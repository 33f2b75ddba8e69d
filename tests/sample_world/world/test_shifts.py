"""Tags that drift, hijacked tags and bursts: what a miner could find out from dates and verdicts, for several seeds."""

import json
from datetime import timedelta
from functools import cache

import pytest

from h2a_curation.sample_world.world.score import changed_tags
from h2a_curation.sample_world.world.sizes import FULL, Role
from h2a_curation.sample_world.world.truth import drifted_tags, hijacked_tags, shown_class, truth
from h2a_curation.sample_world.world.world import World, WorldPost, make_world
from tests.sample_world.classes import CLASSES

SEEDS = range(4)


@cache
def world(seed: int) -> World:
    return make_world(seed, "full", CLASSES)


def listed(made: World, tag: str) -> list[WorldPost]:
    return [made.posts[post_id] for post_id in made.listings[tag]]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drifted_tag_stands_on_its_class_before_and_on_one_other_subject_since(seed):
    made = world(seed)
    assert len(drifted_tags(made)) == 3
    for tag, since in drifted_tags(made).items():
        drift = made.shifts.drifts[tag]
        posts = [p for p in listed(made, tag) if p.role is not Role.SPAM]
        right = {p.post_id for p in posts if shown_class(p.file.spec) == drift.class_id}
        before = [p for p in posts if p.posted_at < since]
        after = [p for p in posts if p.posted_at >= since]
        assert sum(p.post_id in right for p in before) / len(before) >= 0.5
        assert sum(p.post_id in right for p in after) / len(after) <= 0.45
        others = [p.file.spec.shots[0].subject for p in after if p.post_id not in right]
        assert others.count(drift.subject) >= FULL.shifts.posts_a_tag


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hijacked_tag_has_spam_of_a_few_creators_on_its_first_page_and_none_before_its_date(seed):
    made = world(seed)
    assert len(hijacked_tags(made)) == 2
    for tag, since in hijacked_tags(made).items():
        spam = [p for p in listed(made, tag) if p.role is Role.SPAM]
        assert len(spam) == FULL.shifts.posts_a_tag
        assert all(p.posted_at >= since and len(p.hashtags) > 15 for p in spam)
        assert len({p.creator for p in spam}) <= 3
        assert sum(p.role is Role.SPAM for p in listed(made, tag)[: made.page_size]) >= 5


@pytest.mark.parametrize("seed", SEEDS)
def test_most_right_posts_of_a_burst_fall_on_three_days(seed):
    made = world(seed)
    assert len(made.shifts.bursts) == 2
    for class_id, (start, end) in made.shifts.bursts.items():
        right = [p for p in made.posts.values() if p.role is Role.RIGHT and shown_class(p.file.spec) == class_id]
        assert end - start == timedelta(days=3)
        assert sum(start <= p.posted_at <= end for p in right) >= max(4, 0.7 * len(right))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_class_is_struck_twice_and_every_date_leaves_posts_on_both_sides(seed):
    made = world(seed)
    changed = set(drifted_tags(made)) | set(hijacked_tags(made))
    owners = [c for c in made.classes if changed & {*made.words.seeds[c], *made.words.synonyms[c]}]
    assert len({*owners, *made.shifts.bursts}) == 7
    dates = sorted(p.posted_at for p in made.posts.values())
    for since in (drifted_tags(made) | hijacked_tags(made)).values():
        assert dates[len(dates) // 4] < since < dates[-len(dates) // 5]


def test_the_truth_file_names_what_changed_and_since_when(tmp_path):
    file = tmp_path / "truth.json"
    file.write_text(json.dumps(truth(world(0))))
    assert changed_tags(file) == (drifted_tags(world(0)), hijacked_tags(world(0)))
    posts = json.loads(file.read_text())["posts"]
    assert sum("drifted_tag" in p["defects"] for p in posts.values()) == 21
    assert sum("hijacked_tag" in p["defects"] for p in posts.values()) == 14


def test_the_small_world_has_a_burst_and_nothing_else():
    made = make_world(0, "mini", CLASSES)
    assert (drifted_tags(made), hijacked_tags(made), len(made.shifts.bursts)) == ({}, {}, 1)

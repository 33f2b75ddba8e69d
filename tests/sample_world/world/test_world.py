"""The composition of a world, as properties of several seeds."""

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from h2a_curation.sample_world.clip_spec import ACTIONS, ClipSpec, Shot
from h2a_curation.sample_world.world.cast import FilePlan
from h2a_curation.sample_world.world.faults import PRIVATE, temporary_faults
from h2a_curation.sample_world.world.sizes import FULL, MINI, Role
from h2a_curation.sample_world.world.truth import shown_class, truth, wanted_class
from h2a_curation.sample_world.world.world import World, make_world
from tests.sample_world.classes import CLASSES

SEEDS = range(3)


@cache
def world(seed: int, size: str) -> World:
    return make_world(seed, size, CLASSES)


def clusters(made: World) -> dict[tuple[str, str], set[str]]:
    """Wanted (cluster, class) to the tags under which a copy of it is listed."""
    found: dict[tuple[str, str], set[str]] = {}
    for post in truth(made)["posts"].values():
        if post["wanted"]:
            found.setdefault((post["cluster"], post["wanted"]), set()).update(post["listed_under"])
    return found


@pytest.mark.parametrize("size", ["full", "mini"])
def test_a_world_is_a_function_of_its_seed(size):
    assert truth(make_world(5, size, CLASSES)) == truth(make_world(5, size, CLASSES))
    assert make_world(5, size, CLASSES).posts == make_world(5, size, CLASSES).posts
    assert not set(world(0, size).posts) & set(world(1, size).posts)


@pytest.mark.parametrize(("size", "num_posts", "num_tags"), [("full", 600, 80), ("mini", 60, 20)])
@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_posts_and_tags(seed, size, num_posts, num_tags):
    made = world(seed, size)
    assert (len(made.posts), len(made.listings)) == (num_posts, num_tags)
    assert all(len(ids) == len(set(ids)) for ids in made.listings.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_what_is_wanted_is_listed_under_learnable_tags_only(seed):
    made = world(seed, "full")
    wanted = clusters(made)
    seeds = {tag for tags in made.words.seeds.values() for tag in tags}
    synonyms = {tag for tags in made.words.synonyms.values() for tag in tags}
    assert 175 <= len(wanted) <= 230
    assert sum(bool(tags & seeds) for tags in wanted.values()) / len(wanted) <= 0.57
    assert sum(bool(tags & (seeds | synonyms)) for tags in wanted.values()) / len(wanted) >= 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_forty_percent_of_the_pages_hold_the_first_page_of_each_useful_tag(seed):
    made = world(seed, "full")
    useful = [tag for tags in (*made.words.seeds.values(), *made.words.synonyms.values()) for tag in tags]
    first_pages = {post_id for tag in useful for post_id in made.listings[tag][: made.page_size]}
    kept = {(p["cluster"], p["wanted"]) for i, p in truth(made)["posts"].items() if p["wanted"] and i in first_pages}
    assert len(useful) <= 0.3 * made.num_listing_pages
    assert len(kept) / len(clusters(made)) >= 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_most_synonyms_stand_in_two_wanted_posts_of_the_first_seed_page(seed):
    made = world(seed, "full")
    posts = truth(made)["posts"]
    support = {
        class_id: sum(
            posts[post_id]["wanted"] == class_id and made.words.synonyms[class_id][0] in made.posts[post_id].hashtags
            for post_id in {i for tag in made.words.seeds[class_id] for i in made.listings[tag][: made.page_size]}
        )
        for class_id in made.classes
    }
    assert sum(n >= 2 for n in support.values()) >= 23


@pytest.mark.parametrize("seed", SEEDS)
def test_what_a_miner_meets(seed):
    """Each share is what makes switching one stage off cost at least five points."""
    made = world(seed, "full")
    posts = list(made.posts.values())
    roles = Counter(p.role for p in posts)
    wanted = [post_id for post_id, facts in truth(made)["posts"].items() if facts["wanted"]]
    assert roles[Role.COPY] / len(wanted) >= 0.08
    assert (roles[Role.DECLARED] + roles[Role.UNDECLARED]) / len(wanted) >= 0.08
    assert 0.05 <= sum(not p.is_public for p in posts) / len(posts) <= 0.08
    for class_id in made.classes:
        tags = (*made.words.seeds[class_id], *made.words.synonyms[class_id])
        listed = [made.posts[i] for tag in tags for i in made.listings[tag]]
        wrong = [p for p in listed if shown_class(p.file.spec) != class_id]
        assert len(wrong) / len(listed) >= 0.25


@pytest.mark.parametrize("seed", SEEDS)
def test_a_build_that_reads_every_useful_page_fetches_at_most_300_files(seed):
    made = world(seed, "full")
    useful = [tag for tags in (*made.words.seeds.values(), *made.words.synonyms.values()) for tag in tags]
    listed = [made.posts[i] for i in {i for tag in useful for i in made.listings[tag]}]
    fetched = [p for p in listed if p.role not in (Role.SPAM, Role.DECLARED) and p.is_public]
    assert len(fetched) <= 300


@pytest.mark.parametrize("size", ["full", "mini"])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_of_post_and_defect_is_there(seed, size):
    posts = world(seed, size).posts.values()
    defects = {d for p in posts for d in p.defects}
    assert {p.role for p in posts} == set(Role)
    assert defects >= {
        *("wrong_class", "short_scene", "off_topic", "spam", "exact_copy", "reencoded_copy"),
        *("too_short", "too_long", "too_small", "truncated", "damaged", "no_video_stream", "html"),
        *("private", "deleted", "forbidden", "missing"),
    }
    assert {p.fault.kind for p in posts if p.fault} >= {"rate_limited", "server_error", "slow", "hanging"}
    assert all(len(p.hashtags) > 15 for p in posts if p.role is Role.SPAM)
    assert all(len(p.hashtags) <= 15 for p in posts if p.role is not Role.SPAM)
    assert any(len(p.file.spec.shots) == 2 and p.role is Role.RIGHT for p in posts)


@pytest.mark.parametrize("size", [FULL, MINI], ids=["full", "mini"])
def test_temporary_faults_clear_within_three_tries_and_never_wait_long(size):
    faults = temporary_faults(size.waits)
    assert all(f.num_tries in (1, 2) for f in faults)
    assert max(f.wait_s for f in faults) <= (2.0 if size is FULL else 0.3)


@pytest.mark.parametrize("size", ["full", "mini"])
def test_valid_clips_have_61_frames_in_one_scene_that_is_clearly_the_longest(size):
    for post in world(0, size).posts.values():
        shots = sorted(post.file.spec.shots, key=lambda s: -s.duration_s)
        if "too_short" not in post.defects:
            assert round(shots[0].duration_s * post.file.spec.fps) >= 56
            assert len(shots) == 1 or shots[0].duration_s >= 1.25 * shots[1].duration_s


def test_copies_are_later_posts_of_the_same_pictures():
    made = world(0, "full")
    for post in made.posts.values():
        if post.copy_of:
            original = made.posts[post.copy_of]
            assert post.posted_at > original.posted_at
            assert replace(post.file.spec, encoding="upload") == original.file.spec
            assert (post.file == original.file) == ("exact_copy" in post.defects)


def test_clips_of_a_world_have_looks_that_the_model_was_not_trained_on():
    seeds = {p.file.spec.seed for p in world(0, "full").posts.values()}
    assert len(seeds) == 600 - FULL.num_roles[Role.COPY]
    assert not any(10_000_000 <= seed < 20_000_000 for seed in seeds)


def test_class_tags_that_are_not_in_use_list_nothing_and_are_no_synonyms():
    made = world(0, "full")
    unused = {tag for c, tags in CLASSES for tag in tags} - {t for tags in made.words.seeds.values() for t in tags}
    assert unused
    assert not unused & set(made.listings)


ACTION, OTHER = ACTIONS[0], ACTIONS[1]


@pytest.mark.parametrize(
    ("shots", "changed", "wanted"),
    [
        ([(ACTION, 4.0)], {}, ACTION),
        ([(ACTION, 2.5), (OTHER, 1.4)], {}, ACTION),
        ([(ACTION, 1.4), (OTHER, 2.5)], {}, OTHER),
        ([("pet", 2.5), (ACTION, 1.4)], {}, None),
        ([(ACTION, 2.1)], {}, None),
        ([(ACTION, 2.2)], {}, ACTION),
        ([(ACTION, 12.0)], {}, ACTION),
        ([(ACTION, 12.5)], {}, None),
        ([(ACTION, 4.0)], {"px": (198, 400)}, None),
        ([(ACTION, 4.0)], {"px": (400, 200)}, ACTION),
        ([(ACTION, 4.0)], {"damage": "truncated"}, None),
        ([(ACTION, 4.0)], {"fault": PRIVATE}, None),
        ([(ACTION, 4.0)], {"fault": temporary_faults(FULL.waits)[0]}, ACTION),
        ([(ACTION, 4.0)], {"is_listed": False}, None),
        ([("slides", 4.0)], {}, None),
    ],
)
def test_wanted_is_listed_public_whole_within_limits_and_shown(shots, changed, wanted):
    width_px, height_px = changed.get("px", (360, 640))
    parts = tuple(Shot(subject=s, duration_s=t) for s, t in shots)
    spec = ClipSpec(seed=1, shots=parts, width_px=width_px, height_px=height_px, fps=24)
    plan = FilePlan(spec=spec, damage=changed.get("damage", "none"))
    post = replace(next(iter(world(0, "full").posts.values())), file=plan, fault=changed.get("fault"))
    assert wanted_class(post, FULL.limits, is_listed=changed.get("is_listed", True)) == wanted


def test_a_photograph_of_an_action_shows_none():
    still = Shot(subject=ACTION, duration_s=4.0, frozen=True)
    assert shown_class(ClipSpec(seed=1, shots=(still,), width_px=360, height_px=640, fps=24)) is None

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from h2a_curation.mining.propose_tags import LearnRules, unclaimed_sql
from tests.mining.learning import counted as tables_by_query
from tests.mining.learning import learn, query

RULES = LearnRules()


def world(**tags_of_ten: list[str]):
    """200 posts that nobody accepts with `fyp`, and ten posts for each class with `<class>`, `fyp` and its own."""
    posts = {f"n{i}": ["fyp"] for i in range(200)}
    accepted = set()
    for class_id, tags in tags_of_ten.items():
        for i in range(10):
            posts[f"{class_id}{i}"] = [class_id, "fyp"]
            accepted.add((f"{class_id}{i}", class_id))
        for n, tag in enumerate(tags):
            for i in range(n + 1):
                posts[f"{class_id}{i}"].append(tag)
    return posts, accepted


def claimed(posts, accepted, rules=RULES, known=(), excluded=None, **more):
    known = {*known, *((c, c) for _, c in accepted)}
    found = learn(posts, accepted, known=known, excluded=excluded or {}, round_no=3, rules=rules, **more)
    return {(c.tag, c.class_id): c for c in found}


def test_what_stands_beside_accepted_posts_is_claimed_with_its_numbers():
    claims = claimed(*world(squat=["once", "twice", "thrice"], surf=[]))
    assert set(claims) == {("twice", "squat"), ("thrice", "squat")}
    claim = claims["thrice", "squat"]
    assert (claim.round, claim.support, claim.lift) == (3, 3, pytest.approx(0.3 / (3 / 220)))


def test_what_everybody_uses_is_not():
    assert ("fyp", "squat") not in claimed(*world(squat=[], surf=[]))


def test_what_stands_beside_many_classes_is_not():
    classes = {c: ["x", "gym"] for c in ("a", "b", "c", "d")}
    assert claimed(*world(**classes)) == {}
    two = claimed(*world(a=["x", "gym"], b=["y", "gym"], c=[], d=[]))
    assert set(two) == {("gym", "a"), ("gym", "b")}


def test_what_is_common_among_the_rejected_is_not():
    posts, accepted = world(squat=["x", "homonym"])
    posts |= {f"h{i}": ["homonym"] for i in range(60)}
    assert claimed(posts, accepted) == {}


def test_spam_counts_for_nothing():
    posts, accepted = world(squat=["x", "good"])
    spam = [f"tag{i}" for i in range(20)]
    posts |= {f"spam{i}": ["good", *spam] for i in range(50)}
    posts["squat0"] += spam
    posts["squat1"] += spam
    claims = claimed(posts, accepted, RULES)
    assert not any(tag in spam for tag, _ in claims)


@pytest.mark.parametrize(
    ("known", "excluded"),
    [
        ([("good", "squat")], {}),
        ([("good", "surf")], {}),
        ([], {"squat": ["good"]}),
        ([], {"": ["good"]}),
    ],
    ids=["known for it", "known for another", "excluded for it", "excluded for all"],
)
def test_known_and_excluded_tags_are_not_proposed(known, excluded):
    assert claimed(*world(squat=["x", "good"]), known=known, excluded=excluded) == {}


def test_a_tag_excluded_for_one_class_may_speak_for_another():
    claims = claimed(*world(squat=["x", "good"], surf=[]), excluded={"surf": ["good"]})
    assert set(claims) == {("good", "squat")}


def test_the_surest_come_first_and_not_too_many():
    tags = [f"t{i}" for i in range(9)]
    claims = claimed(*world(squat=tags), rules=LearnRules(max_claims_per_class=3))
    assert [tag for tag, _ in claims] == ["t8", "t7", "t6"]


def test_the_order_of_rows_does_not_matter():
    posts, accepted = world(squat=["x", "p", "q"], surf=["y", "r"])
    turned = dict(reversed(list(posts.items())))
    assert list(claimed(posts, accepted).values()) == list(claimed(turned, sorted(accepted)[::-1]).values())


def test_nothing_is_learnt_from_nothing():
    assert claimed({}, set()) == {}
    assert claimed({"a": ["x"]}, set()) == {}


TAGS = st.lists(st.sampled_from(["fyp", "a", "b", "x", "y", "z", "🏄", "ไทย"]), max_size=6, unique=True)
POSTS = st.lists(st.tuples(TAGS, st.lists(st.sampled_from(["a", "b", "c"]), max_size=2)), min_size=20, max_size=80)


@settings(max_examples=25, deadline=None)
@given(POSTS, st.sampled_from([LearnRules(max_hashtags=5), LearnRules(max_chance=0.5, min_lift=0.5, max_classes=1)]))
def test_the_query_and_the_columns_say_what_counting_in_python_says(given_posts, rules):
    posts = {f"p{i}": tags for i, (tags, _) in enumerate(given_posts)}
    accepted = {(f"p{i}", c) for i, (_, classes) in enumerate(given_posts) for c in classes}
    claims = learn(posts, accepted, known=[("x", "a")], excluded={"b": ["y"]}, round_no=3, rules=rules)
    expected = counted(posts, accepted, known={"x"}, excluded={("y", "b")}, rules=rules)
    assert [(c.tag, c.class_id, c.support, c.lift) for c in claims] == expected


def counted(posts, accepted, known, excluded, rules):
    honest = {p: tags for p, tags in posts.items() if len(tags) <= rules.max_hashtags}
    seen = Counter(tag for tags in honest.values() for tag in tags)
    of_class = Counter(c for p, c in accepted if p in honest)
    support = Counter((tag, c) for p, c in accepted for tag in honest.get(p, ()))
    of_tag = Counter({tag: sum(n for (t, _), n in support.items() if t == tag) for tag in seen})
    num_classes = Counter(tag for (tag, _), n in support.items() if n >= 0.1 * of_tag[tag])
    found = []
    for (tag, c), n in support.items():
        lift = n / of_class[c] * len(honest) / seen[tag]
        chance = hypergeom.sf(n - 1, len(honest), seen[tag], of_class[c])
        enough = n >= rules.min_support and n >= rules.min_specificity * of_tag[tag] and lift >= rules.min_lift
        if enough and num_classes[tag] <= rules.max_classes and chance <= rules.max_chance:
            found.append((c, chance, -n, tag, lift))
    free = sorted(f for f in found if f[3] not in known and (f[3], f[0]) not in excluded)
    first = [f for n, f in enumerate(free) if sum(g[0] == f[0] for g in free[:n]) < rules.max_claims_per_class]
    return [(tag, c, -n, lift) for c, _, n, tag, lift in first]


def test_a_proposed_tag_that_is_in_use_is_claimed_with_its_numbers_be_they_nought():
    posts, accepted = world(squat=["x", "squatter"], surf=[])
    posts |= {"u0": ["squats"], "u1": ["squats", "fyp"], "u2": ["squatting"], "squat0": [*posts["squat0"], "squatters"]}
    posts["u3"] = ["squatters"]
    forms = [("words", tag, "squat", n) for n, tag in enumerate(["squats", "squatting", "squatters", "squatter"])]
    claims = claimed(posts, accepted, proposals=forms)
    assert {tag: (c.reason, c.support) for (tag, _), c in claims.items()} == {
        "squatter": ("co-occurs", 2),
        "squatters": ("words", 1),
        "squats": ("words", 0),
    }
    assert claims["squats", "squat"].lift == 0.0
    assert claims["squatters", "squat"].lift == pytest.approx((1 / 10) / (2 / 224))


def test_a_proposed_tag_that_accepted_posts_of_others_carry_is_not_claimed():
    posts, accepted = world(squat=["x", "squats"], surf=["y", "z", "w", "squatting"])
    claims = claimed(posts, accepted, proposals=[("words", "squatting", "squat", 0)])
    assert ("squatting", "squat") not in claims
    assert ("squatting", "surf") in claims


@pytest.mark.parametrize("reason", ["words", "similar"])
def test_known_and_excluded_tags_are_not_claimed_though_proposed(reason):
    posts, accepted = world(squat=[], surf=[])
    posts |= {f"u{i}": ["theirs", "hijacked", "homonym", "good"] for i in range(3)}
    claims = claimed(
        posts,
        accepted,
        known=[("theirs", "surf")],
        excluded={"squat": ["homonym"], "": ["hijacked"]},
        proposals=[(reason, tag, "squat", 0) for tag in ("theirs", "hijacked", "homonym", "good")],
    )
    assert {tag: c.reason for (tag, _), c in claims.items()} == {"good": reason}


def test_what_company_speaks_for_goes_before_words_and_words_before_meaning():
    posts, accepted = world(squat=["x", "beside"], surf=[])
    posts |= {f"u{i}": ["form", "sense", "both"] for i in range(3)}
    proposals = [("similar", "sense", "squat", 0), ("words", "form", "squat", 7), ("similar", "both", "surf", 0)]
    proposals.append(("words", "both", "squat", 9))
    claims = claimed(posts, accepted, proposals=proposals)
    assert [(tag, c.reason) for (tag, _), c in claims.items()] == [
        ("beside", "co-occurs"), ("form", "words"), ("both", "words"), ("sense", "similar"),
    ]  # fmt: skip
    few = claimed(posts, accepted, rules=LearnRules(max_claims_per_class=2), proposals=proposals)
    assert [tag for tag, _ in few] == ["beside", "form"]


def test_a_form_that_nobody_uses_is_claimed_only_for_a_class_of_which_nothing_is_in_use():
    posts, accepted = world(surf=[])
    forms = [("words", f"{c}ing", c, 0) for c in ("surf", "juggle")]
    known = [("juggle", "juggle"), ("juggler", "juggle")]
    assert claimed(posts, accepted, known=known, proposals=forms, asked=["juggle", "surf"]) == {}, (
        "one is not asked yet"
    )
    claims = claimed(posts, accepted, known=known, proposals=forms, asked=["juggle", "juggler", "surf"])
    assert {(tag, c.support, c.lift) for (tag, _), c in claims.items()} == {("juggleing", 0, 0.0)}


def test_the_most_carried_tags_that_may_mean_something_are_spelled_out_first():
    posts, accepted = world(squat=["x"], surf=[], row=[], run=[])
    posts |= {f"u{i}": ["often", "excluded", "seldom"][: 3 - i // 5] for i in range(10)}
    posts["long"] = posts["long too"] = ["o" * 500]
    known = {(c, c) for _, c in accepted}
    tables = tables_by_query(posts, accepted, known=known, excluded={"": ["excluded"]}, rules=RULES)
    assert query(unclaimed_sql(RULES, 9), tables)["tag"].to_pylist() == ["often", "seldom"]
    assert query(unclaimed_sql(RULES, 1), tables)["tag"].to_pylist() == ["often"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.text(min_size=1, max_size=9), max_size=17, unique=True), max_size=12), st.data())
def test_tags_in_any_script_are_counted(posts, data):
    hashtags = {f"p{i}": tags for i, tags in enumerate(posts)}
    classes = st.sampled_from(["a", "b", "é 🏄"])
    accepted = {(p, data.draw(classes)) for p in hashtags}
    proposals = [("words", tag, "a", 0) for tag in {t for tags in posts for t in tags}]
    honest = {p: tags for p, tags in hashtags.items() if len(tags) <= RULES.max_hashtags}
    for claim in claimed(hashtags, accepted, proposals=proposals).values():
        assert claim.support == sum(claim.tag in tags and (p, claim.class_id) in accepted for p, tags in honest.items())


@pytest.mark.parametrize(
    "changed",
    [{"min_support": 0}, {"max_chance": 0.0}, {"min_specificity": 1.5}, {"min_seen": 0}, {"similar_tags": -1},
     {"min_cosine": 2.0}, {"min_margin": -0.1}],
)  # fmt: skip
def test_impossible_rules(changed):
    with pytest.raises(ValueError, match=r"starts? at 1|shares"):
        LearnRules(**changed)

import pytest

from h2a_curation.acquire.learn import LearnRules, learn_tags

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


def claimed(posts, accepted, rules=RULES, known=(), excluded=None):
    known = {*known, *((c, c) for _, c in accepted)}
    found = learn_tags(posts, accepted, known=known, excluded=excluded or {}, round=3, rules=rules)
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


@pytest.mark.parametrize("changed", [{"min_support": 0}, {"max_chance": 0.0}, {"min_specificity": 1.5}])
def test_impossible_rules(changed):
    with pytest.raises(ValueError, match=r"start at 1|shares"):
        LearnRules(**changed)

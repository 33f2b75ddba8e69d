import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.mining.propose_tags import LearnRules
from h2a_curation.mining.similar_tags import meant

RULES = LearnRules(min_cosine=0.5, min_margin=0.1)
COMMON = np.array([1.0, 0, 0, 0, 0]) * 3
CLASSES = np.eye(5)[1:4] + COMMON
NEGATIVE = np.eye(5)[4:] + COMMON
IDS = ("squat", "surf", "row")


def unit(vectors) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def proposed(rules=RULES, **texts) -> list[tuple[str, str, int]]:
    vectors = unit(np.array(list(texts.values()), float) + COMMON)
    return meant(list(texts), vectors, IDS, unit(np.vstack([CLASSES, NEGATIVE])), rules)


def test_a_tag_goes_to_the_class_that_it_is_nearest_to_the_clearest_first():
    tags = proposed(close=[0, 0.5, 1, 0, 0], clear=[0, 1, 0, 0, 0])
    assert tags == [("clear", "squat", 0), ("close", "surf", 1)]


@pytest.mark.parametrize(
    "text",
    [[0, 0.7, 0.7, 0, 0], [0, 0.3, 0.3, 0.3, 0], [0, 0.1, 0, 0, 1], [0, 0.5, 0, 0, 0.45]],
    ids=["two classes", "what all have in common", "a negative", "a class and a negative"],
)
def test_what_is_near_to_two_or_to_no_class_is_not_proposed(text):
    assert proposed(tag=text) == []


def test_thresholds_are_the_rules():
    text = [0, 0.1, 0.8, 0.3, 0]
    assert proposed(tag=text) != []
    assert proposed(LearnRules(min_cosine=0.99, min_margin=0.1), tag=text) == []
    assert proposed(LearnRules(min_cosine=0.5, min_margin=1.5), tag=text) == []


def test_nothing_to_look_at_proposes_nothing():
    assert meant([], np.zeros((0, 5)), IDS, unit(CLASSES), RULES) == []


def test_one_class_alone_has_nothing_that_sets_it_apart():
    assert meant(["tag"], unit(CLASSES[:1]), IDS[:1], unit(np.vstack([CLASSES[:1], NEGATIVE])), RULES) == []


@given(st.permutations(range(4)))
def test_the_order_of_tags_does_not_matter(order):
    texts = {"a": [0, 1, 0, 0, 0], "b": [0, 1, 0, 0, 0], "c": [0, 0, 1, 0.2, 0], "d": [0, 0, 0, 1, 0.3]}
    turned = {name: texts[name] for name in (list(texts)[i] for i in order)}
    assert proposed(**turned) == proposed(**texts)

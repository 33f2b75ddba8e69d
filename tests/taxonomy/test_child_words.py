"""Which English phrases name a child."""

import pytest

from h2a_curation.taxonomy.child_words import word_for_a_child


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a child in the tub", "child"),
        ("two Children at a table", "Children"),
        ("a kid's first ride", "kid"),
        ("the girls' team in blue", "girls"),
        ("a small boy, a big ball", "boy"),
        ("a baby-faced man", "baby"),
        ("twin babies in a pram", "babies"),
        ("a sleeping newborn", "newborn"),
        ("pupils in a row", "pupils"),
        ("a teenage dancer", "teenage"),
        ("teens on a beach", "teens"),
        ("a schoolgirl with a violin", "schoolgirl"),
        ("a high-school wrestling match", "high-school"),
        ("a father and son", "son"),
        ("an old man and his granddaughter", "granddaughter"),
        ("a little one in a swing", "little one"),
        ("minors at a bar", "minors"),
        ("a juvenile with a skateboard", "juvenile"),
        ("a goat kid beside a boy", "boy"),
        ("a minor chord played by a toddler", "toddler"),
    ],
)
def test_a_child_is_named(text, word):
    assert word_for_a_child(text) == word


@pytest.mark.parametrize(
    "text",
    [
        "a woman hugs her boyfriend",
        "two cowboys and a cowgirl on horses",
        "a kidney on a plate",
        "a hand in kid gloves",
        "a goat kid jumps",
        "a bunch of baby\u2019s breath in a vase",
        "roasting baby carrots",
        "a pianist at a baby grand",
        "a guitarist plays a minor chord",
        "a sonata in A minor",
        "dilated pupils in close view",
        "a person in a studio",
        "a school of fish around a diver",
        "a young woman smiles",
        "gladly dancing on glass",
        "a bride's parents",
        "a ballet teacher and her student",
    ],
)
def test_other_things_pass(text):
    assert word_for_a_child(text) is None

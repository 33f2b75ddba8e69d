"""Tags proposed by words and by meaning, from the posts of a lake; the sample world's text tower reads them."""

import dataclasses

import pytest

import schemas
from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts
from h2a_curation.pipeline import prompts
from h2a_curation.pipeline.part import Part, do_part, models_of
from h2a_curation.pipeline.rounds import tags
from h2a_curation.pipeline.rounds.findings import Findings
from tests import factories

TAGS = {"guitarplayer": 3, "guitarstrings": 4, "jumpingrope": 1, "ギター": 3, "สวัสดี": 3, "zzzzzz": 3}


@pytest.fixture
def lake(tmp_path):
    """A lake of posts in which tags are in use that no class names."""
    posts = [factories.post(f"s:{tag}{i}", hashtags=[tag]) for tag, num in TAGS.items() for i in range(num)]
    tables = {
        "request": schemas.to_arrow(schemas.Request, [factories.request(num_posts=len(posts))]),
        "post": schemas.to_arrow(schemas.Post, posts),
        "hit": schemas.to_arrow(schemas.Hit, [factories.hit(p.post_id, rank=n) for n, p in enumerate(posts)]),
    }
    made = lakes.create(tmp_path / "lake", hides_people=False)
    parts.commit(made.path, "mine", "first", tables)
    return made


@pytest.fixture
def recipe():
    loaded = recipes.load("sample-mini")
    return dataclasses.replace(loaded, learn=dataclasses.replace(loaded.learn, similar_tags=50, min_margin=0.05))


def learnt(lake, recipe, round_no=1):
    """Claims, and the texts that had to be embedded for them."""
    facts = connect(lake.path, models=models_of(recipe))
    in_use = tags.in_use(facts, Findings(), recipe, round_no)
    texts = prompts.missing(facts, recipe, tags.wanted_texts(recipe, in_use))
    if texts:
        do_part(lake.path, recipe, Part("prompt", tuple(texts)))
    claims = tags.learn(facts, in_use, recipe, round_no) if in_use else []
    return {c.tag: (c.class_id, c.reason, c.support, c.lift) for c in claims}, texts


def test_forms_in_use_and_tags_that_mean_a_class_are_claimed(lake, recipe):
    claims, texts = learnt(lake, recipe)
    assert claims["guitarplayer"] == ("guitar-playing", "words", 0, 0.0)
    assert claims["guitarstrings"] == ("guitar-playing", "similar", 0, 0.0)
    assert not {"jumpingrope", "ギター", "สวัสดี", "zzzzzz"} & set(claims)
    assert "a video of zzzzzz" not in texts, "letters that no known words make up"


def test_a_tag_is_read_once(lake, recipe):
    claims, texts = learnt(lake, recipe)
    assert texts
    assert learnt(lake, recipe) == (claims, [])


def test_a_text_that_nobody_embedded_is_an_error_and_no_guess(lake, recipe):
    facts = connect(lake.path, models=models_of(recipe))
    with pytest.raises(LookupError, match="have no vector, such as 'a video of"):
        tags.learn(facts, tags.in_use(facts, Findings(), recipe, 1), recipe, 1)


def test_the_rules_turn_each_off(lake, recipe):
    without = dataclasses.replace(recipe.learn, by_words=False, similar_tags=0)
    assert learnt(lake, dataclasses.replace(recipe, learn=without)) == ({}, [])


def test_the_first_round_has_seen_nothing_and_asks_no_model(lake, recipe):
    assert learnt(lake, recipe, round_no=0) == ({}, [])


def test_the_sample_recipes_do_without_meaning_and_real_ones_do_not():
    given = {name: recipes.load(name).learn.similar_tags for name in recipes.names()}
    assert given["sample"] == given["sample-mini"] == 0
    assert given["youtube-hashtags"] > 0
    assert given["tiktok-research"] > 0

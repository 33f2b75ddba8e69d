import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.mining.word_forms import forms
from h2a_curation.taxonomy.hashtags import normalise
from h2a_curation.taxonomy.load import load_classes


def made(*names: str) -> list[str]:
    return [tag for tag, _, _ in forms({"x": names})]


@pytest.mark.parametrize(
    ("name", "among"),
    [
        ("guitar playing", "guitarplaying playingguitar playguitar guitarplayer guitarplayers"),
        ("jump rope", "jumprope ropejump jumpingrope ropejumping ropejumper ropejumpers jumpropes"),
        ("horse-riding", "horseriding ridinghorse horseride ridehorse horserider horseriders"),
        ("Catching a ball", "catchingaball catchingball ballcatching catchball ballcatcher"),
        ("push-ups", "pushups pushup"),
        ("squat", "squats squatting squatter squatters"),
        ("canoe", "canoes canoeing"),
        ("cycling", "cycler cyclers"),
        ("swimming", "swimmer swimmers"),
        ("pulling", "puller pullers"),
        ("skiing", "skier skiers"),
        ("handstand", "handstands handstanding"),
        ("snowman", "snowmen"),
        ("fly fishing", "flyfish fishingfly flyfisher"),
        ("tie tying", "tietying tyingtie tietie"),
    ],
)
def test_forms_of_a_name(name, among):
    assert set(among.split()) <= set(made(name))


@pytest.mark.parametrize("name", ["bowling", "boxing", "fencing"])
def test_the_bare_verb_of_a_sport_is_a_thing(name):
    assert not {"bowl", "bowls", "box", "boxes", "fence"} & set(made(name))


def test_the_plainest_come_first_and_each_once():
    tags = made("jump rope", "jump rope", "jumprope")
    assert tags[:2] == ["jumprope", "ropejump"]
    assert len(tags) == len(set(tags))


def test_a_form_that_two_classes_share_tells_neither():
    found = {(tag, c) for tag, c, _ in forms({"a": ["jump rope"], "b": ["rope jump"], "c": ["squat"]})}
    assert ("squatting", "c") in found
    assert not {c for tag, c in found if tag in ("jumprope", "ropejump", "ropejumping")}


@given(st.text(max_size=30))
def test_any_name_has_forms_that_are_tags_or_none(name):
    for tag in made(name):
        assert tag == normalise(tag) != ""


@pytest.mark.parametrize("name", ["クライミング", "дрифт", "ร้องเพลง", "🏄", "piñata", "50m run", "", "-", "a"])
def test_other_scripts_and_signs_have_none(name):
    assert made(name) == []


def test_the_classes_that_ship_have_some_forms_each_and_not_too_many():
    found = forms({c.id: (c.id, c.name, *c.seed_hashtags) for c in load_classes()})
    assert len({c for _, c, _ in found}) == len(load_classes())
    assert len(found) < 40 * len(load_classes())

import dataclasses

import pytest

from h2a_curation import recipes
from h2a_curation.decide.rules import fingerprint
from h2a_curation.decide.screen import PostRules


def write(folder, text):
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", recipes.names())
def test_every_recipe_that_ships_loads(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.about
    assert recipe.action_classes


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("seeed: 3\n", 1, "unknown key 'seeed'; did you mean 'seed'"),
        ("mine:\n  rounds: 3\n", 2, "unknown key 'rounds'; did you mean 'num_rounds'"),
        ("decide:\n  post:\n    min_duration_s: 9\n    max_duration_s: 3\n", 2, "empty duration range"),
        ("source:\n  kind: tiktok\n", 2, "unknown source kind 'tiktok'; the nearest known is 'tiktok_research'"),
        (
            "decide:\n  clip:\n    extra:\n    - {reason: x, value: fps, failz: '<', threshold: 3}\n",
            4,
            "did you mean 'fails'",
        ),
        ("decide:\n  post:\n    max_hashtags: on\n", 3, "a limit is a number, or `off`"),
        ("decide:\n  post: {max_age_days: never}\n", 2, "decide.post.max_age_days: .*valid number"),
        (
            "decide:\n  clip:\n    extra:\n    - {reason: x, fails: '<', threshold: 3,\n"
            "       value: \"signals['motoin']\"}\n",
            5,
            "'x' asks for the signal 'motoin', which is not measured; the nearest known is 'motion', of motion, black",
        ),
        (
            "decide:\n  validate:\n    extra:\n"
            "    - {reason: x, value: 'map_extract(signals, ''faces'')', fails: '<', threshold: 3}\n",
            4,
            "the nearest known is 'face'",
        ),
        ("only_classes: [flying]\n", None, "only_classes names 'flying'"),
        ("lanes: 0\n", 1, "start at 1"),
        ("seed: 3\nsalt: sample-world\n", 2, "who has the recipe could undo the pseudonyms; .* leave it out"),
        (
            "leave_out_risks: [minor]\n",
            1,
            "leave_out_risks.0: .*'minors', 'danger', 'medical', 'weapon' or 'religious'",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(tmp_path, text, line, says):
    file = write(tmp_path, text)
    with pytest.raises(ValueError, match=says) as error:
        recipes.load(str(file))
    assert str(error.value).startswith(f"{file}:{line}: " if line else f"{file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("off", ["off", "'off'", "null", "~"])
def test_off_is_written_in_one_way_for_every_limit_and_mode(tmp_path, off):
    text = f"""decide:
  post: {{min_duration_s: {off}, min_num_views: {off}, max_age_days: {off}}}
  clip:
    max_black: {off}
    extra: [{{reason: dim, value: "signals['black']", fails: '>', threshold: {off}}}]
"""
    decide = recipes.load(str(write(tmp_path, text))).decide
    assert {rule.reason for rule in decide.post.named() if rule.threshold is None} == {
        "too_short", "too_old", "too_few_views"
    }  # fmt: skip
    assert {rule.reason for rule in decide.clip.named() if rule.threshold is None} == {"black", "dim"}


@pytest.mark.parametrize("off", ["off", "'off'"])
def test_a_mode_may_be_off_without_quotes(tmp_path, off):
    decide = recipes.load(
        str(write(tmp_path, f"decide: {{clip: {{person: {off}}}, validate: {{mode: {off}}}}}\n"))
    ).decide
    assert (decide.clip.person, decide.validate.mode) == ("off", "off")


def test_a_recipe_of_before_there_was_off_means_what_it_meant(tmp_path):
    decide = recipes.load(str(write(tmp_path, "decide: {post: {min_num_views: 0, min_short_side_px: 0}}\n"))).decide
    assert fingerprint(decide.post) == fingerprint(PostRules(min_num_views=None, min_short_side_px=None))
    limits = {rule.reason: rule.threshold for rule in decide.post.named()}
    assert (limits["too_few_views"], limits["too_small"]) == (0, 0)


def test_a_rule_that_is_off_may_be_named_as_a_reason(tmp_path):
    recipe = recipes.load(str(write(tmp_path, "audit: {leave_alone: [too_few_views, too_old]}\n")))
    assert recipe.audit.leave_alone == ("too_few_views", "too_old")


def test_an_unknown_name_lists_those_that_ship():
    with pytest.raises(ValueError, match="sample-mini"):
        recipes.load("smaple")


def test_a_local_model_is_looked_for_beside_the_recipe(tmp_path):
    recipe = recipes.load(str(write(tmp_path, "embed: {model: 'local-dir:model', pretrained: null}\n")))
    assert recipe.embed.model == f"local-dir:{tmp_path / 'model'}"


@pytest.mark.parametrize(("rounds", "by_round"), [(1, [100]), (2, [60, 100]), (3, [60, 80, 100])])
def test_files_are_handed_out_early_and_never_above_the_budget(rounds, by_round):
    recipe = recipes.load("sample")
    mine = dataclasses.replace(recipe.mine, num_rounds=rounds)
    recipe = dataclasses.replace(recipe, mine=mine, max_files=100, first_files_share=0.6)
    assert [recipe.files_by(r) for r in range(rounds)] == by_round


@pytest.mark.parametrize("name", ["...yaml", "..yml", ".hidden.yaml", "a\nb.yaml"])
def test_a_recipes_file_gives_a_name_that_leads_nowhere_else(tmp_path, name):
    (tmp_path / name).write_text("seed: 1\n")
    with pytest.raises(ValueError, match="names no recipe: rename the file"):
        recipes.load(str(tmp_path / name))


def test_the_recipes_of_real_posts_leave_out_those_that_speak_of_children():
    on = [recipe for recipe in map(recipes.load, recipes.names()) if recipe.decide.post.minor]
    assert [recipe.name for recipe in on] == [
        "folder",
        "mastodon",
        "peertube",
        "table",
        "tiktok-research",
        "youtube-hashtags",
    ]
    for recipe in on:
        assert recipe.decide.post.named()[0].reason == "minor"
        assert "minor" in recipe.audit.leave_alone


def test_classes_with_a_risk_can_be_left_out(tmp_path):
    every = recipes.load("table")
    risky = [c.id for c in every.action_classes if "minors" in c.risks]
    without = recipes.load(str(write(tmp_path, "leave_out_risks: [minors]\n")))
    assert list(without.left_out) == risky
    assert [c.id for c in without.action_classes] == [c.id for c in every.action_classes if c.id not in risky]
    assert recipes.load("table", leave_out_risks=["minors"]).left_out == without.left_out
    both = recipes.load(str(write(tmp_path, "leave_out_risks: [minors]\n")), leave_out_risks=["weapon", "minors"])
    assert both.leave_out_risks == ("minors", "weapon")
    assert not [c.id for c in both.action_classes if {"minors", "weapon"} & {*c.risks}]


def test_a_negative_that_only_a_left_out_class_shows_is_one_again(tmp_path):
    text = "only_classes: [talking, walking]\n"
    classes = "classes:\n- {id: walking, risks: [minors]}\n- {id: talking}\n"
    (tmp_path / "own.yaml").write_text(classes)
    file = write(tmp_path, text + "classes: own.yaml\n")
    assert "walking" not in {n.id for n in recipes.load(str(file)).negatives}
    assert "walking" in {n.id for n in recipes.load(str(file), leave_out_risks=["minors"]).negatives}


@pytest.mark.parametrize(
    ("risk", "says"),
    [
        ("minor", "no class can carry the risk 'minor'; there are minors, danger, medical, weapon, religious"),
        ("minors", "leave_out_risks leaves no class: all carry minors"),
    ],
)
def test_a_risk_that_is_none_or_that_all_carry_is_refused(tmp_path, risk, says):
    (tmp_path / "own.yaml").write_text("classes:\n- {id: hopscotch, risks: [minors]}\n")
    with pytest.raises(ValueError, match=says):
        recipes.load("table", classes=tmp_path / "own.yaml", leave_out_risks=[risk])


@pytest.mark.parametrize(
    ("source", "is_invented"),
    [
        ("world: mini, listing_url: 'h2a-sample:tag:{tag}', post_url: 'h2a-sample:post:{id}'", True),
        ("listing_url: 'h2a-sample:tag:{tag}', post_url: 'h2a-sample:post:{id}'", False),  # it may serve real clips
        ("world: mini, listing_url: 'ytsearch50:{tag}', post_url: 'h2a-sample:post:{id}'", False),
        ("world: mini, listing_url: 'h2a-sample:tag:{tag}', post_url: 'https://youtu.be/{id}'", False),
        ("world: mini, listing_url: 'h2a-sample:tag:{tag}'", False),
        ("kind: table, file: posts.csv, world: mini", False),
        ("world: mini, listing_url: 'h2a-sample:tag:{tag}', post_url: 'h2a-sample:post:{id}', fetch_with: {}", False),
    ],
)
def test_creators_are_invented_where_all_comes_from_the_sample_world(tmp_path, source, is_invented):
    assert recipes.load(str(write(tmp_path, f"source: {{{source}}}\n"))).source.is_invented == is_invented

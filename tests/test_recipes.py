import dataclasses

import pytest

from h2a_curation import recipes


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
        ("only_classes: [flying]\n", None, "only_classes names 'flying'"),
        ("lanes: 0\n", 1, "start at 1"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(tmp_path, text, line, says):
    file = write(tmp_path, text)
    with pytest.raises(ValueError, match=says) as error:
        recipes.load(str(file))
    assert str(error.value).startswith(f"{file}:{line}: " if line else f"{file}: ")
    assert "\n" not in str(error.value)


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

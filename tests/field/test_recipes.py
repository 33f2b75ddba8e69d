"""A recipe of one's own says what is different, and no command asks for what the lake knows."""

import dataclasses
import os
import shutil

import pytest
import yaml
from huggingface_hub import constants

from h2a_curation import recipes
from h2a_curation.acquire.permissions import Permissions
from h2a_curation.jobs import choice
from h2a_curation.jobs.choice import Choice
from h2a_curation.lake import lake as lakes
from h2a_curation.models import clip
from tests.conftest import h2a
from tests.field.situations import situation
from tests.loopback import Answer, serving

KIND = "Recipes are short"


def write(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


@situation(KIND, given="a recipe that extends one that ships", wanted="what it says is other, all else is the same")
def test_a_recipe_says_what_is_different(tmp_path):
    mine = write(
        tmp_path,
        "mine.yaml",
        "extends: youtube-hashtags\ndecide:\n  post:\n    max_duration_s: 31\nmine: {pages_per_round: 7}\n",
    )
    got, base = recipes.load(mine), recipes.load("youtube-hashtags")
    assert got.decide.post.max_duration_s == 31
    assert got.decide.post.min_duration_s == base.decide.post.min_duration_s
    assert (got.source, got.embed, got.mine.num_rounds) == (base.source, base.embed, base.mine.num_rounds)
    assert got.name == "mine"
    assert base.text.splitlines()[0] in got.text


@situation(
    KIND, given="recipes that extend each other over three folders", wanted="each one's paths are beside its own file"
)
def test_paths_are_beside_the_file_that_names_them(tmp_path):
    write(tmp_path / "a", "own.yaml", "classes: [{id: dance, prompts: [a person dances]}]\n")
    write(
        tmp_path / "a",
        "base.yaml",
        "classes: own.yaml\nsource: {kind: table, name: t, file: posts.csv, opt_out: out.txt}\n"
        "embed: {model: 'local-dir:model', pretrained: null}\n",
    )
    write(tmp_path / "b", "middle.yaml", "extends: ../a/base.yaml\nsource: {file: other.csv}\n")
    got = recipes.load(write(tmp_path / "c", "mine.yaml", "extends: ../b/middle.yaml\n"))
    assert got.source.file.resolve() == tmp_path / "b" / "other.csv"
    assert got.source.opt_out.resolve() == tmp_path / "a" / "out.txt"
    assert got.embed.model == f"local-dir:{tmp_path / 'a' / 'model'}"
    assert [c.id for c in got.action_classes] == ["dance"]


@situation(
    KIND, given="a recipe on another kind of source than the one it extends", wanted="nothing of that one's source"
)
def test_another_kind_of_source_takes_nothing(tmp_path):
    mine = write(tmp_path, "mine.yaml", "extends: youtube-hashtags\nsource: {kind: table, name: t, file: posts.csv}\n")
    source = recipes.load(mine).source
    assert (source.kind, source.listing_url) == ("table", "")
    assert recipes.load("youtube-hashtags").source.listing_url


@situation(
    KIND, given="a mistake in a recipe, in the one it extends, or in both together", wanted="file and line of it"
)
@pytest.mark.parametrize(
    ("base", "mine", "says"),
    [
        ("lanes: 0\n", "about: x\nextends: base.yaml\n", "start at 1"),
        ("seed: 1\nlans: 2\n", "extends: base.yaml\n", r"base\.yaml:2: unknown key 'lans'"),
        ("seed: 1\n", "extends: base.yaml\ndecide:\n  post:\n    max_durations: 3\n", r"mine\.yaml:4: unknown key"),
        ("decide: {post: {min_duration_s: 9}}", "extends: base.yaml\ndecide: {post: {max_duration_s: 3}}", "empty"),
        ("seed: 1\n", "about: x\nextends: bass.yaml\n", r"bass\.yaml: there is no such file"),
        ("seed: 1\n", "about: x\nextends: youtub\n", r"mine\.yaml:2: no recipe 'youtub'"),
        ("extends: mine.yaml\n", "extends: base.yaml\n", "comes back to"),
        ("- a\n", "extends: base.yaml\n", r"base\.yaml: a recipe is a mapping"),
        ("seed: 1\n", "extends: [base.yaml]\n", r"mine\.yaml:1: extends"),
    ],
)  # fmt: skip
def test_a_mistake_is_where_it_was_made(tmp_path, base, mine, says):
    write(tmp_path, "base.yaml", base)
    with pytest.raises(ValueError, match=says) as refused:
        recipes.load(write(tmp_path, "mine.yaml", mine))
    assert "\n" not in str(refused.value)


@situation(
    KIND, given="`--set` with numbers, words, `off`, lists and keys of mappings", wanted="as if the recipe said it"
)
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("decide.validate.min_probability=0.7", lambda r: r.decide.validate.min_probability == 0.7),
        ("decide.post.max_duration_s=off", lambda r: r.decide.post.max_duration_s is None),
        ("only_classes=[deadlift, archery]", lambda r: [c.id for c in r.action_classes] == ["deadlift", "archery"]),
        ("adapt=false", lambda r: not r.adapt),
        ("source.columns.url=link", lambda r: r.source.columns == {"url": "link"}),
        ("about=a=b", lambda r: r.about == "a=b"),
    ],
)
def test_a_setting_goes_before_the_recipe(setting, value):
    recipe = recipes.load("table", settings=[setting])
    assert value(recipe)
    assert f"--set: {setting}" in recipe.text


@situation(
    KIND, given="`--set` of a key that is none, a wrong value, no value", wanted="one line that names the option"
)
@pytest.mark.parametrize(
    ("setting", "says"),
    [
        (
            "decide.validate.min_probabilty=0.7",
            "--set .*: unknown key 'min_probabilty'; did you mean 'min_probability'",
        ),
        ("lanes=many", "--set lanes=many: lanes: "),
        ("lanes", "write KEY=VALUE"),
        ("=3", "write KEY=VALUE"),
        ("decide..post=3", "write KEY=VALUE"),
        ("about=[a", "not valid YAML"),
    ],
)
def test_a_wrong_setting_is_one_line(setting, says):
    with pytest.raises(ValueError, match=says) as refused:
        recipes.load("table", settings=[setting])
    assert "\n" not in str(refused.value)


@situation(
    KIND, given="`decide` on a lake that was built, with nothing named", wanted="its own recipe, and what is set beside"
)
def test_a_lake_of_ones_own_knows_its_recipe(mini, tmp_path, h2a_here):
    shutil.copytree(mini / "lake", tmp_path / "lake", copy_function=os.link)
    here = h2a_here("decide", "--lake", tmp_path / "lake")
    assert here.code == 0, here.err
    assert "as the lake's last build: --recipe sample-mini" in here.out
    assert "0 come" in here.out or "nothing changes" in here.out, here.out
    stricter = h2a_here("decide", "--lake", tmp_path / "lake", "--set", "decide.validate.min_probability=0.999999")
    assert "--set decide.validate.min_probability=0.999999" in stricter.out
    assert stricter.out != here.out


@situation(KIND, given="lake, recipe, table and classes in one folder that moves", wanted="the lake finds all of them")
def test_a_choice_moves_with_its_lake(tmp_path, monkeypatch):
    (tmp_path / "here" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    lake = lakes.create(tmp_path / "here" / "data" / "lake")
    said = Choice.said(recipe="mine.yaml", table="posts.csv", classes="/elsewhere/own.yaml", settings=["lanes=2"])
    choice.remember(lake, said)
    assert str(tmp_path) not in (lake.path / "recipe.json").read_text().replace("/elsewhere", "")
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path)
    taken = choice.of_lake(lakes.open_lake(tmp_path / "there" / "data" / "lake"), Choice.said(settings=["seed=3"]))
    assert (taken.recipe, str(taken.table)) == ("there/mine.yaml", "there/posts.csv")
    assert taken.settings == ("lanes=2", "seed=3")
    other = Choice.said(recipe="table")
    assert choice.of_lake(lake=lakes.open_lake(tmp_path / "there" / "data" / "lake"), said=other) == other


@situation(
    KIND,
    given="a lake from elsewhere, whose choice names a table, settings, weights or a recipe's file",
    wanted="one line says what it names and that nobody follows it; once the user names it, the lake knows it",
)
@pytest.mark.parametrize(
    "named",
    [
        {"table": "../../bank.csv"},
        {"recipe": "../evil.yaml"},
        {"recipe": "table", "columns": ["post_id=iban"]},
        {"recipe": "table", "settings": ["source.file=/etc/passwd"]},
        {"recipe": "sample-mini", "pretrained": "../weights.bin"},
        {"recipe": "sample-mini", "classes": "../classes.yaml"},
    ],
)
def test_a_received_lakes_choice_is_not_followed(tmp_path, named):
    theirs = lakes.create(tmp_path / "theirs")
    choice.remember(theirs, Choice.said(**named))
    assert choice.of_lake(theirs, Choice()) != Choice(), "where it was written it is followed"
    shutil.copytree(theirs.path, tmp_path / "mine")
    mine = lakes.open_lake(tmp_path / "mine")
    with pytest.raises(ValueError, match="was not written in this place") as refused:
        choice.of_lake(mine, Choice())
    assert next(iter(named.values()))[-8:] in str(refused.value) or "iban" in str(refused.value)
    assert "\n" not in str(refused.value)
    choice.remember(mine, choice.of_lake(mine, Choice.said(recipe="table", settings=["seed=3"])))
    assert choice.of_lake(mine, Choice()) == Choice.said(recipe="table", settings=["seed=3"])


@situation(
    KIND,
    given="a recipe from elsewhere whose table, or folder, is another of the user's, by a path or a link",
    wanted="one line before anything is read; named by the user it is taken",
)
@pytest.mark.parametrize("named", ["../bank.csv", "{}/bank.csv", "link.csv", "up/bank.csv", "../private"])
def test_a_received_recipes_table_lies_beside_it(tmp_path, h2a_here, named):
    (tmp_path / "bank.csv").write_text("id,iban\nhttps://example.org/1.mp4,DE1\n")
    (tmp_path / "private").mkdir()
    received = tmp_path / "received"
    received.mkdir()
    (received / "link.csv").symlink_to(tmp_path / "bank.csv")
    (received / "up").symlink_to(tmp_path)
    source = {"kind": "folder" if named == "../private" else "table", "file": named.format(tmp_path)}
    (received / "mine.yaml").write_text(yaml.safe_dump({"source": source}))
    said = h2a_here("build", "--recipe", received / "mine.yaml", "--lake", tmp_path / "lake")
    assert said.code == 2
    [line] = said.err.splitlines()
    assert "outside of the recipe's folder" in line
    assert "--files-from" in line
    assert not (tmp_path / "lake").exists()
    there = Permissions(files_from=tmp_path)
    of_recipe = Choice.said(recipe=str(received / "mine.yaml"))
    assert of_recipe.load(there).permissions == there
    by_setting = dataclasses.replace(of_recipe, settings=(f"source.file={tmp_path / 'bank.csv'}",))
    assert by_setting.load(Permissions()).source.file == tmp_path / "bank.csv"
    assert of_recipe.load().source.file is not None, "who fetches nothing reads no table"


@situation(KIND, given="a lake from elsewhere, made by a recipe that ships", wanted="the recipe that ships is taken")
def test_a_received_lake_of_a_recipe_that_ships_is_followed(tmp_path):
    theirs = lakes.create(tmp_path / "theirs")
    choice.remember(theirs, Choice.said(recipe="sample-mini", leave_out_risks=["minors"]))
    shutil.copytree(theirs.path, tmp_path / "mine")
    taken = choice.of_lake(lakes.open_lake(tmp_path / "mine"), Choice())
    assert taken == Choice.said(recipe="sample-mini", leave_out_risks=["minors"])


@situation(KIND, given="`build`, `decide` or `mine` with nothing named, where there is no lake yet", wanted="one line")
@pytest.mark.parametrize("command", ["build", "decide", "mine"])
def test_nothing_named_is_one_line(tmp_path, h2a_here, command):
    said = h2a_here(command, "--lake", tmp_path / "none")
    assert said.code == 2
    assert "--recipe" in said.err or "not a lake" in said.err
    assert not (tmp_path / "none").exists()


@situation(
    KIND,
    given="a model whose weights are not here, and a model hub that says 503",
    wanted="one line at the start that says how to get it; nothing is fetched, and the hub is asked once",
    thread="huggingface/huggingface_hub#1508",
)
def test_a_model_that_cannot_be_had_is_one_line(tmp_path):
    (tmp_path / "posts.csv").write_text("url,class\nhttps://example.org/a.mp4,deadlift\n")
    with serving() as hub:
        hub.answers["/"] = lambda _: Answer(status=503)
        env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}
        ran = h2a("build", tmp_path / "posts.csv", "--lake", tmp_path / "lake", **env)
    [line] = ran.err.splitlines()
    assert ran.code == 1, line
    assert "--pretrained FILE" in line
    assert not (tmp_path / "lake").exists()
    assert [path for _, path in hub.asked] == ["/"]


@situation(
    KIND,
    given="a model hub that nobody can reach",
    wanted="its library takes what is on this machine, and asks nobody",
    thread="huggingface/huggingface_hub#1099",
)
def test_a_hub_out_of_reach_is_asked_for_nothing_more(monkeypatch):
    for address, is_there in (("http://127.0.0.1:9", False), ("http://hub.invalid", False)):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        assert clip._is_hub_reachable.__wrapped__() is is_there
        assert constants.HF_HUB_OFFLINE is not is_there
    with serving() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        assert clip._is_hub_reachable.__wrapped__()  # it says 404 there, as one in its place that has a path may
        assert not constants.HF_HUB_OFFLINE

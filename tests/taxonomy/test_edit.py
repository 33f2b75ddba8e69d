"""`h2a classes new` and `rename`, and the ledger that remembers which class a label has stood for."""

import shutil

import pytest
import yaml

from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.taxonomy.ledger import ledger_faults, ledger_path, read_ledger
from h2a_curation.taxonomy.load import class_named, load_classes, load_history, read_files

CLASSES = data_folder() / "classes"
FULL = (
    "--definition", "Someone plays a kazoo.", "--tags", "#kazoo,kazooplaying,Kazoo_Solo=specify",
    "--excluded", "kazooie=a game", "--siblings", "whistling",
    *(word for n in ("one", "two", "six", "ten", "last") for word in ("--prompts", f"a kazoo at the lips, view {n}")),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A copy of `data/`, to change."""
    shutil.copytree(data_folder(), tmp_path / "data")
    return tmp_path / "data" / "classes"


@pytest.fixture
def ok(h2a_here):
    def run(*arguments):
        ran = h2a_here("classes", *arguments)
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.out

    return run


@pytest.fixture
def refused(h2a_here):
    def run(*arguments):
        ran = h2a_here("classes", *arguments)
        assert ran.code == 2, ran
        return ran.err

    return run


def texts(folder):
    return {file: file.read_text() for file in sorted(folder.parent.rglob("*.*")) if file.suffix in (".yaml", ".csv")}


def changed_lines(before, after):
    """(lines that went, lines that came) over all files."""
    gone, come = [], []
    for file in before.keys() | after.keys():
        old, new = (text.get(file, "").splitlines() for text in (before, after))
        gone += [line for line in old if line not in new]
        come += [line for line in new if line not in old]
    return gone, come


def mine(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return file


# rename


@pytest.mark.parametrize("old", ["guitar-playing", "walking", "deadlift"])
def test_a_renamed_class_keeps_all_that_it_has_and_lint_stays_clean(ok, folder, old):
    before = class_named(old, load_classes(folder))
    ok("rename", old, "a-new-name", "--classes", folder)
    assert ok("lint", "--classes", folder) == "386 classes, no faults\n"
    after = class_named("a-new-name", load_classes(folder))
    assert (after.label, after.former_ids) == (before.label, (old,))
    assert (after.name, after.prompts, after.seed_hashtags) == (before.name, before.prompts, before.seed_hashtags)
    siblings = {c.id: c.siblings for c in load_classes(folder)}
    assert all("a-new-name" in siblings[other] for other in before.siblings)
    assert not any(old in others for others in siblings.values())
    assert [(c.kind, c.classes, c.into) for c in load_history(folder)] == [
        ("renamed", {old: before.label}, ("a-new-name",))
    ]


def test_a_rename_changes_the_lines_that_name_the_class_and_no_other(ok, folder):
    file = folder / "music.yaml"
    file.write_text(
        file.read_text().replace("    name: Guitar playing\n", "    name: Guitar playing  # strummed or plucked\n")
    )
    before = texts(folder)
    said = ok("rename", "guitar-playing", "guitar-strumming", "--classes", folder, "--why", "what is seen: strumming")
    gone, come = changed_lines(before, texts(folder))
    assert all("guitar-playing" in line for line in gone)
    expected = [line.replace("guitar-playing", "guitar-strumming") for line in gone]
    added = [line for line in come if line not in expected]
    assert sorted(line.split(":")[0] for line in added) == ["  - {date", "10,guitar-strumming", "history"]
    assert "name: Guitar playing  # strummed or plucked" in file.read_text()
    assert {line.split("/")[-1] for line in said.splitlines() if line.startswith("changed ")} == {
        "music.yaml", "labels.csv", "sample.yaml", "sample-mini.yaml",
    }  # fmt: skip
    for recipe in ("sample", "sample-mini"):
        content = yaml.safe_load((folder.parent / "recipes" / f"{recipe}.yaml").read_text())
        assert "guitar-strumming" in content["only_classes"]


def test_negatives_follow_a_rename(ok, folder):
    ok("rename", "walking", "strolling", "--classes", folder)
    negatives = yaml.safe_load((folder.parent / "negatives.yaml").read_text())["negatives"]
    assert {n["id"]: n.get("shown_by") for n in negatives}["walking"] == ["strolling"]


def test_a_class_may_be_renamed_again_on_the_same_day(ok, folder):
    for old, new in (("guitar-playing", "zither"), ("zither", "axe-playing"), ("axe-playing", "lute")):
        ok("rename", old, new, "--classes", folder)
    assert class_named("lute", load_classes(folder)).former_ids == ("axe-playing", "guitar-playing", "zither")
    assert "no faults" in ok("lint", "--classes", folder)
    assert [row for row in read_ledger(ledger_path(folder)) if row[0] == 10] == [
        (10, "guitar-playing"), (10, "zither"), (10, "axe-playing"), (10, "lute"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("guitar-playing", "drumming", "class 'drumming' is there already"),
        ("guitar-playing", "Guitar Playing", "not kebab case"),
        ("guitar-playing", "guitar-playing", "is there already"),
        ("gitar-playing", "x", "did you mean 'guitar-playing'?"),
    ],
)
def test_a_rename_that_cannot_be_changes_nothing(refused, folder, old, new, says):
    before = texts(folder)
    assert says in refused("rename", old, new, "--classes", folder)
    assert texts(folder) == before


def test_an_id_that_ended_is_not_given_again(ok, refused, folder):
    ok("rename", "guitar-playing", "lute", "--classes", folder)
    assert "has ended" in refused("rename", "drumming", "guitar-playing", "--classes", folder)
    assert "has ended" in refused("new", "guitar-playing", "--group", "music", "--classes", folder)


def test_what_was_made_of_the_id_stays_as_it_was(ok, tmp_path):
    file = mine(tmp_path, "# mine\nclasses: [{id: surf-ride, label: 0}, {id: knitting, label: 7}]\n")
    before = class_named("surf-ride", load_classes(file))
    ok("rename", "surf-ride", "wave-riding", "--classes", file)
    after = class_named("wave-riding", load_classes(file))
    for field in ("name", "definition", "prompts", "seed_hashtags", "label"):
        assert getattr(after, field) == getattr(before, field)
    assert file.read_text().startswith("# mine\nclasses: [{id: wave-riding, label: 0, name: Surf ride, seed_hashtags:")


def test_classes_without_a_label_are_not_numbered_anew(refused, tmp_path):
    file = mine(tmp_path, "classes:\n- id: surf\n- id: knit\n")
    for command in (("rename", "surf", "wave"), ("new", "row", "--group", "")):
        assert f"{file}:2: class 'surf' has no label of its own" in refused(*command, "--classes", file)
    assert file.read_text() == "classes:\n- id: surf\n- id: knit\n"


# new


def test_a_new_class_can_be_clean_at_once(ok, folder):
    before = texts(folder)
    said = ok("new", "kazoo-playing", "--group", "music", "--classes", folder, *FULL)
    assert said.splitlines()[0].endswith("kazoo-playing, label 386")
    assert "still to do" not in said
    assert ok("lint", "--classes", folder) == "387 classes, no faults\n"
    made = class_named("kazoo-playing", load_classes(folder))
    assert (made.label, made.group, made.siblings) == (386, "music", ("whistling",))
    assert made.seed_hashtags == {"kazoo": "noun", "kazooplaying": "noun-verb", "kazoosolo": "specify"}
    gone, _ = changed_lines(before, texts(folder))
    assert len(gone) == 1  # the siblings of whistling
    assert read_ledger(ledger_path(folder))[-1] == (386, "kazoo-playing")


def test_a_new_class_says_what_is_missing(ok, folder):
    said = ok("new", "kazoo-playing", "--group", "music", "--tags", "kazoo", "--classes", folder)
    for what in ("definition is empty", "1 seed_hashtags: 3 to 8", "0 prompts: 5 to 12", "0 siblings: 1 to 5"):
        assert f"still to do, kazoo-playing: {what}" in said


def test_a_group_without_a_file_gets_one(ok, folder):
    ok("new", "juggling-clubs", "--group", "circus", "--classes", folder)
    assert class_named("juggling-clubs", load_classes(folder)).group == "circus"
    assert (folder / "circus.yaml").read_text().startswith("group: circus\nclasses:\n  - id: juggling-clubs\n")


def test_a_users_own_class_file(ok, refused, tmp_path):
    file = tmp_path / "own" / "mine.yaml"
    ok("new", "surfing", "--group", "mine", "--classes", file)
    ok("new", "no", "--group", "mine", "--classes", file, "--siblings", "surfing")
    assert [(c.id, c.label, c.siblings) for c in load_classes(file)] == [
        ("surfing", 0, ("no",)),
        ("no", 1, ("surfing",)),
    ]
    assert "of group 'mine', not 'other'" in refused("new", "x", "--group", "other", "--classes", file)
    assert "no class 'nope'" in refused("new", "x", "--group", "mine", "--siblings", "nope", "--classes", file)
    assert "write TAG=WHY" in refused("new", "x", "--group", "mine", "--excluded", "tag", "--classes", file)
    assert [p.name for p in file.parent.iterdir()] == ["mine.yaml"]  # a ledger is begun by whoever wants one


def test_the_label_of_an_ended_class_is_not_given_again(ok, tmp_path):
    file = mine(
        tmp_path,
        "group: g\nclasses: [{id: one, label: 0}]\n"
        "history: [{date: 2026-01-01, kind: retired, classes: {old: 7}, why: gone}]\n",
    )
    ok("new", "two", "--group", "g", "--classes", file)
    assert class_named("two", load_classes(file)).label == 8


# the ledger


def test_the_shipped_ledger_is_whole():
    rows = read_ledger(ledger_path(CLASSES))
    assert {(c.label, c.id) for c in load_classes()} <= set(rows)
    assert ledger_faults(read_files(CLASSES), rows) == []


def by_hand(folder, old, new):
    """The class under another id in every file, as an editor's search and replace does it."""
    for file in folder.glob("*.yaml"):
        file.write_text(file.read_text().replace(old, new))


def test_a_rename_by_hand_is_caught_and_a_line_of_history_mends_it(h2a_here, ok, folder):
    by_hand(folder, "guitar-playing", "guitar-strumming")
    ran = h2a_here("classes", "lint", "--classes", folder)
    assert ran.code == 1
    assert f"{folder}/music.yaml:20: guitar-strumming: label 10 was that of 'guitar-playing', and no history" in ran.out
    assert h2a_here("classes", "lint", "--record", "--classes", folder).code == 1
    line = "{date: 2026-11-30, kind: renamed, classes: {guitar-playing: 10}, into: [guitar-strumming], why: w}"
    with (folder / "music.yaml").open("a") as file:
        file.write(f"history:\n  - {line}\n")
    assert "no faults" in ok("lint", "--record", "--classes", folder)


def test_a_label_that_changes_or_goes_is_caught(h2a_here, folder):
    file = folder / "music.yaml"
    file.write_text(file.read_text().replace("label: 10\n", "label: 400\n"))
    ran = h2a_here("classes", "lint", "--classes", folder)
    assert ran.code == 1
    assert "guitar-playing: had label 10 and has 400 now: a label is never changed, so give it 10" in ran.out


def test_a_class_that_vanishes_without_history_is_caught(tmp_path):
    file = mine(tmp_path, "classes: [{id: a, label: 0}]")
    [fault] = ledger_faults(read_files(file), [(0, "a"), (1, "b")])
    assert (fault.class_id, fault.says.split(",")[0]) == ("b", "label 1 was that of 'b'")


def test_a_class_by_hand_is_recorded_when_lint_is_asked_to(h2a_here, ok, folder):
    with (folder / "music.yaml").open("a") as file:
        file.write("  - {id: kazoo, label: 386}\n")
    assert (
        "label 386 is not in the ledger: run `h2a classes lint --record`"
        in h2a_here("classes", "lint", "--classes", folder).out
    )
    h2a_here("classes", "lint", "--record", "--classes", folder)
    assert read_ledger(ledger_path(folder))[-1] == (386, "kazoo")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,label\n", "labels.csv:1: the first line"),
        ("label,id\nx,a\n", "labels.csv:2: a line is"),
        ("", "labels.csv:1"),
    ],
)
def test_a_broken_ledger_is_one_line(refused, folder, text, says):
    ledger_path(folder).write_text(text)
    assert says in refused("lint", "--classes", folder)

"""Classes that were renamed, split, merged or retired: who goes on for them, and what may never be used again."""

from datetime import date
from itertools import count

import pytest

from h2a_curation.taxonomy.history import former_ids
from h2a_curation.taxonomy.load import answering_to_own_name, class_named, load_classes, load_history
from h2a_curation.taxonomy.model import Change

DAY = count(1)


def change(kind, classes, *into):
    return Change(date=date(2026, 1, next(DAY)), kind=kind, classes=classes, into=into, why="for the test")


def load(folder, classes, history):
    file = folder / "mine.yaml"
    file.write_text(f"group: g\nclasses: [{classes}]\nhistory:\n" + "".join(f"- {h}\n" for h in history))
    return load_classes(file)


def test_learnt_tags_follow_a_class_through_any_number_of_steps():
    changes = [
        change("renamed", {"a": 0}, "b"),
        change("split", {"b": 0}, "c", "d"),
        change("merged", {"d": 1, "e": 2}, "f"),
        change("retired", {"c": 3}),
    ]
    assert former_ids(changes) == {"b": ("a",), "c": ("a", "b"), "d": ("a", "b"), "f": ("a", "b", "d", "e")}


def test_a_renamed_class_keeps_its_label_and_answers_to_its_old_name(tmp_path):
    classes = load(
        tmp_path,
        "{id: ball-throwing, label: 4}, {id: other, label: 0}",
        ["{date: 2026-01-01, kind: renamed, classes: {ball-toss: 4}, into: [ball-throwing], why: clearer}"],
    )
    renamed = class_named("ball-throwing", classes)
    assert renamed.former_ids == ("ball-toss",)
    assert "balltoss" in answering_to_own_name([renamed])[0].seed_hashtags
    with pytest.raises(ValueError, match="no class 'ball-toss'; it became ball-throwing"):
        class_named("ball-toss", classes)
    [line] = load_history(tmp_path / "mine.yaml")
    assert line.classes == {"ball-toss": 4}


def test_a_class_without_label_never_gets_one_that_ended(tmp_path):
    [one, new] = load(
        tmp_path, "{id: one, label: 0}, {id: new}", ["{date: 2026-01-01, kind: retired, classes: {old: 7}, why: gone}"]
    )
    assert (one.label, new.label) == (0, 8)


RETIRED = "{date: 2026-01-01, kind: retired, classes: {old: 7}, why: gone}"


@pytest.mark.parametrize(
    ("classes", "history", "says"),
    [
        ("{id: old, label: 1}", RETIRED, "'old' has ended"),
        ("{id: new, label: 7}", RETIRED, "label 7 of 'new' was that of 'old'.*next free one is 8"),
        (
            "{id: new, label: 1}",
            "{date: 2026-01-01, kind: renamed, classes: {old: 7}, into: [new], why: w}",
            "'new' was renamed and so keeps label 7, not 1",
        ),
        (
            "{id: new, label: 1}",
            "{date: 2026-01-01, kind: renamed, classes: {old: 7}, into: [knew], why: w}",
            "'knew', which no class file has",
        ),
        (
            "{id: new, label: 1}",
            "{date: 2026-01-01, kind: split, classes: {old: 7}, into: [new], why: w}",
            "mine.yaml:4: .*split means one into two or more",
        ),
        ("{id: new}", "{date: soon, kind: retired, classes: {old: 7}, why: w}", "mine.yaml:4: .*date"),
        ("{id: new}", "{date: 2026-01-01, kind: retired, classes: {old: 7}}", "mine.yaml:4: .*why"),
        ("{id: new}", "{date: 2026-01-01, kind: renamed, classes: {a: 7}, into: [a], why: w}", "an id of its own"),
    ],
)
def test_what_a_history_may_not_say(tmp_path, classes, history, says):
    with pytest.raises(ValueError, match=says):
        load(tmp_path, classes, [history])


def test_a_class_ends_once(tmp_path):
    with pytest.raises(ValueError, match="ended class 'old' stands twice"):
        load(tmp_path, "{id: new}", [RETIRED, RETIRED])

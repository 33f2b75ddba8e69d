"""Lists in, classes out: hashtags one a line, CSV and YAML; and what is written can be read again."""

import csv
import io
import json
import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.taxonomy.export import COLUMNS, as_class_file, as_csv, as_jsonl
from h2a_curation.taxonomy.load import load_classes
from h2a_curation.taxonomy.propose import propose, words_of


@pytest.fixture(scope="module")
def shipped():
    return load_classes()


@pytest.fixture
def proposed(tmp_path, shipped):
    def read(name, text):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return propose(file, shipped)

    return read


def test_a_hashtag_of_a_shipped_class_takes_its_text_and_others_are_made_by_rule(proposed, shipped):
    salsa, unknown = proposed("hashtags.txt", "#salsadance\nplayingkazoo\n")
    [known] = [c for c in shipped if c.id == "salsa"]
    assert (salsa.taken_from, salsa.given.definition, salsa.given.prompts) == ("salsa", known.definition, known.prompts)
    assert unknown.taken_from is None
    assert {"definition", "excluded_hashtags", "siblings"} <= set(unknown.todo)
    assert unknown.given.seed_hashtags == {"playingkazoo": "noun"}
    assert len(unknown.given.prompts) == 5


def test_each_line_is_one_class_with_the_lines_number_as_label(proposed):
    lines = ["piano", "#PlayingPiano", "", "zzgrok", "卓球クラブ", "Chess", "#zz_grok2"]
    proposals = proposed("hashtags.txt", "\n".join(lines))
    assert [p.given.label for p in proposals] == list(range(6))
    assert len({p.given.id for p in proposals}) == 6
    tags = [tag for p in proposals for tag in p.given.seed_hashtags]
    assert len(tags) == len(set(tags))
    assert {"piano", "playingpiano", "zzgrok", "卓球クラブ", "chess", "zzgrok2"} <= set(tags)


def test_a_second_tag_of_one_action_is_told_and_not_merged(proposed, shipped):
    [chess] = [c for c in shipped if c.id == "chess"]
    first, second = proposed("hashtags.txt", "\n".join(chess.tags[:2]))
    assert first.given.id == "chess"
    assert "the same action as 'chess'? then merge them" in second.todo
    assert not set(first.given.prompts) & set(second.given.prompts)


@pytest.mark.parametrize(
    ("tag", "words"),
    [("playingbasketball", "playing basketball"), ("soccerjuggling", "soccer juggling"), ("zzgrok", "zzgrok")],
)
def test_words_are_found_in_a_tag(shipped, tag, words):
    vocabulary = {w for c in shipped for w in [*c.id.split("-"), *" ".join(c.prompts).split()]}
    assert words_of(tag, vocabulary | {"playing"}) == words.split()


@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), min_size=1, max_size=5))
def test_words_put_together_are_the_tag_again(words):
    found = words_of("".join(words), words)
    assert "".join(found) == "".join(words)
    assert len(found) <= len(words)


def test_a_csv_names_what_it_likes_and_the_rest_is_proposed(proposed):
    text = "hashtag,name,prompts,kinetics400\nsalsadance,Salsa!,,\nnewthing,,a new thing|another new thing,abseiling\n"
    salsa, new = proposed("mine.csv", text)
    assert (salsa.given.id, salsa.given.name) == ("salsa", "Salsa!")
    assert new.given.prompts == ("a new thing", "another new thing")
    assert new.given.mappings.kinetics400 == ("abseiling",)
    assert "prompts (made from the name)" not in new.todo


@pytest.mark.parametrize(
    ("row", "must_show"),
    [
        ("handwashing,,", "hands"),
        ("handwashing,true,", "person"),
        ("handwashing,false,", "nothing"),
        ("handwashing,,person", "person"),
        ("newthing,,", "person"),
        ("newthing,false,hands", "hands"),
    ],
)
def test_a_cell_says_what_must_be_shown_and_else_the_shipped_class_does(proposed, row, must_show):
    [proposal] = proposed("mine.csv", f"hashtag,person_required,must_show\n{row}\n")
    assert proposal.given.shown == must_show


def test_exports_have_the_former_column_beside_the_new_one(shipped):
    shown = {(row["must_show"], row["person_required"]) for row in csv.DictReader(io.StringIO(as_csv(shipped)))}
    assert shown == {("person", "true"), ("hands", "false"), ("nothing", "false")}
    assert {json.loads(line)["must_show"] for line in as_jsonl(shipped).splitlines()} == {"person", "hands", "nothing"}


def test_yaml_is_a_list_of_tags_or_a_class_file(proposed):
    [one, two] = proposed("mine.yaml", "[salsadance, newthing]")
    assert (one.taken_from, two.taken_from) == ("salsa", None)
    [own] = proposed("own.yml", "classes: [{id: my-thing, label: 4, definition: It is seen.}]")
    assert (own.given.label, own.given.name) == (4, "My thing")
    assert "definition" not in own.todo


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.txt", "", "no class in it"),
        ("a.txt", "salsa\n!!!\n", r"a.txt:2: '!!!' has no letter"),
        ("a.doc", "salsa", "a .txt, .csv, .yaml or .yml file"),
        ("a.csv", "nome\nx\n", "a.csv:1: no column 'nome' is known; use name"),
        ("a.csv", "name\nx\n", "name one 'hashtag' or 'id'"),
        ("a.csv", "hashtag,label\nx,many\n", "a.csv:2: label: .*integer"),
        ("a.csv", "hashtag,must_show,person_required\nx,hands,true\n", "a.csv:2: .*cannot both be; keep must_show"),
        ("a.csv", "hashtag,name\n,x\n", "a.csv:2: neither a hashtag nor an id"),
        ("a.yaml", "classes:\n- id: X\n", "a.yaml:2: .*kebab case"),
        ("a.yaml", "a: [}", "a.yaml:1: not valid YAML"),
    ],
)
def test_a_broken_list_is_one_line_with_remedy(proposed, name, text, says):
    with pytest.raises(ValueError, match=says) as error:
        proposed(name, text)
    assert "\n" not in str(error.value)


def test_what_was_imported_loads_as_a_class_file(proposed, tmp_path):
    proposals = proposed("hashtags.txt", "salsadance\nplayingkazoo\n卓球クラブ\nsalsadancing\n")
    file = tmp_path / "out.yaml"
    file.write_text(as_class_file("mine", [p.given for p in proposals]), encoding="utf-8")
    assert [c.id for c in load_classes(file)] == [p.given.id for p in proposals]


def test_the_shipped_classes_survive_export_and_import(proposed, shipped, tmp_path):
    file = tmp_path / "again.yaml"
    file.write_text(as_class_file("all", shipped), encoding="utf-8")
    for one, again in zip(shipped, load_classes(file), strict=True):
        assert as_jsonl([again]) == as_jsonl([one]).replace(f'"group": "{one.group}"', '"group": "all"')
    for one, again in zip(shipped, proposed("again.csv", as_csv(shipped)), strict=True):
        assert (again.given.id, again.given.label, again.given.prompts) == (one.id, one.label, one.prompts)
        assert (again.given.seed_hashtags, again.given.mappings) == (one.seed_hashtags, one.mappings)
        assert (again.given.risks, again.given.clip_stride) == (one.risks, one.clip_stride)
        assert again.given.shown == one.must_show


def test_jsonl_has_the_keys_that_other_programs_read(shipped):
    rows = [json.loads(line) for line in as_jsonl(shipped).splitlines()]
    assert len(rows) == len(shipped)
    for row in rows:
        assert isinstance(row["label"], int)
        assert set(row["mappings"]) == {"kinetics400", "ucf101", "hmdb51", "ssv2"}
        for key in ("seed_hashtags", "prompts", "siblings"):
            assert row[key]
            assert all(isinstance(item, str) for item in row[key])
        assert all(row[key] for key in ("id", "name", "group", "definition"))


def test_csv_is_one_row_a_class(shipped):
    rows = list(csv.DictReader(io.StringIO(as_csv(shipped))))
    assert [row["id"] for row in rows] == [c.id for c in shipped]
    assert set(rows[0]) == set(COLUMNS)


def test_a_class_file_leaves_out_what_is_empty(shipped):
    entries = yaml.safe_load(as_class_file("all", shipped))["classes"]
    assert all("former_ids" not in entry and entry.get("risks", ["x"]) for entry in entries)

"""Every fault that lint knows, planted one at a time in classes that are otherwise clean."""

import copy

import pytest
import yaml

from h2a_curation.foundation import yaml_file
from h2a_curation.taxonomy.lint import Reader, lint, place
from h2a_curation.taxonomy.model import ClassFile

CLEAN = yaml.safe_load("""
group: dance
classes:
  - id: salsa
    label: 0
    name: Salsa dancing
    definition: A couple dances salsa in a hold.
    seed_hashtags: {salsa: noun, salsadance: noun, bailarsalsa: cultural}
    excluded_hashtags: {salsaverde: the sauce}
    prompts: [salsa 1, a salsa couple, salsa in a hall, dancing on a street, a couple in a hold]
    siblings: [tango]
    mappings: {ucf101: [SalsaSpin]}
  - id: tango
    label: 1
    name: Tango dancing
    definition: A couple dances tango chest to chest.
    seed_hashtags: {tango: noun, tangodance: noun, milonga: cultural}
    excluded_hashtags: {tangled: the film}
    prompts: [tango 1, a tango couple, tango in a hall, dancing close, two chests touch in a tango]
    siblings: [salsa]
""")


def faults(content):
    return [(fault.class_id, fault.says) for fault in lint([yaml_file.check(content, ClassFile)])]


def test_clean_classes_have_none():
    assert faults(CLEAN) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": ""}, "name is empty"),
        ({"definition": ""}, "definition is empty"),
        ({"label": None}, "label is empty"),
        ({"excluded_hashtags": {}}, "excluded_hashtags is empty"),
        ({"excluded_hashtags": {"salsaverde": " "}}, "no reason"),
        ({"excluded_hashtags": {"salsa": "the sauce"}}, "seed and excluded"),
        ({"seed_hashtags": {"salsa": "noun"}}, "1 seed_hashtags: 3 to 8"),
        ({"seed_hashtags": {"salsa": "noun", "mambo": "noun", "tango": "noun"}}, "'tango' also stands in tango"),
        ({"seed_hashtags": {"salsa": "noun", "mambo": "noun", "milónga": "noun"}}, "'milónga' also stands in tango"),
        ({"shared_hashtags": ["salsadance"]}, "stands in no other class"),
        ({"shared_hashtags": ["mambo"]}, "none of its seed tags"),
        ({"prompts": ["salsa"] * 5}, "stands 5 times"),
        ({"prompts": ["salsa a", "salsa b"]}, "2 prompts: 5 to 12"),
        ({"prompts": ["salsa a", "salsa b", "salsa c", "salsa d", "Tango  1"]}, "'tango 1' stands 2 times"),
        ({"prompts": ["salsa a", "salsa b", "salsa c", "salsa d", "a red car"]}, "'a red car' has no word"),
        ({"prompts": [f"a couple in hold {n}" for n in range(5)]}, "0 of its prompts name the action"),
        (
            {"prompts": ["salsa a", "salsa b", "salsa c", "salsa d", "salsa girls"]},
            "prompt 'salsa girls' names a child",
        ),
        ({"definition": "A child dances salsa in a hold."}, "('child'), and frames of children would be looked for"),
        ({"name": "Salsa for teens"}, "or, where the class is about children, give it risks: [minors]"),
        ({"siblings": []}, "0 siblings: 1 to 5"),
        ({"siblings": ["salsa"]}, "its own sibling"),
        ({"siblings": ["waltz"]}, "'waltz' is no class"),
        ({"mappings": {"ucf101": ["Salsa"]}}, "ucf101 has no class 'Salsa'"),
    ],
)
def test_a_fault_is_found(change, says):
    content = copy.deepcopy(CLEAN)
    content["classes"][0].update(change)
    assert any(class_id == "salsa" and says in text for class_id, text in faults(content))


def test_a_class_about_children_says_so_and_may_name_them():
    content = copy.deepcopy(CLEAN)
    content["classes"][0].update(
        prompts=["salsa a", "salsa b", "salsa c", "salsa d", "children dance salsa"], risks=["minors"]
    )
    assert faults(content) == []


def test_a_sibling_must_name_it_back():
    content = copy.deepcopy(CLEAN)
    content["classes"][1]["siblings"] = ["tango"]
    assert ("salsa", "sibling 'tango' does not name it back") in faults(content)


def test_a_tag_may_be_shared_by_those_who_say_so():
    content = copy.deepcopy(CLEAN)
    for c in content["classes"]:
        c["seed_hashtags"]["latindance"] = "generalise"
    assert {text.split(":")[0] for _, text in faults(content)} == {
        "seed tag 'latindance' also stands in tango",
        "seed tag 'latindance' also stands in salsa",
    }
    for c in content["classes"]:
        c["shared_hashtags"] = ["latindance"]
    assert faults(content) == []


def test_marks_of_other_scripts_make_other_tags():
    content = copy.deepcopy(CLEAN)
    content["classes"][0]["seed_hashtags"]["はる"] = "cultural"
    content["classes"][1]["seed_hashtags"]["ばる"] = "cultural"
    assert faults(content) == []


def test_a_group_is_wanted():
    assert ("salsa", "no group: name one at the top of its file") in faults({**CLEAN, "group": ""})


@pytest.mark.parametrize("text", ["classes:\n  - id: a\n  - id: ab\n", "classes:\n- {id: a}\n- {id: ab, label: 3}\n"])
def test_the_place_of_a_class_is_its_line(tmp_path, text):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    assert place(file, "ab") == f"{file}:3"
    assert place(tmp_path, "a") == f"{file}:2"


def test_a_prompt_that_the_model_would_cut_is_named_with_the_words_after_which_it_is():
    words = Reader(model="PE-Core-B-16", max_tokens=8, num_tokens=lambda text: len(text.split()) + 2)
    long = "a salsa couple turns in a long red wave"
    content = copy.deepcopy(CLEAN)
    content["classes"][0]["prompts"][0] = long
    [fault] = [fault for fault in lint([yaml_file.check(content, ClassFile)], words) if "tokens" in fault.says]
    assert fault.says == (
        f"prompt '{long}' has 11 tokens, of which PE-Core-B-16 reads 8: it is cut after 'turns in a', so shorten it"
    )
    assert not [fault for fault in lint([yaml_file.check(content, ClassFile)]) if "tokens" in fault.says]

"""Class files: what may be left out, what is refused and how it is said."""

import pytest

from h2a_curation.taxonomy.load import class_named, load_classes, load_negatives


def write(folder, text):
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


def test_a_short_class_file_is_completed_by_rule(tmp_path):
    [surf, knit] = load_classes(write(tmp_path, "classes: [{id: surf-ride}, {id: knitting, label: 7}]"))[::-1]
    assert (surf.name, surf.label, surf.seed_hashtags) == ("Surf ride", 8, {"surfride": "noun"})
    assert knit.label == 7
    assert len(surf.prompts) == 5
    assert all("surf ride" in p for p in surf.prompts)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("classes:\n- id: surf\n  promts: [a]\n", 3, "did you mean 'prompts'"),
        ("classes:\n- id: Surf Ride\n", 2, "kebab case"),
        ("classes:\n- id: surf\n  seed_hashtags: {Surf: noun}\n", 2, "write 'surf'"),
        ("classes:\n- id: surf\n  seed_hashtags: {surf: why}\n", 2, "use one of"),
        ("classes:\n- id: surf\n  label: many\n", 3, "integer"),
        ("classes:\n- id: surf\n  - id: knit\n", 3, "not valid YAML"),
        ("group: x\n", 1, "classes"),
        ("classes:\n- id: surf\n  name: Surf\n  name: Surfing\n", 4, "'name' stands twice"),
        ("classes:\n- id: surf\n  seed_hashtags: {surf: noun, surf: noun}\n", 3, "'surf' stands twice"),
        ("classes:\n- id: surf\n  risks: [fun]\n", 3, "minors"),
        ("classes:\n- id: surf\n  clip_stride: 3\n", 3, "2 or 4"),
        ("classes:\n- id: surf\n  mappings: {ucf: [Surfing]}\n", 3, "ucf101"),
        ("classes:\n- id: surf\n  label: -1\n", 2, "labels start at 0"),
        ("classes:\n- id: surf\n  must_show: feet\n", 3, "'person', 'hands' or 'nothing'"),
        ("classes:\n- id: surf\n  must_show: hands\n  person_required: true\n", 2, "cannot both be; keep must_show"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_remedy(tmp_path, text, line, says):
    file = write(tmp_path, text)
    with pytest.raises(ValueError, match=says) as error:
        load_classes(file)
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("keys", "must_show", "person_required"),
    [
        ("", "person", True),
        (", must_show: person", "person", True),
        (", must_show: hands", "hands", False),
        (", must_show: nothing", "nothing", False),
        (", person_required: true", "person", True),
        (", person_required: false", "nothing", False),
        (", person_required: false, must_show: hands", "hands", False),
    ],
)
def test_what_a_class_must_show_is_read_from_either_key(tmp_path, keys, must_show, person_required):
    [c] = load_classes(write(tmp_path, f"classes: [{{id: surf{keys}}}]"))
    assert (c.must_show, c.person_required) == (must_show, person_required)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("classes: [{id: a}, {id: a}]", "class id 'a' stands twice"),
        ("classes: [{id: a, label: 1}, {id: b, label: 1}]", "label '1' stands twice"),
        ("classes: [{id: a, prompts: [p]}, {id: b, prompts: [p]}]", "prompt 'p' stands twice"),
        ("classes: []", "no class in it"),
    ],
)
def test_what_must_be_unique_is(tmp_path, text, says):
    with pytest.raises(ValueError, match=says):
        load_classes(write(tmp_path, text))


def test_a_class_by_id_or_what_was_meant(tmp_path):
    classes = load_classes(write(tmp_path, "classes: [{id: surfing}, {id: skiing}]"))
    assert class_named("surfing", classes).label == 0
    with pytest.raises(ValueError, match="did you mean 'skiing'"):
        class_named("sking", classes)


def test_a_negative_is_none_where_a_chosen_class_shows_it(tmp_path):
    walking = load_classes(write(tmp_path, "classes: [{id: walking}]"))
    surfing = load_classes(write(tmp_path, "classes: [{id: surfing}]"))
    assert {n.id for n in load_negatives(surfing)} - {n.id for n in load_negatives(walking)} == {"walking"}

import pytest

from h2a_curation.taxonomy import load_classes, load_negatives


def write(folder, text):
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


def test_the_shipped_classes_have_stable_labels_and_at_least_five_prompts_each():
    classes = load_classes()
    assert len(classes) >= 24
    assert [c.label for c in classes] == list(range(len(classes)))
    assert min(len(c.prompts) for c in classes) >= 5
    ids = {c.id for c in classes}
    assert all(sibling in ids for c in classes for sibling in c.siblings)
    assert all(c.id in other.siblings for c in classes for other in classes if other.id in c.siblings)


def test_negatives_have_prompts_of_their_own():
    prompts = [p for c in load_classes() for p in c.prompts]
    negatives = load_negatives()
    assert len(negatives) >= 4
    assert not set(prompts) & {p for n in negatives for p in n.prompts}


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
    ],
)
def test_a_mistake_is_one_line_with_file_line_and_remedy(tmp_path, text, line, says):
    file = write(tmp_path, text)
    with pytest.raises(ValueError, match=says) as error:
        load_classes(file)
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert "\n" not in str(error.value)


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

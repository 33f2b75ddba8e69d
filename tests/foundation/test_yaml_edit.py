"""Changes to YAML text that leave all else as it stands."""

import pytest
import yaml

from h2a_curation.foundation.yaml_edit import add_key, append, plain, replace_scalars

BLOCK = """\
# head
group: g   # why g
classes:
  - id: a  # first
    siblings: [b, c]  # both

  # about b
  - id: b
    prompts:
      - one prompt
      - "another: one"

# about history
history:
- {date: 2026-01-01}
"""


def test_a_list_of_lines_gets_a_line_after_its_last():
    text = append(BLOCK, ("classes",), "id: c\nprompts:\n  - x", "{id: c}")
    assert yaml.safe_load(text)["classes"][-1] == {"id": "c", "prompts": ["x"]}
    added = "  - id: c\n    prompts:\n      - x\n"
    assert text == BLOCK.replace('      - "another: one"\n', f'      - "another: one"\n{added}')
    assert append(BLOCK, ("history",), "{x: 1}", "") == f"{BLOCK}- {{x: 1}}\n"


def test_a_list_in_brackets_gets_its_item_there():
    assert append(BLOCK, ("classes", 0, "siblings"), "d", "d") == BLOCK.replace("[b, c]", "[b, c, d]")
    assert append("a: []  # none\n", ("a",), "x", "x") == "a: [x]  # none\n"
    assert append("a: [b, # yes\n  c, ]\n", ("a",), "x", "x") == "a: [b, # yes\n  c, x, ]\n"
    assert append("{a: [{b: [1]}]}", ("a",), "", "{c: 2}") == "{a: [{b: [1]}, {c: 2}]}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("group: g\n", "group: g\nnew:\n  - x\n"),
        ("group: g", "group: g\nnew:\n  - x\n"),
        ("group: g\nnew:\nlast: 1\n", "group: g\nnew:\n  - x\nlast: 1\n"),
        ("group: |\n  long\n\nend: 1\n", "group: |\n  long\n\nend: 1\nnew:\n  - x\n"),
        ("{group: g}\n", "{group: g, new: [x]}\n"),
    ],
)
def test_a_list_is_made_where_there_is_none(text, expected):
    assert append(text, ("new",), "x", "x") == expected
    assert yaml.safe_load(expected)["new"] == ["x"]


def test_a_key_comes_after_the_last_of_its_mapping():
    text = add_key(BLOCK, ("classes", 0), "name", "A", "A")
    assert text == BLOCK.replace("# both\n", "# both\n    name: A\n")
    assert add_key("a: [{b: 1}]", ("a", 0), "c", "", "2") == "a: [{b: 1, c: 2}]"


def test_scalars_are_replaced_where_they_are_wanted_only():
    text = replace_scalars(BLOCK, lambda way, value: value == "b", "new-b")
    assert text == BLOCK.replace("[b, c]", "[new-b, c]").replace("- id: b", "- id: new-b")
    only_id = replace_scalars(BLOCK, lambda way, value: value == "b" and way[-1] == "id", "new-b")
    assert only_id == BLOCK.replace("- id: b", "- id: new-b")


def test_an_alias_is_replaced_once_and_keeps_its_anchor():
    text = replace_scalars("a: &x b\nc: *x\n", lambda _, value: value == "b", "d")
    assert text == "a: &x d\nc: *x\n"


@pytest.mark.parametrize("value", ["no", "12", "null", "a: b", "2026-01-01", "plain-id", "# x"])
def test_a_string_stays_a_string(value):
    assert yaml.safe_load(f"- {plain(value)}") == [value]


def test_what_is_no_mapping_or_list_is_refused():
    with pytest.raises(ValueError, match="no list"):
        append("a: 1\n", ("a",), "x", "x")
    with pytest.raises(ValueError, match="no mapping"):
        append("- a\n", ("a",), "x", "x")

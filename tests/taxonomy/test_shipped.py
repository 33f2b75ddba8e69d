"""The classes that ship: the contract, the numbers that the pages give, and the page itself."""

from collections import Counter
from pathlib import Path

import pytest

from h2a_curation import recipes
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.models.clip import text_context
from h2a_curation.sample_world.clip_spec import ACTIONS
from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.taxonomy.child_words import word_for_a_child
from h2a_curation.taxonomy.lint import lint, place
from h2a_curation.taxonomy.load import load_classes, load_history, load_negatives, read_files
from h2a_curation.taxonomy.model import BENCHMARKS
from h2a_curation.taxonomy.page import as_page

FOLDER = data_folder() / "classes"


@pytest.fixture(scope="module")
def classes():
    return load_classes()


def test_there_are_386_and_their_labels_have_no_hole(classes):
    assert [c.label for c in classes] == list(range(386))


def test_the_first_are_those_of_the_sample_world_whose_model_knows_their_labels(classes):
    assert {c.id for c in classes[: len(ACTIONS)]} == set(ACTIONS)


def test_the_sample_world_is_built_of_what_it_renders():
    assert set(recipes.load("sample").only_classes) == set(ACTIONS)


def test_lint_finds_nothing():
    files = read_files(FOLDER)
    assert [f"{place(FOLDER, fault.class_id)}: {fault.says}" for fault in lint(files)] == []


def test_no_prompt_is_cut_by_the_models_that_recipes_name(classes):
    for name in ("youtube-hashtags", "tiktok-research", "table", "folder"):
        context = text_context(recipes.load(name).embed.model)
        prompts = [p for c in [*classes, *load_negatives([])] for p in c.prompts]
        assert [p for p in prompts if context.num_tokens(p) > context.max_tokens] == []


def test_one_file_a_group():
    assert {file.stem for file in FOLDER.glob("*.yaml")} == {file.group for file in read_files(FOLDER)}


@pytest.mark.parametrize(
    ("benchmark", "num", "some"),
    [
        ("kinetics400", 400, {"dying hair", "passing American football (not in game)", "massaging person's head"}),
        ("ucf101", 101, {"HandstandPushups", "YoYo", "PlayingDaf"}),
        ("hmdb51", 51, {"flic_flac", "draw_sword", "shoot_gun"}),
        ("ssv2", 174, {"Folding something", "Putting something, something and something on the table"}),
    ],
)
def test_the_benchmarks_lists_are_whole(benchmark, num, some):
    names = benchmark_classes(benchmark)
    assert len(names) == len(set(names)) == num
    assert some <= set(names)
    assert all(name == name.strip() for name in names)


@pytest.mark.parametrize(("benchmark", "least"), [("kinetics400", 300), ("ucf101", 101), ("hmdb51", 51), ("ssv2", 1)])
def test_the_benchmarks_are_covered(classes, benchmark, least):
    mapped = {name for c in classes for name in getattr(c.mappings, benchmark)}
    assert mapped <= set(benchmark_classes(benchmark))
    assert len(mapped) >= least


def test_tags_are_written_in_several_scripts(classes):
    tags = [tag for c in classes for tag in c.seed_hashtags]
    assert sum(not tag.isascii() for tag in tags) >= 100


def test_every_principle_is_used_and_no_template_stands_for_the_prompts(classes):
    reasons = Counter(why for c in classes for why in c.seed_hashtags.values())
    assert min(reasons[r] for r in ("generalise", "specify", "noun", "noun-verb", "consolidated", "cultural")) >= 10
    openings = Counter(" ".join(p.split()[:3]) for c in classes for p in c.prompts)
    assert openings.most_common(1)[0][1] < 0.05 * sum(openings.values())


def test_frames_of_children_are_looked_for_only_where_a_class_is_about_children(classes):
    named = {c.id for c in classes if any(map(word_for_a_child, c.prompts))}
    assert named == {"baby-carrying", "baby-crawling", "egg-hunt", "hopscotch", "swing-riding"}
    assert not [p for n in load_negatives([]) for p in n.prompts if word_for_a_child(p)]


def test_negatives_have_prompts_of_their_own(classes):
    negatives = load_negatives([])
    prompts = {p for c in classes for p in c.prompts}
    assert len(negatives) >= 4
    assert not prompts & {p for n in negatives for p in n.prompts}
    assert {name for n in negatives for name in n.shown_by} <= {c.id for c in classes}


def test_each_class_says_what_it_must_show_and_classes_of_hands_ask_for_no_person(classes):
    given = [c for file in read_files(FOLDER) for c in file.classes]
    assert [c.id for c in given if c.must_show is None or c.person_required is not None] == []
    shown = {c.id: c.must_show for c in classes}
    of_hands = [
        "hand-washing",
        "welding",
        "card-playing",
        "card-shuffling",
        "guitar-playing",
        "piano-playing",
        "knitting",
    ]
    of_hands += ["flute-playing", "vegetable-chopping", "manicure", "knot-tying", "jewelry-making", "typing"]
    assert {shown[i] for i in of_hands} == {"hands"}
    assert {shown[i] for i in ("sailing", "dog-sledding", "kite-flying")} == {"nothing"}
    assert {shown[i] for i in ("yoga", "deadlift", "salsa", "tennis-serve", "drumming", "singing")} == {"person"}


def test_the_page_is_made_from_the_data(classes):
    page = Path(__file__).parents[2] / "docs" / "classes.md"
    assert page.read_text(encoding="utf-8") == as_page(classes, load_history()), "h2a classes export --format md --out"


def test_every_benchmark_has_a_title_on_the_page(classes):
    assert len(BENCHMARKS) == 4
    assert all(f"| {title} |" in as_page(classes, []) for title in ("Kinetics-400", "UCF101", "HMDB51"))

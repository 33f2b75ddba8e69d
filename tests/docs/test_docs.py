"""What the pages say is so: commands exist with their options, queries run, files load, links lead somewhere."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from h2a_curation import recipes
from h2a_curation.catalog.views import connect
from h2a_curation.foundation import yaml_file
from h2a_curation.lake import decisions
from h2a_curation.taxonomy.load import load_classes
from h2a_curation.videomae.presets import preset
from h2a_curation.videomae.pretrain import recipe as training_recipe
from tests.docs.cli_reference import PAGE, commands, reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

IN_ORDER = ("probes.md", "training-from-shards.md")
"""Pages whose blocks build on one another: test_walkthroughs.py runs them."""


def blocks(language):
    """The text of every fenced block of a language, named by page and number."""
    fenced = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    found = [(page.name, fenced.findall(page.read_text(encoding="utf-8"))) for page in PAGES]
    return [pytest.param(text, id=f"{name}-{n}") for name, texts in found for n, text in enumerate(texts)]


def lines(program):
    """Commands of a program, those behind torchrun and in a loop too."""
    for block in blocks("sh"):
        for n, line in enumerate(block.values[0].replace("\\\n", " ").splitlines()):
            if command := re.match(rf"\s*(?:torchrun .*--no-python )?({program} .*)", line):
                yield pytest.param(command[1], id=f"{block.id}-{n}")


@pytest.mark.parametrize("line", list(lines("h2a")))
def test_every_command_shown_exists_with_its_options(line):
    words = shlex.split(line)
    name = " ".join(words[:3]) if " ".join(words[:3]) in commands() else " ".join(words[:2])
    commands()[name].make_context(name, words[len(name.split()) :])


@pytest.mark.parametrize("line", list(lines("make")))
def test_every_make_target_shown_exists(line):
    assert line.split()[1] in TARGETS


def test_the_command_page_is_the_command_table():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run python -m tests.docs.cli_reference"


def test_every_command_and_option_has_help():
    for name, command in commands().items():
        assert command.help, name
        for param in command.params:
            assert param.name == "help" or param.help or param.param_type_name == "argument", (name, param.name)


@pytest.fixture(scope="module")
def catalog(mini):
    decision = decisions.newest(mini / "lake")
    return connect(mini / "lake", models=decisions.about(decision)["models"], decision=decision)


@pytest.mark.parametrize("sql", blocks("sql"))
def test_every_query_shown_runs(catalog, sql):
    catalog.query(sql)


@pytest.mark.parametrize("line", [p for p in lines("h2a") if p.values[0].startswith("h2a sql")])
def test_every_query_on_a_command_line_runs(catalog, line):
    catalog.query(next(w for w in shlex.split(line)[2:] if re.match(r"SELECT|FROM|SHOW", w)))


@pytest.mark.parametrize("code", [p for p in blocks("python") if not p.id.startswith(IN_ORDER)])
def test_every_python_block_runs(mini, code):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code.replace("build/quickstart", str(mini)), "docs", "exec"), {})
    is_module = re.match(r"# \w+\.py: ", code)  # named in its first line; it shows nothing by itself
    assert is_module or out.getvalue().strip()


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_file_shown_loads(tmp_path, text):
    file = tmp_path / "shown.yaml"
    file.write_text(text)
    if text.startswith(("classes:", "group:")):
        assert load_classes(file)
    elif text.startswith("preset:"):
        assert training_recipe.load(file) != preset(training_recipe.load(file).name)
    else:
        assert yaml_file.load(file, recipes.RecipeFile)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target

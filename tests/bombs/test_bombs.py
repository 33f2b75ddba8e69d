"""Each bomb is read or refused in one line, in seconds and in bounded memory, by a child with a limit of its own."""

import pytest

import h2a_curation.cli
import h2a_curation.jobs.build
import h2a_curation.jobs.evaluate
import h2a_curation.sources.ytdlp.source
import h2a_curation.taxonomy.propose
import h2a_curation.videomae.convert.files  # noqa: F401  # all is loaded once, and each child has it
from tests.bombs.bombs import all_bombs
from tests.bombs.measured import measured

PATIENCE_S = 30
"""A child that takes longer is killed, which fails the test: enough on a machine that is busy with ten other things."""
MOST_MIB = 1024
FAST = (
    "recipe: aliases", "recipe: digits", "recipe: brackets", "recipe: many keys", "--set: aliases", "--set: brackets",
    "--set: digits", "lake.json: deep", "lake.json: a list", "recipe.json: deep", "manifest.json: digits",
    "manifest.json: many", "decision.json: deep", "decision.json: nothing", "a ref: no text", "table.jsonl: digits",
    "sidecar: many", "ssv2 classes: infinite", "config.json: deep", "index.json: nothing", "clip config: deep",
    "log.txt: deep", "pretrained summary: nothing", "finetuned summary: a list", "settings.json: deep", "quota: deep",
    "table.parquet: rows", "table.parquet: tags", "zip: strides of 0", "tar",
    "legacy: a declared storage", "safetensors: a huge shape", "safetensors: told deep",
    "trace: commas", "kinetics: digits", "kinetics: 20 MB", "list: digits", "classes.csv: digits", "classes.txt: 20 MB",
)  # fmt: skip
"""At least one of each kind, and those that were faults; the others are slow."""
BOMBS = all_bombs()


def explode(name, folder):
    ended = measured(BOMBS[name](folder), PATIENCE_S)
    assert not ended.how.startswith(("traceback", "killed", "line of", "line (Unicode")), ended
    assert "set_int_max_str_digits" not in ended.how
    assert "recursion" not in ended.how
    assert ended.peak_mib < MOST_MIB, ended


@pytest.mark.parametrize("name", FAST)
def test_a_bomb_is_refused_soon(name, tmp_path):
    explode(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BOMBS.keys() - set(FAST)))
def test_any_bomb_is_read_or_refused(name, tmp_path):
    explode(name, tmp_path)

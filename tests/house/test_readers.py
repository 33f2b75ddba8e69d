"""Files that others wrote are read through modules of `foundation/` that have limits; what goes around them is here."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.test_shape import modules

READERS = frozenset(
    {"json.loads", "json.load", "pq.read_table", "pq.ParquetFile", "pd.read_csv", "csv.reader", "csv.DictReader",
     "yaml.load", "yaml.safe_load", "torch.load", "safe_open", "safetensors.safe_open", "load_file", "np.load"}
)  # fmt: skip
AROUND = {
    "h2a_curation/foundation/json_file.py": "the reader of JSON",
    "h2a_curation/foundation/yaml_file.py": "the reader of YAML",
    "h2a_curation/foundation/csv_file.py": "the reader of CSV",
    "h2a_curation/foundation/parquet_file.py": "the reader of Parquet",
    "h2a_curation/videomae/loop/checkpoint.py": "after weights_file.check",
    "h2a_curation/videomae/convert/files.py": "after weights_file.check",
    "h2a_curation/models/clip.py": "after weights_file.check",
    "h2a_curation/audit/answers.py": "a sheet with any separator, each cell under csv's own limit",
    "h2a_curation/sample_world/site/real_clips.py": "the user's own labels.csv, each cell under csv's own limit",
    "h2a_curation/sample_world/model/small_clip.py": "ImageNet weights of a pinned package",
    "h2a_curation/sample_world/model/train_clip.py": "frames that the same command rendered",
    "h2a_curation/sample_world/world/score.py": "the truth that the sample world wrote",
    "h2a_curation/sources/rows.py": "a user's table line by line, which knows no header of its own",
    "h2a_curation/taxonomy/ledger.py": "the labels that ship",
    "h2a_curation/jobs/quickstart.py": "the log that the same command wrote",
    "h2a_curation/video/child.py": "a child's answer, of a length that the parent bounds",
    "h2a_curation/video/tasks.py": "the parent's question",
    "h2a_curation/videomae/evaluate/store.py": "views that this run wrote, in batches",
    "h2a_curation/videomae/loop/settings.py": "JSON that was written a moment before",
}
"""Modules with calls of their own, and why each may."""


def named(call: ast.Call) -> str:
    """What is called, as it is written."""
    return ast.unparse(call.func)


def readers_in(tree: ast.Module) -> Iterator[str]:
    return (named(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and named(node) in READERS)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("json.loads(text)", ["json.loads"]),
        ("with safe_open(file) as opened: pass", ["safe_open"]),
        ("json.dumps(said)", []),
        ("json_file.read(file)", []),
    ],
)
def test_a_reader_is_seen(code, found):
    assert list(readers_in(ast.parse(code))) == found


def test_what_others_wrote_is_read_within_limits():
    around = {file.as_posix() for file, tree in modules() if any(readers_in(tree))}
    assert around == AROUND.keys()

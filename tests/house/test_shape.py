"""What keeps the code readable, as far as a machine can see it: parameters, names, docstrings, paths of the lake."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).parents[2]
MAX_PARAMETERS = 8
"""Of a function of the product: what takes more wants a dataclass."""
FRAGMENTS = ("Of", "That", "In", "By", "Where")
"""A docstring that begins so and ends after one sentence makes sense only after the name above it."""


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders or ("flows", "h2a_curation", "schemas"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT), ast.parse(file.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def num_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return len([argument for argument in given if argument.arg not in ("self", "cls")])


def is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring, those below fields and constants among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in node.body:
                if isinstance(statement, ast.Expr) and is_text(statement.value):
                    yield statement.lineno, " ".join(statement.value.value.split())


def test_no_function_takes_more_parameters_than_a_reader_can_hold():
    # A command's parameters are the options of the command line, declared one by one for typer.
    too_many = [
        f"{file}:{f.lineno} {f.name} takes {num_parameters(f)}"
        for file, tree in modules()
        if file.parts[1] != "cli"
        for f in functions(tree)
        if num_parameters(f) > MAX_PARAMETERS
    ]
    assert not too_many, "\n".join(too_many)


def test_one_class_name_stands_for_one_thing_in_a_package():
    places = defaultdict(list)
    for file, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[file.parts[0] if file.parts[0] != "h2a_curation" else file.parts[1], node.name].append(str(file))
    twice = {name: files for name, files in places.items() if len(files) > 1}
    assert not twice


def test_a_docstring_stands_alone():
    fragments = [
        f"{file}:{line} {text}"
        for file, tree in modules()
        for line, text in docstrings(tree)
        if text.split(" ")[0].rstrip(",:") in FRAGMENTS and ". " not in text.rstrip(".")
    ]
    assert not fragments, f"{len(fragments)} fragments:\n" + "\n".join(fragments)


LAYOUT = frozenset(
    {"parts", "media", "clips", "decisions", "refs", "shards", "versions", ".tmp", "lake.json", "manifest.json",
     "decision.json", "clip.parquet", "lineage.parquet"}
)  # fmt: skip
"""Names of the lake's layout, which the room `lake` knows and no other."""
JOINING = ("joinpath", "glob", "rglob", "with_name", "Path")


def paths_of_the_lake(tree: ast.Module) -> Iterator[int]:
    """Lines on which a path is put together from a name of the lake's layout."""
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            parts = [node.left, node.right]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in JOINING:
            parts = list(node.args)
        elif isinstance(node, ast.JoinedStr) and "/" in said(node):  # a formatted text with a slash is a path
            parts = [node]
        if any(LAYOUT & set(said(part).split("/")) for part in parts):
            yield node.lineno


def said(node: ast.AST) -> str:
    """A text as it is written, with a question mark for each value that is put into it; nothing for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(said(value) or "?" for value in node.values)
    return node.value if is_text(node) else ""


@pytest.mark.parametrize(
    ("code", "is_path"),
    [
        ("lake / 'media' / name", True),
        ("lake.glob('versions/*')", True),
        ("f'{lake}/parts/{stage}'", True),
        ("Path(lake, 'shards')", True),
        ("f'{lake}/{name}/manifest.json'", True),
        ("target.with_name(f'{name}/clip.parquet')", True),
        ("target.with_name(f'.{name}.tmp')", False),
        ("table['media']", False),
        ("f'no clips of {name}'", False),
    ],
)
def test_a_path_of_the_layout_is_told_from_other_uses_of_its_names(code, is_path):
    assert bool(list(paths_of_the_lake(ast.parse(code)))) == is_path


def test_only_the_room_lake_knows_the_layout_of_a_lake():
    places = [
        f"{file}:{line}"
        for file, tree in modules()
        if file.parts[:2] != ("h2a_curation", "lake")
        for line in paths_of_the_lake(tree)
    ]
    assert not places, "\n".join(sorted(set(places)))

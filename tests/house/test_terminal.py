"""All that a command says goes through one place, which shows what others wrote and never sends it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THE_PLACES = {"h2a_curation/foundation/terminal.py", "h2a_curation/foundation/screen.py"}
OWN_PROGRAMS = {"h2a_curation/sample_world/site/serve.py", "h2a_curation/sample_world/model/train_clip.py"}
"""What they say is for the program that started them, or for who makes the sample world."""


def says_itself(tree):
    """Lines that write to the terminal by another way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("print", "typer.echo", "typer.secho", "click.echo", "Console", "traceback.print_exc"):
                yield node.lineno
            if called.startswith(("sys.stdout.", "sys.stderr.")) and called.endswith((".write", ".writelines")):
                yield node.lineno


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("print(caption)", True),
        ("typer.echo(caption)", True),
        ("Console().print(caption)", True),
        ("sys.stderr.write(caption)", True),
        ("sys.stdout.buffer.write(caption)", True),
        ("say(caption)", False),
        ("screen().print(caption)", False),
        ("file.write(caption)", False),
    ],
)
def test_another_way_to_the_terminal_is_found(code, is_found):
    assert bool(list(says_itself(ast.parse(code)))) == is_found


def test_there_is_one_way_to_the_terminal():
    others = []
    for folder in ("h2a_curation", "flows"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            if name not in THE_PLACES | OWN_PROGRAMS:
                others += [f"{name}:{line}" for line in says_itself(ast.parse(file.read_text(encoding="utf-8")))]
    assert not others, "use foundation/terminal.py or foundation/screen.py:\n" + "\n".join(others)

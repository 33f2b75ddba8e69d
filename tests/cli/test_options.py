"""Options of the command line: each is declared once, and those that a dataclass owns are made from its fields."""

import ast
import inspect
from collections import Counter
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import h2a_curation.cli
from h2a_curation.cli import options
from h2a_curation.cli.options import with_options_of
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.presets import Overrides
from tests.docs.cli_reference import commands

FOLDER = Path(inspect.getfile(h2a_curation.cli)).parent


def test_no_two_declarations_say_the_same():
    helps = Counter()
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "Option":
                helps.update(ast.unparse(k.value) for k in node.keywords if k.arg == "help")
    assert len(helps) > 20
    assert [text for text, num in helps.items() if num > 1] == []


def test_every_declared_option_is_taken_by_a_command():
    declared = {name for name in vars(options) if name.endswith("Option")}
    used = "".join(f.read_text() for f in FOLDER.glob("*.py") if f.name != "options.py")
    assert declared
    assert [name for name in declared if name not in used] == []


@pytest.mark.parametrize("owner", [Overrides, Runtime])
def test_pretrain_takes_the_fields_of_the_classes_that_own_them(owner):
    params = {p.name: p for p in commands()["h2a pretrain"].params}
    owned = [f for f in fields(owner) if "help" in f.metadata]
    assert len(owned) >= 6
    for own in owned:
        assert params[own.name].help == own.metadata["help"]
        assert params[own.name].default == own.default
        assert not params[own.name].required


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a command of this test takes."""

    steps: int = field(metadata={"help": "How many."})
    fast: bool | None = field(default=None, metadata={"help": "Run.", "flag": "--fast/--slow"})
    folder: Path | None = field(default=None, metadata={"help": "Where."})
    hidden: float = 0.5


def app_of(owner):
    """A command that prints what it is called with."""

    @with_options_of(pace=owner)
    def go(name: str, loud: bool = False, *, pace: owner, last: int = 1) -> None:
        typer.echo(f"{name} {loud} {pace} {last}")

    app = typer.Typer()
    app.command()(go)
    return app


def test_a_command_is_called_with_an_instance_made_of_its_options():
    ran = CliRunner().invoke(app_of(Pace), ["me", "--steps", "3", "--slow", "--folder", "x", "--last", "2"])
    assert ran.output == f"me False {Pace(steps=3, fast=False, folder=Path('x'))} 2\n"
    assert CliRunner().invoke(app_of(Pace), ["me", "--steps", "many"]).exit_code == 2
    assert "--steps" in CliRunner().invoke(app_of(Pace), ["me"]).output  # a field without default is required
    assert "--hidden" not in CliRunner().invoke(app_of(Pace), ["--help"]).output


def test_a_new_field_is_a_new_option_and_needs_nothing_else():
    wider = make_dataclass(
        "Wider",
        [("patience_s", float, field(default=1.5, metadata={"help": "Seconds."}))],
        bases=(Pace,),
        frozen=True,
        kw_only=True,
    )
    ran = CliRunner().invoke(app_of(wider), ["me", "--steps", "3", "--patience-s", "2.5"])
    assert "patience_s=2.5" in ran.output


def test_two_owners_may_not_have_an_option_of_the_same_name():
    with pytest.raises(ValueError, match="duplicate parameter name"):

        @with_options_of(one=Pace, two=Pace)
        def go(*, one: Pace, two: Pace) -> None: ...

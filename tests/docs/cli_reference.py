"""docs/cli.md from the command table: `python -m tests.docs.cli_reference` writes it."""

from pathlib import Path

import click
import typer

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """# Commands

Made by `make docs` from the command table; a test holds the two together.

Exit codes: 0 done, 1 something around the program failed, 2 the user can mend it, 130 Ctrl-C.
"""


def commands() -> dict[str, click.Command]:
    """Every command by its full name, without groups."""
    from h2a_curation.cli.main import app

    def walk(name, command):
        if hasattr(command, "commands"):
            for child, inner in command.commands.items():
                yield from walk(f"{name} {child}", inner)
        else:
            yield name, command

    return dict(walk("h2a", typer.main.get_command(app)))


def reference() -> str:
    """The whole page."""
    return HEAD + "".join(_section(name, command) for name, command in commands().items())


def _section(name, command) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(_named(a) if a.required else f"[{_named(a)}]" for a in arguments)])
    lines = [f"\n## {name}\n", command.help.strip().replace("\n", " "), f"\n    {usage} [OPTIONS]\n"]
    rows = [f"| `{_named(a)}` | | {a.help or ''} |" for a in arguments]
    rows += [f"| `{', '.join(o.opts)}` | {_default(o)} | {o.help or ''} |" for o in options]
    if rows:
        lines += ["| | default | |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _named(argument) -> str:
    return argument.metavar or argument.name.upper()


def _default(option) -> str:
    if option.required:
        return "required"
    value = getattr(option.default, "value", option.default)
    return "" if value in (None, ()) or callable(value) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")

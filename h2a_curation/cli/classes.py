"""`h2a classes`: what the action classes are."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The action classes: which there are, and one as a reviewer sees it.")
ClassPath = Annotated[Path | None, typer.Option("--classes", help="A class file or folder; default: those that ship.")]


@app.command("list")
def list_classes(classes: ClassPath = None) -> None:
    """One line a class: label, id, group, seed tags."""
    from rich.console import Console
    from rich.table import Table

    from h2a_curation.taxonomy import load_classes

    table = Table("label", "class", "group", "seed tags", box=None)
    for c in load_classes(classes):
        table.add_row(str(c.label), c.id, c.group, " ".join(f"#{tag}" for tag in c.seed_hashtags))
    Console().print(table)


@app.command()
def show(class_id: str, classes: ClassPath = None) -> None:
    """One class: definition, tags with their reasons, prompts, siblings."""
    from rich.console import Console
    from rich.table import Table

    from h2a_curation.taxonomy import class_named, load_classes

    c = class_named(class_id, load_classes(classes))
    table = Table(show_header=False, box=None)
    table.add_row("class", f"{c.name} ({c.id}, label {c.label}, {c.group})")
    table.add_row("must be seen", c.definition)
    for tag, reason in c.seed_hashtags.items():
        table.add_row("seed tag", f"#{tag} ({reason})")
    for tag, reason in c.excluded_hashtags.items():
        table.add_row("excluded tag", f"#{tag} ({reason})")
    for prompt in c.prompts:
        table.add_row("prompt", prompt)
    table.add_row("siblings", ", ".join(c.siblings) or "none")
    table.add_row("person", "must be seen" if c.person_required else "need not be seen")
    Console().print(table)

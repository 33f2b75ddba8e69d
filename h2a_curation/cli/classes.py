"""`h2a classes`: what the action classes are, whether they hold their contract, and lists in and out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from h2a_curation.cli.options import ClassFilesOption, OutOption

app = typer.Typer(no_args_is_help=True, help="The action classes: list, review, check, import and export them.")


class ExportFormat(StrEnum):
    """What `h2a classes export` writes."""

    JSONL = "jsonl"
    CSV = "csv"
    YAML = "yaml"
    MD = "md"


@app.command("list")
def list_classes(
    classes: ClassFilesOption = None,
    group: Annotated[str | None, typer.Option(help="Only the classes of this group.")] = None,
) -> None:
    """One line a class: label, id, group, seed tags."""
    from rich.console import Console
    from rich.table import Table

    from h2a_curation.taxonomy.load import load_classes

    chosen = load_classes(classes)
    groups = sorted({c.group for c in chosen})
    if group and group not in groups:
        raise ValueError(f"no group '{group}'; there are {', '.join(groups)}")
    table = Table("label", "class", "group", "seed tags", box=None)
    for c in chosen:
        if group in (None, c.group):
            table.add_row(str(c.label), c.id, c.group, " ".join(f"#{tag}" for tag in c.seed_hashtags))
    Console().print(table)


@app.command()
def show(class_id: str, classes: ClassFilesOption = None) -> None:
    """One class as a reviewer wants to see it, beside those that are easily taken for it."""
    from rich.console import Console

    from h2a_curation.cli.review import review
    from h2a_curation.taxonomy.load import class_named, load_classes

    every = load_classes(classes)
    Console().print(review(class_named(class_id, every), every))


@app.command()
def lint(classes: ClassFilesOption = None) -> None:
    """Check the whole contract of the class files: each fault is a line with file, line and remedy; exit 1 if any."""
    from h2a_curation.foundation.shipped_data import data_folder
    from h2a_curation.taxonomy.lint import lint as faults_of
    from h2a_curation.taxonomy.lint import place
    from h2a_curation.taxonomy.load import complete, read_files

    path = classes or data_folder() / "classes"
    files = read_files(path)
    num_classes = len(complete(files, str(path)))
    faults = faults_of(files)
    for fault in faults:
        typer.echo(f"{place(path, fault.class_id)}: {fault.class_id}: {fault.says}")
    typer.echo(f"{num_classes} classes, {len(faults) or 'no'} fault{'s' if len(faults) != 1 else ''}")
    if faults:
        raise typer.Exit(1)


@app.command("import")
def import_classes(
    file: Annotated[Path, typer.Argument(help="Hashtags one a line (.txt), or .csv or .yaml.")],
    out: Annotated[Path, typer.Option(help="The class file to write.")],
) -> None:
    """Make a class file from a list; says what a person must still write.

    A hashtag of a shipped class takes that class's text; for the others, name and prompts are made by rule.
    """
    from rich.console import Console
    from rich.table import Table

    from h2a_curation.taxonomy.export import as_class_file
    from h2a_curation.taxonomy.load import load_classes
    from h2a_curation.taxonomy.propose import propose

    if out.exists():
        raise ValueError(f"{out} exists; name another file, or move it away first")
    proposals = propose(file, load_classes())
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(as_class_file(file.stem, [p.given for p in proposals]), encoding="utf-8")
    table = Table("class", "from", "a person must still write", box=None)
    for p in proposals:
        table.add_row(p.given.id, p.taken_from or "rule", ", ".join(p.todo) or "nothing")
    Console().print(table)
    taken = sum(p.taken_from is not None for p in proposals)
    typer.echo(
        f"{out}: {len(proposals)} classes, {taken} with a shipped class's text; `h2a classes lint --classes {out}`"
    )


@app.command()
def export(
    classes: ClassFilesOption = None,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="yaml is a class file, md the page docs/classes.md.")
    ] = (ExportFormat.JSONL),
    out: OutOption = None,
) -> None:
    """Write the classes in a form that other programs read."""
    from h2a_curation.taxonomy import export as forms
    from h2a_curation.taxonomy.load import load_classes, load_history
    from h2a_curation.taxonomy.page import as_page

    chosen = load_classes(classes)
    writers = {
        ExportFormat.JSONL: lambda: forms.as_jsonl(chosen),
        ExportFormat.CSV: lambda: forms.as_csv(chosen),
        ExportFormat.YAML: lambda: forms.as_class_file("exported", chosen),
        ExportFormat.MD: lambda: as_page(chosen, load_history(classes)),
    }
    text = writers[form]()
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{out}: {len(chosen)} classes")

"""`h2a classes`: what the action classes are, whether they hold their contract, and lists in and out."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from h2a_curation.cli.options import ClassFilesOption, OutOption
from h2a_curation.foundation.terminal import put, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from h2a_curation.taxonomy.model import ClassFile

app = typer.Typer(
    no_args_is_help=True, help="The action classes: list, review, check, add, rename, import and export them."
)


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
    from rich.table import Table

    from h2a_curation.foundation.screen import screen
    from h2a_curation.taxonomy.load import load_classes

    chosen = load_classes(classes)
    groups = sorted({c.group for c in chosen})
    if group and group not in groups:
        raise ValueError(f"no group '{group}'; there are {', '.join(groups)}")
    table = Table("label", "class", "group", "seed tags", box=None)
    for c in chosen:
        if group in (None, c.group):
            table.add_row(str(c.label), c.id, c.group, " ".join(f"#{tag}" for tag in c.seed_hashtags))
    screen().print(table)


@app.command()
def show(class_id: str, classes: ClassFilesOption = None) -> None:
    """One class as a reviewer wants to see it, beside those that are easily taken for it."""
    from h2a_curation.cli.review import review
    from h2a_curation.foundation.screen import screen
    from h2a_curation.taxonomy.load import class_named, load_classes

    every = load_classes(classes)
    screen().print(review(class_named(class_id, every), every))


@app.command()
def lint(
    classes: ClassFilesOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write labels that are new into the ledger, labels.csv, and begin one.")
    ] = False,
    model: Annotated[
        str, typer.Option(help="The model, by open_clip's name, whose tokenizer says which prompts it would cut.")
    ] = "PE-Core-B-16",
) -> None:
    """Check the whole contract of the class files: each fault is a line with file, line and remedy; exit 1 if any.

    Prompts that the model would cut are among them: it reads the first 32 tokens, and says nothing of the others. Where
    a ledger lies beside the files, each label must stand for the class that it has always stood for.
    """
    from h2a_curation.foundation.shipped_data import data_folder
    from h2a_curation.models.clip import text_context
    from h2a_curation.taxonomy import edit, ledger
    from h2a_curation.taxonomy.lint import Reader, place
    from h2a_curation.taxonomy.lint import lint as faults_of
    from h2a_curation.taxonomy.load import complete, read_files

    path = classes or data_folder() / "classes"
    files = read_files(path)
    num_classes = len(complete(files, str(path)))
    if record:
        edit.write({ledger.ledger_path(path): ledger.as_ledger(_recorded(path, files))})
    context = text_context(model)
    reader = Reader(model=model, max_tokens=context.max_tokens, num_tokens=context.num_tokens)
    faults = [*faults_of(files, reader), *ledger.ledger_faults(files, ledger.read_ledger(ledger.ledger_path(path)))]
    for fault in faults:
        say(f"{place(path, fault.class_id)}: {fault.class_id}: {fault.says}")
    say(f"{num_classes} classes, {len(faults) or 'no'} fault{'s' if len(faults) != 1 else ''}")
    if faults:
        raise typer.Exit(1)


@app.command("new")
def new_class(
    class_id: Annotated[str, typer.Argument(metavar="ID", help="Kebab case, such as guitar-playing.")],
    group: Annotated[str, typer.Option(help="Group of the class; in a folder, the file of that group.")],
    name: Annotated[str, typer.Option(help="Name for people; default: made from the id.")] = "",
    definition: Annotated[str, typer.Option(help="One line that tells what must be seen.")] = "",
    tags: Annotated[str, typer.Option(help="Seed hashtags: TAG or TAG=REASON, with commas between.")] = "",
    excluded: Annotated[
        list[str] | None, typer.Option(help="TAG=WHY of a hashtag that means something else; may be given again.")
    ] = None,
    prompts: Annotated[
        list[str] | None, typer.Option(help="A caption of one frame of the action; may be given again.")
    ] = None,
    siblings: Annotated[str, typer.Option(help="Classes easily taken for this one, with commas between.")] = "",
    classes: ClassFilesOption = None,
) -> None:
    """Write a class with the next free label into its group's file, and say what a person must still write."""
    from h2a_curation.foundation.shipped_data import data_folder
    from h2a_curation.taxonomy import edit
    from h2a_curation.taxonomy.hashtags import normalise
    from h2a_curation.taxonomy.load import load_classes
    from h2a_curation.taxonomy.model import GivenClass
    from h2a_curation.taxonomy.propose import reason_of

    if wrong := [text for text in excluded or [] if not text.partition("=")[2].strip()]:
        raise ValueError(f"--excluded {wrong[0]}: write TAG=WHY, such as airguitar=no instrument")
    shipped = load_classes()
    seeds = [tag.partition("=") for tag in _listed(tags)]
    given = GivenClass(
        id=class_id,
        name=name or class_id.replace("-", " ").capitalize(),
        definition=definition,
        seed_hashtags={normalise(tag): why or reason_of(normalise(tag), class_id, shipped) for tag, _, why in seeds},
        excluded_hashtags={
            normalise(tag): why.strip() for tag, _, why in (text.partition("=") for text in excluded or [])
        },
        prompts=tuple(" ".join(prompt.split()) for prompt in prompts or []),
        siblings=tuple(_listed(siblings)),
    )
    path = classes or data_folder() / "classes"
    texts = edit.new_class(path, group, given)
    edit.write(texts)
    _show_edited(path, texts, class_id)


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="Id that the class has.")],
    new: Annotated[str, typer.Argument(help="Id that it gets.")],
    why: Annotated[str, typer.Option(help="Reason, for the history.")] = "a better name for the same action",
    classes: ClassFilesOption = None,
) -> None:
    """Give a class another id, and keep its label and what was learnt for it.

    The history gets a line. Siblings follow, and so do recipes and negatives that lie beside the class folder.
    """
    from datetime import UTC, datetime

    from h2a_curation.foundation.shipped_data import data_folder
    from h2a_curation.taxonomy import edit

    path = classes or data_folder() / "classes"
    texts = edit.renamed_class(path, old, new, why=why, today=datetime.now(UTC).date())
    edit.write(texts)
    _show_edited(path, texts, new)
    say(f"recipes elsewhere that name '{old}' under only_classes, and programs that know it, must follow by hand")


@app.command("import")
def import_classes(
    file: Annotated[Path, typer.Argument(help="Hashtags one a line (.txt), or .csv or .yaml.")],
    out: Annotated[Path, typer.Option(help="The class file to write.")],
) -> None:
    """Make a class file from a list; says what a person must still write.

    A hashtag of a shipped class takes that class's text; for the others, name and prompts are made by rule.
    """
    from rich.table import Table

    from h2a_curation.foundation.atomic_files import write_output
    from h2a_curation.foundation.screen import screen
    from h2a_curation.taxonomy.export import as_class_file
    from h2a_curation.taxonomy.load import load_classes
    from h2a_curation.taxonomy.propose import propose

    if out.exists():
        raise ValueError(f"{out} exists; name another file, or move it away first")
    proposals = propose(file, load_classes())
    out.parent.mkdir(parents=True, exist_ok=True)
    write_output(out, as_class_file(file.stem, [p.given for p in proposals]).encode())
    table = Table("class", "from", "a person must still write", box=None)
    for p in proposals:
        table.add_row(p.given.id, p.taken_from or "rule", ", ".join(p.todo) or "nothing")
    screen().print(table)
    taken = sum(p.taken_from is not None for p in proposals)
    say(f"{out}: {len(proposals)} classes, {taken} with a shipped class's text; `h2a classes lint --classes {out}`")


@app.command()
def export(
    classes: ClassFilesOption = None,
    form: Annotated[
        ExportFormat, typer.Option("--format", help="yaml is a class file, md the page docs/classes.md.")
    ] = (ExportFormat.JSONL),
    out: OutOption = None,
) -> None:
    """Write the classes in a form that other programs read."""
    from h2a_curation.foundation.atomic_files import write_output
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
        put(text.encode())
    else:
        write_output(out, text.encode())
        say(f"{out}: {len(chosen)} classes")


def _listed(text: str) -> list[str]:
    """The items of a list with commas between."""
    return [item.strip() for item in text.split(",") if item.strip()]


def _recorded(path: Path, files: "Sequence[ClassFile]") -> "list[tuple[int, str]]":
    """The ledger's rows with those that are new."""
    from h2a_curation.taxonomy import ledger

    return ledger.with_new_labels(ledger.read_ledger(ledger.ledger_path(path)) or [], files)


def _show_edited(path: Path, texts: "Mapping[Path, str]", class_id: str) -> None:
    """The files that changed, and what lint says of the class and of those that name it."""
    from h2a_curation.taxonomy import ledger
    from h2a_curation.taxonomy.lint import lint as faults_of
    from h2a_curation.taxonomy.lint import place
    from h2a_curation.taxonomy.load import class_named, load_classes, read_files

    every = load_classes(path)
    chosen = class_named(class_id, every)
    say(f"{place(path, class_id)}: {class_id}, label {chosen.label}")
    for file in sorted(texts):
        say(f"changed {file}")
    files = read_files(path)
    faults = [*faults_of(files), *ledger.ledger_faults(files, ledger.read_ledger(ledger.ledger_path(path)))]
    for fault in faults:
        if fault.class_id in (class_id, *chosen.siblings):
            say(f"still to do, {fault.class_id}: {fault.says}")

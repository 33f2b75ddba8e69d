"""The ledger of labels: which class each label has ever stood for, in `labels.csv` beside the class files.

Models and published versions know classes by label. The class files alone cannot tell that a label once stood for
another class: whoever renames a class by hand, without a line of history, leaves files that look sound, and what was
learnt for the class is lost. The ledger remembers. Rows are only ever added, so a row of an ended class stays, and is
held against the history for good.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from h2a_curation.taxonomy.lint import Fault
from h2a_curation.taxonomy.model import ClassFile

_COLUMNS = ["label", "id"]

Row = tuple[int, str]
"""A label and the id of a class that has had it."""


def ledger_path(classes: Path) -> Path:
    """The place of the ledger of a class folder, or of a class file that stands alone."""
    return classes.with_suffix(".labels.csv") if classes.suffix in (".yaml", ".yml") else classes / "labels.csv"


def read_ledger(path: Path) -> list[Row] | None:
    """The rows as they stand, None where there is no ledger; ValueError names file, line and remedy."""
    if not path.exists():
        return None
    lines: list[list[str]] = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    if not lines or lines[0] != _COLUMNS:
        raise ValueError(f"{path}:1: the first line must be {','.join(_COLUMNS)}; take the file from an older commit")
    for number, cells in enumerate(lines[1:], 2):
        if len(cells) != len(_COLUMNS) or not cells[0].isdecimal() or not cells[1]:
            raise ValueError(f"{path}:{number}: a line is a label and a class id, such as 8,drumming")
    return [(int(label), class_id) for label, class_id in lines[1:]]


def as_ledger(rows: Sequence[Row]) -> str:
    """The text of a ledger, by label; the classes that a label has stood for are in the order of the rows."""
    by_label = sorted(rows, key=lambda row: row[0])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(by_label)
    return text.getvalue()


def labels_of(files: Sequence[ClassFile]) -> list[Row]:
    """What the class files say of labels: those of ended classes by their history, then those of living ones."""
    ended = [(label, class_id) for file in files for c in file.history for class_id, label in c.classes.items()]
    return ended + [(c.label, c.id) for file in files for c in file.classes if c.label is not None]


def with_new_labels(ledger: Sequence[Row], files: Sequence[ClassFile]) -> list[Row]:
    """The ledger with the rows that the class files have and it lacks."""
    return [*ledger, *(row for row in labels_of(files) if row not in ledger)]


def ledger_faults(files: Sequence[ClassFile], ledger: Sequence[Row] | None) -> list[Fault]:
    """Where a label stands for another class than the ledger says and no history tells why, and what is not in it.

    None where there is no ledger: then nothing is known of earlier labels.
    """
    if ledger is None:
        return []
    now = labels_of(files)
    label_of = {class_id: label for label, class_id in now}
    holder_of = dict(now)  # a living class comes last, and so wins
    faults = []
    for label, class_id in ledger:
        if (label, class_id) in now:
            continue
        if class_id in label_of:
            says = f"had label {label} and has {label_of[class_id]} now: a label is never changed, so give it {label}"
            faults.append(Fault(class_id=class_id, says=says))
            continue
        holder = holder_of.get(label)
        into = f"kind: renamed, classes: {{{class_id}: {label}}}, into: [{holder or 'ID'}]"
        says = (
            f"label {label} was that of '{class_id}', and no history says what became of it: what was learnt for it"
            f" would be lost. Undo this and run `h2a classes rename {class_id} {holder or 'NEW'}`, or write a line of"
            f" history: {{date: YYYY-MM-DD, {into}, why: ...}}"
        )
        faults.append(Fault(class_id=holder or class_id, says=says))
    known = set(ledger)
    faults += [
        Fault(class_id=c.id, says=f"label {c.label} is not in the ledger: run `h2a classes lint --record`")
        for file in files
        for c in file.classes
        if c.label is not None and (c.label, c.id) not in known
    ]
    return faults

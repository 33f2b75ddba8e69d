"""The life cycle of classes: which living class goes on for which that ended, and which labels are taken for ever.

No fact in a lake names a class except a learnt tag's claim, so a renamed, split or merged class decides anew from the
rows at hand: its `former_ids` say whose learnt tags speak for it. A published version keeps its own ids and labels.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from h2a_curation.taxonomy.model import Change, refuse_twice


def former_ids(changes: Sequence[Change]) -> dict[str, tuple[str, ...]]:
    """The ended classes that each id goes on for, in any number of steps and whatever the order of `changes`.

    Two changes of one day have no order. As an id that ended is never used again, none is needed.
    """
    former: dict[str, set[str]] = defaultdict(set)
    for change in changes:
        for heir in change.into:
            former[heir] |= set(change.classes)
    grown = True
    while grown:
        before = sum(map(len, former.values()))
        for heir, ids in former.items():
            former[heir] = ids.union(*(former.get(ended, ()) for ended in ids))
        grown = sum(map(len, former.values())) > before
    return {heir: tuple(sorted(ids - {heir})) for heir, ids in former.items()}


def refuse_reuse(where: str, living: Mapping[str, int], changes: Sequence[Change]) -> None:
    """ValueError where an ended class lives, its label is another's, or what it became is unknown."""
    ended: dict[str, int] = {}
    refuse_twice(f"{where}, history", "ended class", (class_id for change in changes for class_id in change.classes))
    for change in changes:
        ended |= change.classes
    renamed = {
        change.into[0]: label for change in changes if change.kind == "renamed" for label in change.classes.values()
    }
    labels = {label: class_id for class_id, label in living.items()}
    for class_id, label in ended.items():
        if class_id in living:
            raise ValueError(f"{where}: class '{class_id}' has ended, says the history; give the living one another id")
        holder = labels.get(label)
        if holder is not None and renamed.get(holder) != label:
            raise ValueError(
                f"{where}: label {label} of '{holder}' was that of '{class_id}' and is never used again; "
                f"the next free one is {1 + max([*ended.values(), *living.values()])}"
            )
    for heir, label in renamed.items():
        if living.get(heir, label) != label:
            raise ValueError(f"{where}: '{heir}' was renamed and so keeps label {label}, not {living[heir]}")
    unknown = [heir for change in changes for heir in change.into if heir not in living and heir not in ended]
    if unknown:
        raise ValueError(f"{where}: the history names '{unknown[0]}', which no class file has")

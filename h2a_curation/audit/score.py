"""Precision and recall of a decision's rules, by class and over all, from labels on drawn posts.

Both are of everything that was listed: precision of the pairs of post and class that the rules take, once the file is
there; recall of the pairs that a tag speaks for and that show the class. What was fetched because it promised much is
mostly better than that, so counting right and wrong among kept clips would flatter both.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from h2a_curation.audit.estimate import FEW, Answer, Share, share
from h2a_curation.audit.pairs import TAKEN, Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Of one class, or of all."""

    class_id: str | None
    """None: all together, each pair once."""
    precision: Share | None
    """None: no labelled pair was taken."""
    recall: Share | None
    """None: no labelled pair shows the class."""

    @property
    def is_thin(self) -> bool:
        """Whether one of the figures rests on too little to build on."""
        return any(of is None or of.num_effective < FEW for of in (self.precision, self.recall))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the labels say of a decision."""

    rows: list[Row]
    """All together first, then the classes that have a label."""
    lost: dict[str, float]
    """Of the pairs that show their class, the estimated share that each stage and reason rejects, largest first."""
    num_pairs: int
    """Of drawn posts that have a file, and classes."""
    num_unlabelled: int
    num_undecided: int
    """Labelled, but not measured by the decision's models yet."""


def score(pairs: Sequence[Pair]) -> Scored:
    """Estimate from the pairs that have both a label and a verdict."""
    labelled = [p for p in pairs if p.shows is not None]
    known = [p for p in labelled if p.verdict is not None]
    of_class: dict[str, list[Pair]] = defaultdict(list)
    for pair in known:
        of_class[pair.class_id].append(pair)
    return Scored(
        rows=[_row(None, known), *(_row(class_id, of_class[class_id]) for class_id in sorted(of_class))],
        lost=_lost(_shown(known)),
        num_pairs=len(pairs),
        num_unlabelled=len(pairs) - len(labelled),
        num_undecided=len(labelled) - len(known),
    )


def _row(class_id: str | None, known: Sequence[Pair]) -> Row:
    return Row(
        class_id=class_id,
        precision=share([_answer(p, hit=bool(p.shows)) for p in known if p.verdict == TAKEN]),
        recall=share([_answer(p, hit=p.verdict == TAKEN) for p in _shown(known)]),
    )


def _shown(known: Sequence[Pair]) -> list[Pair]:
    """What recall is of. Not of posts looked at on sight alone: the rules found these, and nobody lists the others."""
    return [p for p in known if p.shows and not p.by_sight]


def _lost(shown: Sequence[Pair]) -> dict[str, float]:
    weight: dict[str, float] = defaultdict(float)
    for pair in shown:
        weight[pair.verdict or ""] += 1 / pair.probability
    total = sum(weight.values())
    lost = [(said, of / total) for said, of in weight.items() if said != TAKEN]
    return dict(sorted(lost, key=lambda item: (-item[1], item[0])))


def _answer(pair: Pair, *, hit: bool) -> Answer:
    return Answer(post_id=pair.post_id, probability=pair.probability, hit=hit)

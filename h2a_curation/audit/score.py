"""Estimate precision and recall of a decision's rules, by class and over all, from labels on drawn posts.

A pair is a post and a class that it is looked at for. Both figures are about all pairs of listed posts, fetched or not:

    precision = share that shows the class, of the pairs that the rules take
    recall    = share that the rules take, of the pairs that a tag speaks for and that show the class

Posts that are fetched promise more than the others, and are mostly better. So to count right and wrong among kept clips
would flatter both figures.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from h2a_curation.audit.estimate import FEW, Answer, Share, share
from h2a_curation.audit.pairs import TAKEN, Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Figures of one class, or of all classes together."""

    class_id: str | None
    """Id of the class; None for all classes together, where each pair counts once."""
    precision: Share | None
    """Estimated precision; None if no labelled pair was taken."""
    recall: Share | None
    """Estimated recall; None if no labelled pair shows the class."""

    @property
    def is_thin(self) -> bool:
        """Whether one of the figures rests on too little to build on."""
        return any(of is None or of.num_effective < FEW for of in (self.precision, self.recall))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Figures of a decision, and the numbers of pairs that they rest on."""

    rows: list[Row]
    """Figures of all classes together first, then of each class that has a label."""
    lost: dict[str, float]
    """Estimated share that each stage and reason rejects of the pairs that show their class, largest first."""
    num_pairs: int
    """Pairs of drawn posts that have a file."""
    num_unlabelled: int
    """Pairs without a label."""
    num_undecided: int
    """Pairs with a label whose clip is not measured by the decision's models yet."""


def score(pairs: Sequence[Pair]) -> Scored:
    """Estimate from the pairs that have both a label and a verdict."""
    labelled = [p for p in pairs if p.shows is not None]
    decided = [p for p in labelled if p.verdict is not None]
    of_class: dict[str, list[Pair]] = defaultdict(list)
    for pair in decided:
        of_class[pair.class_id].append(pair)
    return Scored(
        rows=[_row(None, decided), *(_row(class_id, of_class[class_id]) for class_id in sorted(of_class))],
        lost=_lost(_shown(decided)),
        num_pairs=len(pairs),
        num_unlabelled=len(pairs) - len(labelled),
        num_undecided=len(labelled) - len(decided),
    )


def _row(class_id: str | None, decided: Sequence[Pair]) -> Row:
    return Row(
        class_id=class_id,
        precision=share([_answer(p, hit=bool(p.shows)) for p in decided if p.verdict == TAKEN]),
        recall=share([_answer(p, hit=p.verdict == TAKEN) for p in _shown(decided)]),
    )


def _shown(decided: Sequence[Pair]) -> list[Pair]:
    """Pairs that recall is a share of: those that show their class, and that a tag speaks for.

    Pairs that frames alone brought up are left out. The rules found these, and nobody lists those that they missed.
    """
    return [p for p in decided if p.shows and not p.by_sight]


def _lost(shown: Sequence[Pair]) -> dict[str, float]:
    """Estimated share of the pairs that each verdict rejects, weighted as in estimate.py."""
    weight: dict[str, float] = defaultdict(float)
    for pair in shown:
        weight[pair.verdict or ""] += 1 / pair.probability
    total = sum(weight.values())
    lost = [(said, of / total) for said, of in weight.items() if said != TAKEN]
    return dict(sorted(lost, key=lambda item: (-item[1], item[0])))


def _answer(pair: Pair, *, hit: bool) -> Answer:
    return Answer(post_id=pair.post_id, probability=pair.probability, hit=hit)

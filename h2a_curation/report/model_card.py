"""The card of a model that others take: plain facts in, one page of Markdown out."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from h2a_curation.foundation.atomic_files import replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class CardForm:
    """Weights as one program loads them."""

    name: str
    loaded_by: str
    largest_difference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CardResult:
    """Figures on one split, in words: `84.1% (82.0% to 86.2%)`."""

    on: str
    num_videos: int
    top1: str
    top5: str
    mean_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """All that a card tells."""

    name: str
    licence: str
    """Identifier of the licence, such as `mit` or `cc-by-nc-4.0`."""
    what: str
    """What the model is, in a sentence or two."""
    num_parameters: int
    model: Mapping[str, Any]
    frame: str
    """Height and width of a frame, as `224x224`."""
    forms: Sequence[CardForm]
    missing: Sequence[str]
    """Why forms that others have are not there."""
    results: Sequence[CardResult]
    no_results: str
    """What is said where nothing was measured."""
    made: Sequence[str]
    """Facts about the run, a line each."""
    recipe: str
    classes: Sequence[str]


def write_card(card: ModelCard, target: Path) -> None:
    """Write the page."""
    environment = Environment(  # nosec B701  # Markdown, in which `plain` escapes what others wrote
        loader=PackageLoader("h2a_curation", "report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["plain"] = _plain
    page = environment.get_template("model_card.md.j2").render({**asdict(card)})
    with replaced(target.parent, target) as file:
        file.write(page.encode())


def _plain(name: str) -> str:
    """A name from a list of somebody else, which says nothing to Markdown, to HTML or to a table."""
    return html.escape(re.sub(r"([\\`*_\[\]|#])", r"\\\1", " ".join(name.split())))

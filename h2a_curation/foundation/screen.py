"""Tables and coloured lines on a terminal: rich's console, in which others' text is shown and never obeyed."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from h2a_curation.foundation.plain_text import visible


def screen(**options: Any) -> Console:
    """A console on standard output, or as rich's own options say; brackets and colons mean nothing in it."""
    return _Screen(**{"markup": False, "highlight": False, "emoji": False} | options)


class _Screen(Console):
    def render_str(self, text: str, *args: Any, **options: Any) -> Text:
        """Each text on its way into a line or a cell, so that columns fit what is shown."""
        return super().render_str(visible(text), *args, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Each piece on its way out, whatever made it; `control` is what rich itself has to say to the terminal."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(visible(piece.text), piece.style)

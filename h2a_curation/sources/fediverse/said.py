"""What instances say, read with care: any program may speak their protocol, and any value may be of another kind."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS

_BREAKS = frozenset({"br", "p", "div", "li", "blockquote"})
_HIDDEN = frozenset({"script", "style"})


@dataclass(frozen=True, slots=True)
class Creator:
    """Who posted, as an opt-out may name them."""

    name: str | None
    """`jane` on the instance itself, `jane@video.example` from elsewhere."""
    handle: str | None
    """The name without its host, where that is another."""


def creator_of(name: Any, host: str) -> Creator:
    """The creator of this name; `host` is empty for an account of the instance itself."""
    if not isinstance(name, str) or not name:
        return Creator(None, None)
    return Creator(f"{name}@{host}", name) if host else Creator(name, None)


def text(value: Any) -> str:
    """The value where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def record(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """The mappings of a list; of anything else, none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def words(values: Any) -> list[str]:
    """The texts of a list; of anything else, none."""
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def whole(value: Any) -> int | None:
    """The value where it is a whole number, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """The value where it is a number, else None."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:
        return None


def flag(value: Any) -> bool | None:
    """The value where it is true or false, else None."""
    return value if isinstance(value, bool) else None


def moment(value: Any) -> datetime | None:
    """The moment that a date of ISO 8601 names, in UTC; None for anything else."""
    try:
        said = datetime.fromisoformat(text(value))
        return said.replace(tzinfo=said.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def plain(html: Any) -> str:
    """The text of a piece of HTML, a line a paragraph.

    >>> plain("<p>Leg day <a href='#'>#<span>squat</span></a></p><p>&amp; more<br>of it</p>")
    'Leg day #squat\\n& more\\nof it'
    """
    parser = _Text()
    parser.feed(text(html)[: 4 * MAX_CAPTION_CHARACTERS])  # markup takes its part; what is longer is cut anyway
    parser.close()
    return "\n".join(line for line in map(str.strip, "".join(parser.parts).splitlines()) if line)


def joined(parts: Iterable[str]) -> str:
    """The parts that say something, a line each."""
    return "\n".join(part for part in parts if part)


class _Text(HTMLParser):
    """Collects what a reader sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._num_hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")
        self._num_hidden += tag in _HIDDEN

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS:
            self.parts.append("\n")
        self._num_hidden -= tag in _HIDDEN and self._num_hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._num_hidden:
            self.parts.append(data)

"""Begin a new source: its module, its line in the registry, and its case for the contract test.

    make new-source NAME=internet_archive

The module works, for a site whose answers look as its docstring says; the case fails until it serves what the real
site says, and tells so.
"""

import argparse
import keyword
import re
import sys
from pathlib import Path

TREE = Path(__file__).parents[1]
MODULE = '''"""@Class@: lists videos by hashtag, and gives their files.

Made by `make new-source`. It reads answers of this shape, so FILL IN what the site's documentation says instead:

    GET /search?tag=squat&start=0&count=30
    {"posts": [{"id": "7", "url": "https://...", "caption": "leg day #squat", "creator": "u7", "posted_at": 1767225600,
                "duration_s": 4.0, "width_px": 360, "height_px": 640, "num_views": 7, "num_likes": 1}], "more": true}
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from h2a_curation.acquire.errors import SourceChanged
from h2a_curation.sources.base import Cost, Page, SourceContext
from h2a_curation.sources.http import HttpClient
from h2a_curation.sources.politeness.robots import Robots
from h2a_curation.sources.recipe_types import PlainName
from h2a_curation.sources.sanitise import MAX_CAPTION_CHARACTERS, moment
from h2a_curation.taxonomy import hashtags
from schemas import Post

_SITE = "https://@name@.example"
"""FILL IN: the address of the site's API."""
SITE_ADDRESS = "H2A_@NAME@_URL"
"""The environment variable that names another address than the site's own, such as a test's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class @Class@Rules:
    """What a recipe says to the kind `@name@`.

    Fields are named as keys of a recipe's `source`; what this kind alone takes goes into a dataclass of its own, in a
    field `settings` (as FolderSettings in folder.py).
    """

    name: PlainName = "@name@"
    """Prefix of its posts' ids."""
    page_size: int = 30
    """Posts that one request lists."""
    min_interval_s: float = 1.0
    """Between two requests to one host, whatever the number of lanes."""
    max_per_host: int = 4
    """Lanes that may ask one host at a time; the others wait."""

    def __post_init__(self) -> None:
        if self.page_size < 1:
            raise ValueError(f"source {self.name}: page_size must be above 0, and is {self.page_size}")


class @Class@:
    """Cursors are offsets into the listing."""

    def __init__(self, rules: @Class@Rules, context: SourceContext) -> None:
        self.name = rules.name
        self._rules = rules
        self._context = context
        self._site = context.environment.get(SITE_ADDRESS) or _SITE
        self._client = HttpClient(context.pace(rules.min_interval_s, rules.max_per_host), context.limits, context.reach)
        self._robots = Robots()

    def check(self) -> None:
        """Nothing to look at: the site takes no key."""

    def search(self, tag: str, cursor: str) -> Page:
        """One request: a page of the tag's listing."""
        start = int(cursor or 0)
        query = urlencode({"tag": tag, "start": start, "count": self._rules.page_size})
        answer = self._client.get(f"{self._site}/search?{query}").raise_for_status()
        said = _said(answer.body)
        posts = {post.post_id: post for post in map(self._post, said["posts"])}
        return Page(
            posts=list(posts.values()),
            next_cursor=str(start + self._rules.page_size) if said.get("more") is True and posts else None,
            cost=Cost(num_requests=answer.num_requests, num_bytes=answer.num_bytes),
        )

    def fetch(self, post: Post, target: Path) -> None:
        """One request, after the host's robots.txt where that is honoured."""
        if self._context.honour_robots:
            self._robots.check(post.url, self._client.small_text)
        self._client.save(post.url, target)

    def _post(self, item: dict[str, Any]) -> Post:
        """FILL IN: the site's own names of its fields."""
        own_id, url = item.get("id"), item.get("url")
        if not isinstance(own_id, str) or not own_id or not isinstance(url, str):
            raise SourceChanged(f"{self.name} lists a post without id or address: {sorted(map(str, item))}")
        caption = item["caption"] if isinstance(item.get("caption"), str) else ""
        return Post(
            post_id=f"{self.name}:{own_id}",
            source=self.name,
            url=url,
            creator=str(item["creator"]) if item.get("creator") else None,
            caption=caption,
            hashtags=hashtags.unique(hashtags.in_text(caption[:MAX_CAPTION_CHARACTERS])),
            posted_at=moment(_number(item.get("posted_at"))),
            language=None,
            duration_s=_number(item.get("duration_s")),
            width_px=_whole(item.get("width_px")),
            height_px=_whole(item.get("height_px")),
            num_views=_whole(item.get("num_views")),
            num_likes=_whole(item.get("num_likes")),
            seen_at=self._context.clock(),
        )


def _said(body: bytes) -> dict[str, Any]:
    """The answer's JSON; SourceChanged for any other shape: a site's text is not ours to trust."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    posts = said.get("posts") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(posts, list) or not all(isinstance(item, dict) for item in posts):
        raise SourceChanged(f"no list of posts in an answer that begins with {body[:100]!r}")
    return said


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
'''
CASE = """from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2a_curation.sources.@name@ import SITE_ADDRESS
from h2a_curation.sources.rules import SourceRules
from tests.loopback import Site
from tests.sources.cases import CREATOR, NUM_POSTS, Through

TO_FILL_IN = (
    f"fill in tests/sources/cases/@name@.py: let `site` list {NUM_POSTS} posts of {CREATOR} under the tag"
    " squat, and none under surfing, as @name@ itself would; their files are at /media/0.mp4 and on."
    " Then remove the line that fails, and see to h2a_curation/sources/@name@.py"
)


@contextmanager
def rules(site: Site, folder: Path, through: Through) -> Iterator[SourceRules]:
    pytest.fail(TO_FILL_IN, pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SITE_ADDRESS, through(site.url))
        yield SourceRules(kind="@name@", name="@name@", page_size=10, min_interval_s=0)
"""
LINE = '    "@name@": Kind("@name@:@Class@", "@name@:@Class@Rules", by_tag=True),\n'


def begin(name: str, tree: Path = TREE) -> list[Path]:
    """Write the three files; ValueError for a name that cannot be, or is taken. Returns them."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or name.endswith("_"):
        raise ValueError(f"{name!r} cannot name a module: give small letters, digits and '_', such as internet_archive")
    sources = tree / "h2a_curation" / "sources"
    module, registry = sources / f"{name}.py", sources / "registry.py"
    case = tree / "tests" / "sources" / "cases" / f"{name}.py"
    if taken := [place for place in (module, module.with_suffix(""), case) if place.exists()]:
        raise ValueError(f"{taken[0].relative_to(tree)} is there: choose another name, or go on with that one")
    registry_text = _registered(registry.read_text(encoding="utf-8"), name)
    module.write_text(_filled(MODULE, name), encoding="utf-8")
    case.write_text(_filled(CASE, name), encoding="utf-8")
    registry.write_text(registry_text, encoding="utf-8")
    return [module, case, registry]


def _registered(text: str, name: str) -> str:
    """The registry with one line more, at the end of its KINDS."""
    start = text.index("\nKINDS = {\n")
    end = text.index("\n}\n", start) + 1
    return text[:end] + _filled(LINE, name) + text[end:]


def _filled(template: str, name: str) -> str:
    words = {"@name@": name, "@NAME@": name.upper(), "@Class@": "".join(word.capitalize() for word in name.split("_"))}
    for mark, word in words.items():
        template = template.replace(mark, word)
    return template


def main(arguments: list[str] | None = None) -> int:
    """As a command: what was written, and what to do next."""
    parser = argparse.ArgumentParser(description="Begin a new source.")
    parser.add_argument("name", help="of the module and of the kind in recipes, such as internet_archive")
    name = parser.parse_args(arguments).name
    try:
        files = begin(name)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for file in files:
        sys.stdout.write(f"written: {file.relative_to(TREE)}\n")
    test = f'.venv/bin/pytest tests/sources/test_contract.py tests/sources/test_hostile.py -k "{name}"'
    sys.stdout.write(f"next: {test} says what to fill in; docs/sources.md has a table to join\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Who asks to be left alone: by a list that the user keeps, or by a mark on the post.

Where an entry may mean two things it means both: a post too many that is left alone is the smaller wrong.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from h2a_curation.sources import watch_pages
from h2a_curation.sources.address import NOBODY
from h2a_curation.sources.politeness import addresses
from h2a_curation.sources.politeness.addresses import Addresses
from schemas import OptedOut, Post, arrow_schema

MARKS = frozenset(
    {"donotdownload", "donottrain", "noai", "noaitraining", "nodatamining", "nodownload", "noscraping", "notdm"}
)
"""Hashtags, normalised, by which creators say that a post is not to be taken."""
COLUMNS = ("post_id", "url", "creator", "handle", "hashtags")
"""Columns of `post` that tell who a post is by."""
_SCHEMA = pa.schema([(column, pa.list_(pa.string()) if column == "hashtags" else pa.string()) for column in COLUMNS])
_HOST = re.compile(r"(?:[\w-]+\.)+[^\W\d_][\w-]+|(?:\d{1,3}\.){3}\d{1,3}|localhost")
_NO_SCHEME = re.compile(r"(?://|[\w-]+(?:\.[\w-]+)+(?::\d+)?/)")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_FEW = 1000
"""Rows up to which looking names up one by one is faster than handing Arrow the whole list."""
_OWN_ID = 8
"""Characters from which on a site's id is one of no other site."""
_POST, _CREATOR, _HOST_LISTED = (f"the {what} is on the opt-out list" for what in ("post", "creator", "host"))


@dataclass(slots=True)
class _Listed:
    """A list's entries by what they may mean, in the spelling of `addresses.spelt`."""

    posts: set[str] = field(default_factory=set)
    """Ids, with or without their source, and keys of addresses."""
    queries: dict[str, list[frozenset[tuple[str, str]]]] = field(default_factory=dict)
    """Parameters that make an address a post's, by the address's key."""
    hosts: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Creators in the entries' own case: of these pseudonyms are made."""

    def add_words(self, entries: Sequence[str]) -> None:
        """What is no address: after an `@` a creator, else a creator or an id, and a host where it looks like one."""
        self.names.update(entry.removeprefix("@") for entry in entries)
        for plain in _spelt(entry for entry in entries if not entry.startswith("@")):
            self.posts.add(plain.rstrip("/"))
            if _HOST.fullmatch(plain):
                self.hosts.add(plain.removeprefix("www.") if plain.count(".") > 1 else plain)

    def add_addresses(self, entries: Sequence[str]) -> None:
        """Add entries that are addresses of posts, profiles or hosts."""
        for named in addresses.named(entries):
            if named.host:
                self.hosts.add(named.host)
            elif named.parameters:
                self.queries.setdefault(named.key, []).append(named.parameters)
            else:
                self.posts.add(named.key)
            if len(named.own_id) >= _OWN_ID:
                self.posts.add(named.own_id)
            if named.creator:
                self.names.add(named.creator)


class OptOuts:
    """Posts, creators and hosts to leave alone."""

    def __init__(
        self,
        entries: Iterable[str] = (),
        *,
        by_marks: bool = True,
        pseudonym: Callable[[str], str] | None = None,
    ) -> None:
        """`entries`: addresses of posts, creators or hosts, post ids (with or without the source's name), creators'
        names, hosts. ValueError for one that names nothing.

        With `pseudonym`, the lake's, a creator is known by the hash in its rows as well.
        """
        stripped = [entry.strip() for entry in entries]
        if empty := [entry for entry in stripped if not entry.strip("@/ ")]:
            raise ValueError(f"'{empty[0]}' names no creator, post or host")
        whole = [f"https://{e.removeprefix('//')}" if _NO_SCHEME.match(e) else e for e in stripped]
        self._listed = _Listed()
        self._listed.add_words([entry for entry in whole if "://" not in entry])
        self._listed.add_addresses([each for entry in whole if "://" in entry for each in [entry, *_spellings(entry)]])
        names = {name for listed in self._listed.names for name in (listed, _without_host(listed))} - {NOBODY}
        lower = _spelt(names)
        self._creators = set(lower)
        if pseudonym is not None:
            self._creators.update(pseudonym(at + name) for name in {*names, *lower} for at in ("", "@"))
        self.by_marks = by_marks

    @classmethod
    def read(cls, files: Sequence[Path], *, by_marks: bool, pseudonym: Callable[[str], str] | None = None) -> "OptOuts":
        """From files with an entry a line; what follows a `#` is for the reader. ValueError names file and remedy."""
        entries = [entry for file in files for entry in _entries(file)]
        return cls(entries, by_marks=by_marks, pseudonym=pseudonym)

    @property
    def has_entries(self) -> bool:
        """Whether a list names anybody; without, only marks are looked at."""
        return bool(self._creators or self._listed.posts or self._listed.hosts or self._listed.queries)

    def reason(self, post: Post) -> str:
        """Why the post is to be left alone; empty where nobody asked."""
        return self.reasons([post])[0]

    def reasons(self, posts: Sequence[Post]) -> list[str]:
        """As `reason`, of many posts."""
        rows = [{column: getattr(post, column) for column in COLUMNS} for post in posts]
        said = dict(zip(*self.among(pa.Table.from_pylist(rows, _SCHEMA)).to_pydict().values(), strict=True))
        return [said.get(post.post_id, "") for post in posts]

    def among(self, posts: pa.Table) -> pa.Table:
        """Which of the posts (COLUMNS) are to be left alone: rows of OptedOut."""
        posts = posts.select(COLUMNS).combine_chunks()
        columns = (_one(posts[column], _SCHEMA.field(column).type) for column in COLUMNS)
        post_id, url, creator, handle, hashtags = columns
        reason = _marked(hashtags) if self.by_marks else pa.nulls(len(posts), pa.string())
        if self.has_entries:
            said = addresses.read(url)
            reason = pc.if_else(self._is_hosted(said.host), _HOST_LISTED, reason)
            for name in (creator, handle, said.handle):
                reason = pc.if_else(self._is_by(name), _CREATOR, reason)
            reason = pc.if_else(self._is_listed(post_id, said), _POST, reason)
        asked = pc.is_valid(reason)
        return pa.Table.from_arrays([post_id.filter(asked), reason.filter(asked)], schema=arrow_schema(OptedOut))

    def _is_listed(self, post_id: pa.Array, said: Addresses) -> pa.Array:
        whole = addresses.spelt(post_id)
        own = pc.replace_substring_regex(whole, r"^[^:]*:", "")
        is_listed = _among(whole, self._listed.posts)
        for name in (own, said.key, said.own_id):
            is_listed = pc.or_(is_listed, _among(name, self._listed.posts))
        if not self._listed.queries:
            return is_listed
        rows = pc.indices_nonzero(_among(said.key, self._listed.queries.keys())).to_pylist()
        asked = {row for row in rows if self._is_queried(said.key[row].as_py(), said.query[row].as_py() or "")}
        return pc.or_(is_listed, pa.array([row in asked for row in range(len(post_id))]))

    def _is_queried(self, key: str, query: str) -> bool:
        """Whether a listed address and the post's say nothing that differs."""
        own = addresses.parameters(query, key)
        return any(own <= listed or listed <= own for listed in self._listed.queries[key])

    def _is_by(self, creator: pa.Array) -> pa.Array:
        return _among(pc.utf8_ltrim(addresses.spelt(creator), "@"), self._creators)

    def _is_hosted(self, host: pa.Array) -> pa.Array:
        hosts = [h for h in pc.unique(host).to_pylist() if h and not self._listed.hosts.isdisjoint(addresses.wider(h))]
        return _among(host, hosts)


def _spellings(entry: str) -> list[str]:
    """The other addresses of a video of PeerTube; of anything else none."""
    try:
        parts = urlsplit(entry)
    except ValueError:
        return []
    return [f"{parts.scheme}://{parts.netloc}{path}" for path in watch_pages.spellings(parts.path)]


def _without_host(name: str) -> str:
    """The name of an account as its own instance has it: `jane` of `jane@social.example`."""
    plain, at, host = name.removeprefix("@").partition("@")
    return plain if at and _HOST.fullmatch(host) else name


def _entries(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: the opt-out list cannot be read ({error}); mend it, or leave it out") from None
    entries = [_COMMENT.sub("", line).strip() for line in lines]
    for number, entry in enumerate(entries, start=1):
        if entry and not entry.strip("@/ "):
            raise ValueError(f"{file}:{number}: '{entry}' names no creator, post or host: mend the line, or remove it")
    return [entry for entry in entries if entry]


def _spelt(names: Iterable[str]) -> list[str]:
    spelt: list[str] = addresses.spelt(pa.array(names, pa.string())).to_pylist()
    return spelt


def _marked(hashtags: pa.Array) -> pa.Array:
    """Which mark each post carries, the first in the alphabet; null where none."""
    of_post, tags = pc.list_parent_indices(hashtags), pc.list_flatten(hashtags)
    is_mark = pc.is_in(tags, pa.array(sorted(MARKS)))
    found: dict[int, str] = {}
    for row, tag in zip(of_post.filter(is_mark).to_pylist(), tags.filter(is_mark).to_pylist(), strict=True):
        found[row] = min(tag, found.get(row, tag))
    return pa.array([f"marked #{found[row]}" if row in found else None for row in range(len(hashtags))], pa.string())


def _among(column: pa.Array, names: Collection[str]) -> pa.Array:
    """Whether each value is one of the names; a null is none."""
    if len(column) <= _FEW:
        return pa.array([value in names for value in column.to_pylist()], pa.bool_())
    return pc.is_in(column, pa.array(list(names), pa.string()))


def _one(column: pa.ChunkedArray, type_: pa.DataType) -> pa.Array:
    """One array of one type, whatever the engine made of it."""
    return pa.concat_arrays(column.chunks or [pa.array([], column.type)]).cast(type_)

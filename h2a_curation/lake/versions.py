"""What a published version's own files say: read in one place, checked, and refused in one line where damaged.

Publishing and training both read versions here, the one from a folder, the other from any address.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import pyarrow as pa

from h2a_curation.foundation import json_file
from h2a_curation.foundation.atomic_files import plain_name, sha256_name
from h2a_curation.lake import layout
from schemas import Member, from_arrow
from schemas.publish import Manifest, ShardEntry

T = TypeVar("T")

FORMAT = 1
"""Format of a manifest. A reader refuses a later one, since it cannot know what changed."""


def dense_indices(labels: Mapping[str, int]) -> dict[str, int]:
    """Numbers 0 to n - 1 of classes in the order of their labels, which have gaps.

    >>> dense_indices({"squat": 7, "deadlift": 3})
    {'deadlift': 0, 'squat': 1}
    """
    return {class_id: index for index, class_id in enumerate(sorted(labels, key=lambda name: (labels[name], name)))}


def as_bytes(manifest: Manifest) -> bytes:
    """The content of `manifest.json`."""
    return json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode()


def parse(content: bytes, where: str) -> Manifest:
    """The manifest that `manifest.json` at `where` holds.

    ValueError in one line for what is no manifest, is of another format, or gives a name that leads elsewhere. Fields
    that this program does not know are left out, as columns of a table are.
    """
    try:
        fields = json_file.parse(content)
        if not isinstance(fields, dict) or type(fields.get("format")) is not int:
            raise TypeError("it says no format")
    except (ValueError, TypeError) as broken:
        raise ValueError(f"{where} is damaged ({broken}): publish again, or restore it from a backup") from broken
    if fields["format"] != FORMAT:
        raise ValueError(f"{where} has format {fields['format']}, this program reads {FORMAT}: update it")
    try:
        return _manifest(fields, where)
    except _DamagedError as damaged:
        raise ValueError(f"{where} is damaged ({damaged}): publish again, or restore it from a backup") from damaged


def most_members(num_bytes: int) -> int:
    """Rows that a `clip.parquet` of so many bytes may have: two hashes a clip, of a few classes."""
    return num_bytes // 8


def members(table: pa.Table, where: str) -> list[Member]:
    """The rows of the `clip.parquet` at `where`, in the file's order, each with the plain name of a shard."""
    rows = from_arrow(Member, table)
    for file in {row.shard for row in rows}:
        layout.shard(file, f"{where} names a shard")
    return rows


class _DamagedError(Exception):
    """A field is missing, or is of another kind than it must be."""


def _manifest(fields: Mapping[str, Any], where: str) -> Manifest:
    name = _text(fields, "name")
    files = {file: _text(_mapping(fields, "files"), file) for file in _mapping(fields, "files")}
    for file in files:
        layout.inside_version(file, f"{where} names in the file {file!r} the part")
    if layout.MEMBERS not in files:
        raise _DamagedError(f"its files lack {layout.MEMBERS}")
    labels = _counts(fields, "labels")
    return Manifest(
        format=FORMAT,
        name=name,
        created=_text(fields, "created"),
        decision=_text(fields, "decision"),
        recipe=_text(fields, "recipe"),
        labels=labels,
        indices=_indices(fields, labels),
        num_clips=_counts(fields, "num_clips"),
        shards=[_shard(entry, where) for entry in _list(fields, "shards")],
        files=files,
    )


def _indices(fields: Mapping[str, Any], labels: Mapping[str, int]) -> dict[str, int]:
    """The classes' indices; versions of before they were written have those that the rule gives."""
    indices = dense_indices(labels)
    if "indices" in fields and _counts(fields, "indices") != indices:
        raise _DamagedError("'indices' do not number the classes in the order of their labels")
    return indices


def _shard(entry: Any, where: str) -> ShardEntry:
    """A shard's file name and hash become paths and addresses, in the lake and in a cache."""
    if not isinstance(entry, dict):
        raise _DamagedError("a shard is no mapping of names to values")
    file = plain_name(entry.get("file"), f"{where} names a shard")
    return ShardEntry(
        file=file,
        sha256=sha256_name(entry.get("sha256"), f"{where} gives the shard {file} the hash"),
        num_bytes=_number(entry, "num_bytes"),
        num_clips=_number(entry, "num_clips"),
    )


def _text(fields: Mapping[str, Any], key: str) -> str:
    return _is(str, fields, key, "a text")


def _number(fields: Mapping[str, Any], key: str) -> int:
    return _is(int, fields, key, "a whole number")


def _list(fields: Mapping[str, Any], key: str) -> list[Any]:
    return _is(list, fields, key, "a list")


def _mapping(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    return _is(dict, fields, key, "a mapping of names to values")


def _counts(fields: Mapping[str, Any], key: str) -> dict[str, int]:
    """Whole numbers by name."""
    return {name: _number(_mapping(fields, key), name) for name in _mapping(fields, key)}


def _is(kind: type[T], fields: Mapping[str, Any], key: str, words: str) -> T:
    """The value of this key, which must be of this very kind: in Python, True is a number too."""
    if key not in fields:
        raise _DamagedError(f"{key!r} is missing")
    if type(fields[key]) is not kind:
        raise _DamagedError(f"{key!r} is not {words}")
    value: T = fields[key]
    return value

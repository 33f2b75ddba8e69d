"""A published version's clips: which there are, and each one's bytes out of its shard, checked.

A lake is a folder or any address that fsspec knows: s3://bucket/lake, gs://..., https://..., as far as the package for
it is installed (s3fs, gcsfs, aiohttp).
"""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.foundation.atomic_files import plain_name, sha256_name
from h2a_curation.videomae.data.disk_cache import DiskCache
from schemas import Member, from_arrow

FORMAT = 1
"""Format of manifest.json that this code reads."""
CACHE_BYTES = 200 * 2**30
_AT_ONCE = 16
"""Questions to a distant server on its way at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One tar, as the manifest describes it."""

    file: str
    sha256: str
    num_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An open version. Members are in the order of their clip ids, whatever the order of the file."""

    name: str
    shards: str
    """Folder of the tars, a path or address that fsspec knows."""
    members: list[Member]
    clips_sha256: str
    """sha256 of clip.parquet: equal for equal content."""
    shard_files: dict[str, Shard]
    """The shards by file name."""
    cache: DiskCache | None

    def split(self, name: str) -> list[Member]:
        """The members of one split; there may be none."""
        return [m for m in self.members if m.split == name]


def open_version(lake: Path | str, name: str, *, cache: Path | None = None, cache_bytes: int = CACHE_BYTES) -> Version:
    """Read a version's manifest and clip.parquet, and compare the shards' lengths with the manifest's.

    With a folder `cache`, shards are copied there whole, up to `cache_bytes` in all, when their first clip is read;
    those that find no room are read where they are, clip by clip.

    ValueError in one line if there is no such version, it has no clip, or a file is changed, cut short or missing.
    """
    folder = f"{lake}/versions/{plain_name(name, 'a version is named')}"
    manifest = _manifest(folder, name)
    members, sha256 = _members(folder, name, manifest["files"]["clip.parquet"])
    shards = [_shard(fields, f"{folder}/manifest.json") for fields in manifest["shards"]]
    version = Version(
        name=name,
        shards=f"{lake}/shards",
        members=members,
        clips_sha256=sha256,
        shard_files={s.file: s for s in shards},
        cache=DiskCache(folder=cache, limit_bytes=cache_bytes) if cache else None,
    )
    _check_shards(version, shards)
    return version


def read_clip(version: Version, member: Member) -> bytes:
    """The member's mp4. ValueError with its name if the shard ends before it does or its sha256 differs."""
    data = _cached(version, member)
    if data is not None and _fault(data, member):
        assert version.cache is not None
        version.cache.drop(version.shard_files[member.shard].sha256)
        data = _cached(version, member)
    if data is None:
        data = _span(version, member)
    if fault := _fault(data, member):
        raise ValueError(fault)
    return data


def _fault(data: bytes, member: Member) -> str | None:
    """What is wrong with a clip's bytes."""
    if len(data) < member.num_bytes:
        return f"shard {member.shard} is cut short: it ends inside {member.clip_id}.mp4; pack again"
    if hashlib.sha256(data).hexdigest() != member.sha256:
        return f"{member.clip_id}.mp4 in shard {member.shard} is changed: its sha256 differs; pack again"
    return None


def _span(version: Version, member: Member) -> bytes:
    """A clip's bytes from where its shard lies."""
    address = f"{version.shards}/{member.shard}"
    filesystem, path = _filesystem(address)
    try:
        data: bytes = filesystem.cat_file(path, start=member.offset, end=member.offset + member.num_bytes)
    except OSError as failed:
        raise ValueError(f"{address} cannot be read: {_said(failed)}") from failed
    if len(data) > member.num_bytes:
        raise ValueError(f"the server of {address} does not serve parts of files: give a cache folder")
    return data


def _cached(version: Version, member: Member) -> bytes | None:
    """A clip's bytes from the cache, if there is one with room for the shard."""
    if version.cache is None:
        return None
    shard, address = version.shard_files[member.shard], f"{version.shards}/{member.shard}"

    def fetch(to: Path) -> None:
        filesystem, path = _filesystem(address)
        filesystem.get_file(path, str(to))

    try:
        return version.cache.read(shard.sha256, shard.num_bytes, fetch, member.offset, member.num_bytes)
    except OSError as failed:
        folder = version.cache.folder
        raise ValueError(f"{address} cannot be copied to the cache {folder}: {_said(failed)}") from failed


def _manifest(folder: str, name: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(_read(f"{folder}/manifest.json"))
    except FileNotFoundError as missing:
        raise ValueError(f"no version {name} in this lake: {missing} is missing") from missing
    except OSError as failed:
        raise ValueError(f"{folder} cannot be read: {_said(failed)}") from failed
    except json.JSONDecodeError as broken:
        raise ValueError(f"{folder}/manifest.json is damaged ({broken}): publish again") from broken
    if manifest["format"] != FORMAT:
        raise ValueError(f"version {name} has format {manifest['format']}; this program reads {FORMAT}")
    return manifest


def _members(folder: str, name: str, expected_sha256: str) -> tuple[list[Member], str]:
    """The rows of clip.parquet in the order of their clip ids, and the file's sha256."""
    try:
        table = _read(f"{folder}/clip.parquet")
    except OSError as failed:
        raise ValueError(f"clip.parquet of version {name} cannot be read: {_said(failed)}") from failed
    sha256 = hashlib.sha256(table).hexdigest()
    if sha256 != expected_sha256:
        raise ValueError(f"clip.parquet of version {name} is not the published one: its sha256 differs; publish again")
    # In this thread: after Arrow's own threads have read from memory, a process that ends soon may abort (pyarrow 26).
    reader = pq.ParquetFile(pa.BufferReader(table), pre_buffer=False)
    members = from_arrow(Member, reader.read(use_threads=False))
    for member in members:
        plain_name(member.shard, f"clip.parquet of version {name} names a shard")
    if not members:
        raise ValueError(f"version {name} has no clip: nothing to train on")
    return sorted(members, key=lambda m: (m.clip_id, m.class_id)), sha256


def _shard(fields: dict[str, Any], manifest: str) -> Shard:
    """Names become paths and addresses, here and in the cache: they are checked before that."""
    file = plain_name(fields["file"], f"{manifest} names a shard")
    sha256 = sha256_name(fields["sha256"], f"{manifest} gives the shard {file} the hash")
    return Shard(file=file, sha256=sha256, num_bytes=fields["num_bytes"])


def _check_shards(version: Version, shards: Sequence[Shard]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = pool.map(lambda shard: _length_fault(version, shard), shards)
        if fault := next((f for f in faults if f), None):
            raise ValueError(fault)


def _length_fault(version: Version, shard: Shard) -> str | None:
    filesystem, path = _filesystem(f"{version.shards}/{shard.file}")
    try:
        found = filesystem.size(path)
    except FileNotFoundError:
        return f"shard {shard.file} of version {version.name} is missing from {version.shards}: pack again"
    except OSError as failed:
        return f"shard {shard.file} in {version.shards} cannot be looked at: {_said(failed)}"
    if found is not None and found != shard.num_bytes:
        return f"shard {shard.file} has {found} bytes, not the {shard.num_bytes} of its version: pack or copy it again"
    return None


def _read(address: str) -> bytes:
    filesystem, path = _filesystem(address)
    data: bytes = filesystem.cat_file(path)
    return data


def _filesystem(address: str) -> tuple[Any, str]:
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    except ImportError as missing:
        raise ValueError(f"{address} cannot be opened: {missing}") from missing
    return filesystem, path


def _said(failed: OSError) -> str:
    return str(failed) or type(failed).__name__

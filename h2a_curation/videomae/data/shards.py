"""A published version's clips: which there are, and each one's bytes out of its shard, checked.

A lake is a folder or any address that fsspec knows: s3://bucket/lake, gs://..., https://..., as far as the package for
it is installed (s3fs, gcsfs, aiohttp).
"""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from h2a_curation.foundation import parquet_file
from h2a_curation.lake import layout, versions
from h2a_curation.videomae.data.disk_cache import DiskCache
from schemas import Member
from schemas.publish import Manifest, ShardEntry

CACHE_BYTES = 200 * 2**30
_AT_ONCE = 16
"""Questions to a distant server on its way at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An open version. Members are in the order of their clip ids, whatever the order of the file."""

    name: str
    lake: str
    """Path or address of the lake, as fsspec knows it."""
    members: list[Member]
    clips_sha256: str
    """Hash of clip.parquet: equal for equal content."""
    indices: dict[str, int]
    """Class id to its number among the version's classes, without gaps: see schemas/publish.py."""
    shards: dict[str, ShardEntry]
    """The tars by their file names."""
    cache: DiskCache | None

    def address(self, shard: str) -> str:
        """Path or address of a tar."""
        return f"{self.lake}/{layout.shard(shard)}"

    def split(self, name: str) -> list[Member]:
        """The members of one split; there may be none."""
        return [m for m in self.members if m.split == name]


def open_version(lake: Path | str, name: str, *, cache: Path | None = None, cache_bytes: int = CACHE_BYTES) -> Version:
    """Read a version's manifest and clip.parquet, and compare the shards' lengths with the manifest's.

    With a folder `cache`, shards are copied there whole, up to `cache_bytes` in all, when their first clip is read;
    those that find no room are read where they are, clip by clip.

    ValueError in one line if there is no such version, it has no clip, or a file is changed, cut short or missing.
    """
    manifest = _manifest(str(lake), name)
    members, sha256 = _members(str(lake), name, manifest.files[layout.MEMBERS])
    version = Version(
        name=name,
        lake=str(lake),
        members=members,
        clips_sha256=sha256,
        indices=manifest.indices,
        shards={shard.file: shard for shard in manifest.shards},
        cache=DiskCache(folder=cache, limit_bytes=cache_bytes) if cache else None,
    )
    _check_shards(version)
    return version


def read_clip(version: Version, member: Member) -> bytes:
    """The member's mp4. ValueError with its name if the shard ends before it does or its sha256 differs."""
    data = _cached(version, member)
    if data is not None and _fault(data, member):
        assert version.cache is not None
        version.cache.drop(version.shards[member.shard].sha256)
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
    address = version.address(member.shard)
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
    shard, address = version.shards[member.shard], version.address(member.shard)

    def fetch(to: Path) -> None:
        filesystem, path = _filesystem(address)
        filesystem.get_file(path, str(to))

    try:
        return version.cache.read(shard.sha256, shard.num_bytes, fetch, member.offset, member.num_bytes)
    except OSError as failed:
        folder = version.cache.folder
        raise ValueError(f"{address} cannot be copied to the cache {folder}: {_said(failed)}") from failed


def _manifest(lake: str, name: str) -> Manifest:
    file = f"{lake}/{layout.manifest(name)}"
    try:
        content = _read(file)
    except FileNotFoundError as missing:
        raise ValueError(f"no version {name} in this lake: {missing} is missing") from missing
    except OSError as failed:
        raise ValueError(f"{lake}/{layout.version(name)} cannot be read: {_said(failed)}") from failed
    return versions.parse(content, file)


def _members(lake: str, name: str, expected_sha256: str) -> tuple[list[Member], str]:
    """The rows of clip.parquet in the order of their clip ids, and the file's sha256."""
    file, said = f"{lake}/{layout.version_file(name, layout.MEMBERS)}", f"{layout.MEMBERS} of version {name}"
    try:
        content = _read(file)
    except OSError as failed:
        raise ValueError(f"{said} cannot be read: {_said(failed)}") from failed
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != expected_sha256:
        raise ValueError(f"{said} is not the published one: its sha256 differs; publish again")
    table = parquet_file.read(content, said, most_rows=versions.most_members(len(content)))
    members = versions.members(table, said)
    if not members:
        raise ValueError(f"version {name} has no clip: nothing to train on")
    return sorted(members, key=lambda m: (m.clip_id, m.class_id)), sha256


def _check_shards(version: Version) -> None:
    if unknown := {member.shard for member in version.members} - version.shards.keys():
        raise ValueError(f"{layout.MANIFEST} of version {version.name} lacks shard {min(unknown)}: publish again")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = pool.map(lambda shard: _length_fault(version, shard), version.shards.values())
        if fault := next((f for f in faults if f), None):
            raise ValueError(fault)


def _length_fault(version: Version, shard: ShardEntry) -> str | None:
    filesystem, path = _filesystem(version.address(shard.file))
    try:
        found = filesystem.size(path)
    except FileNotFoundError:
        return f"shard {shard.file} of version {version.name} is missing from {_folder(version)}: pack again"
    except OSError as failed:
        return f"shard {shard.file} in {_folder(version)} cannot be looked at: {_said(failed)}"
    if found is not None and found != shard.num_bytes:
        return f"shard {shard.file} has {found} bytes, not the {shard.num_bytes} of its version: pack or copy it again"
    return None


def _folder(version: Version) -> str:
    return f"{version.lake}/{layout.SHARDS}"


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

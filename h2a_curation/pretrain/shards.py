"""A published version's clips: which there are, and each one's bytes out of its shard, checked."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from schemas import Member, from_arrow

FORMAT = 1
"""Of manifest.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """An open version. Members are in the order of their clip ids, whatever the order of the file."""

    name: str
    shards: str
    """Folder of the tars, a path or address that fsspec knows."""
    members: list[Member]
    clips_sha256: str
    """Of clip.parquet: equal for equal content."""

    def split(self, name: str) -> list[Member]:
        """The members of one split; there may be none."""
        return [m for m in self.members if m.split == name]


def open_version(lake: Path | str, name: str) -> Version:
    """Read a version's manifest and clip.parquet, and compare the shards' lengths with the manifest's.

    ValueError in one line if there is no such version, it has no clip, or a file is changed, cut short or missing.
    """
    folder = f"{lake}/versions/{name}"
    manifest = _manifest(folder, name)
    table = _read(f"{folder}/clip.parquet")
    sha256 = hashlib.sha256(table).hexdigest()
    if sha256 != manifest["files"]["clip.parquet"]:
        raise ValueError(f"clip.parquet of version {name} is not the published one: its sha256 differs; publish again")
    # In this thread: after Arrow's own threads have read from memory, a process that ends soon may abort (pyarrow 26).
    reader = pq.ParquetFile(pa.BufferReader(table), pre_buffer=False)
    members = from_arrow(Member, reader.read(use_threads=False))
    if not members:
        raise ValueError(f"version {name} has no clip: nothing to train on")
    version = Version(
        name=name,
        shards=f"{lake}/shards",
        members=sorted(members, key=lambda m: (m.clip_id, m.class_id)),
        clips_sha256=sha256,
    )
    for shard in manifest["shards"]:
        _check_length(version, shard["file"], shard["num_bytes"])
    return version


def read_clip(version: Version, member: Member) -> bytes:
    """The member's mp4. ValueError with its name if the shard ends before it does or its sha256 differs."""
    path = f"{version.shards}/{member.shard}"
    filesystem, path = fsspec.core.url_to_fs(path)
    data: bytes = filesystem.cat_file(path, start=member.offset, end=member.offset + member.num_bytes)
    if len(data) < member.num_bytes:
        raise ValueError(f"shard {member.shard} is cut short: it ends inside {member.clip_id}.mp4; pack again")
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise ValueError(f"{member.clip_id}.mp4 in shard {member.shard} is changed: its sha256 differs; pack again")
    return data


def _manifest(folder: str, name: str) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(_read(f"{folder}/manifest.json"))
    except FileNotFoundError as missing:
        raise ValueError(f"no version {name} in this lake: {missing} is missing") from missing
    except json.JSONDecodeError as broken:
        raise ValueError(f"{folder}/manifest.json is damaged ({broken}): publish again") from broken
    if manifest["format"] != FORMAT:
        raise ValueError(f"version {name} has format {manifest['format']}; this program reads {FORMAT}")
    return manifest


def _check_length(version: Version, file: str, num_bytes: int) -> None:
    filesystem, path = fsspec.core.url_to_fs(f"{version.shards}/{file}")
    if not filesystem.exists(path):
        raise ValueError(f"shard {file} of version {version.name} is missing from {version.shards}: pack again")
    found = filesystem.size(path)
    if found != num_bytes:
        raise ValueError(f"shard {file} has {found} bytes, not the {num_bytes} of its version: pack or copy it again")


def _read(path: str) -> bytes:
    filesystem, path = fsspec.core.url_to_fs(path)
    data: bytes = filesystem.cat_file(path)
    return data

"""A version: a named snapshot of what was selected, that can be shared, trained on and verified on its own.

versions/<name>/manifest.json      what it is: labels, counts, hashes of its files and shards
                clip.parquet       Member rows by class and clip: where each clip's bytes lie in ../../shards
                lineage.parquet    Lineage rows: from which post each clip came and what every stage said of it
                videomae/          list files as VideoMAE V2 reads them; paths are relative to the lake:
                    pretrain.txt       `path 0 -1`, train split:  --data_path .../pretrain.txt --data_root <lake>
                    train.csv val.csv test.csv    `path label`:   --data_path .../videomae --data_root <lake>
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq

from h2a_curation.foundation import parquet_file
from h2a_curation.foundation.atomic_files import keep, sync, synced
from h2a_curation.lake import layout, versions
from h2a_curation.lake.files import written_aside
from schemas import Lineage, Member, to_arrow
from schemas.publish import Manifest, ShardEntry

SPLITS = ("train", "val", "test")


def write_version(
    lake: Path,
    name: str,
    *,
    members: Sequence[Member],
    lineage: Sequence[Lineage],
    decision: str,
    recipe: str,
    labels: Mapping[str, int],
    now: Callable[[], datetime],
) -> Path:
    """Publish the members, whose shards are written, under a name. Returns the version's folder.

    A version of that name with the same members is left alone; one with others is a ValueError.
    """
    assert members, "a version without clips"
    target = lake / _folder_of_new(name)
    if target.exists():
        if not _holds(lake, name, members):
            raise ValueError(f"version {name} exists and holds other clips: choose another name, or remove {target}")
        return target
    with written_aside(lake) as unfinished:
        files = _write_files(unfinished, members, lineage)
        manifest = Manifest(
            format=versions.FORMAT,
            name=name,
            created=now().isoformat(),
            decision=decision,
            recipe=recipe,
            labels=dict(sorted(labels.items(), key=lambda item: item[1])),
            indices=versions.dense_indices(labels),
            num_clips={split: sum(m.split == split for m in members) for split in SPLITS},
            shards=_shard_entries(lake, members),
            files=files,
        )
        with synced(unfinished / layout.MANIFEST) as file:
            file.write(versions.as_bytes(manifest))
        keep(lake, unfinished, target)
    return target


def _folder_of_new(name: str) -> str:
    try:
        return layout.version(name)
    except ValueError as refused:
        raise ValueError(
            f"{name!r} cannot name a version: use letters, digits, dots, dashes and underscores"
        ) from refused


def next_name(lake: Path) -> str:
    """`v1`, or the number after the highest that was given."""
    given = [int(name[1:]) for name in version_names(lake) if name[0] == "v" and name[1:].isdecimal()]
    return f"v{max(given, default=0) + 1}"


def version_names(lake: Path) -> list[str]:
    """All versions, the newest last."""
    manifests = [read_manifest(lake, file.parent.name) for file in lake.glob(layout.EVERY_MANIFEST)]
    return [m.name for m in sorted(manifests, key=lambda m: (m.created, m.name))]


def same_as(lake: Path, members: Sequence[Member]) -> str | None:
    """The newest version's name if it holds just these members, in these shards: then there is nothing to publish."""
    newest = version_names(lake)[-1:]
    return next((name for name in newest if _holds(lake, name, members)), None)


def read_manifest(lake: Path, name: str) -> Manifest:
    """The manifest of a version; ValueError where there is no such version, or its manifest cannot be used."""
    file = lake / layout.manifest(name)
    if not file.exists():
        known = ", ".join(sorted(f.parent.name for f in lake.glob(layout.EVERY_MANIFEST))) or "none yet"
        raise ValueError(f"no version {name} in {lake} (there are: {known})")
    manifest = versions.parse(file.read_bytes(), str(file))
    if manifest.name != name:
        raise ValueError(f"{file} says that it is of version {manifest.name!r}: it is damaged; do not use it")
    return manifest


def read_members(lake: Path, name: str) -> list[Member]:
    """The rows of `clip.parquet`, by class and clip."""
    file = lake / layout.version_file(name, layout.MEMBERS)
    return versions.members(
        parquet_file.read(file, str(file), most_rows=versions.most_members(file.stat().st_size)), str(file)
    )


def verify(lake: Path, name: str) -> list[str]:
    """Hash all that the version consists of again; one line for each thing that is wrong, none if all is well."""
    manifest = read_manifest(lake, name)
    expected = {layout.version_file(name, file): sha256 for file, sha256 in sorted(manifest.files.items())}
    problems = [f"{file}: {wrong}" for file in expected if (wrong := _difference(lake / file, expected[file]))]
    if problems:
        return [*problems, "the shards were not looked into, since the lists of what they hold cannot be trusted"]
    members = read_members(lake, name)
    for shard in manifest.shards:
        if wrong := _difference(lake / layout.shard(shard.file), shard.sha256):
            problems.append(f"{layout.shard(shard.file)}: {wrong}")
            problems += _damaged_members(lake, [m for m in members if m.shard == shard.file])
    return problems


def _difference(file: Path, expected: str) -> str | None:
    if not file.exists():
        return "missing"
    return None if _sha256(file) == expected else "changed: its sha256 is not the one in the manifest"


def _damaged_members(lake: Path, members: Sequence[Member]) -> Iterator[str]:
    if not members or not (file := lake / layout.shard(members[0].shard)).exists():
        return
    with file.open("rb") as shard:
        for member in members:
            shard.seek(member.offset)
            if sha256(shard.read(member.num_bytes)).hexdigest() != member.sha256:
                yield f"{layout.shard(member.shard)}: clip {member.clip_id} is damaged"


def _holds(lake: Path, name: str, members: Sequence[Member]) -> bool:
    file = lake / layout.version_file(name, layout.MEMBERS)
    published = parquet_file.read(file, str(file))
    return published.num_rows == len(members) and bool(published.equals(to_arrow(Member, _sorted(members))))


def _sorted(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda m: (m.class_id, m.clip_id))


def _write_files(folder: Path, members: Sequence[Member], lineage: Sequence[Lineage]) -> dict[str, str]:
    """All but the manifest; returns the sha256 of each."""
    lineage = sorted(lineage, key=lambda row: (row.class_id, row.clip_id, row.stage))
    for name, table in (
        (layout.MEMBERS, to_arrow(Member, _sorted(members))),
        (layout.LINEAGE, to_arrow(Lineage, lineage)),
    ):
        with synced(folder / name) as file:
            pq.write_table(table, file, compression="zstd")
    for name, lines in _videomae_lists(_sorted(members)).items():
        with synced(folder / name) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
    sync(folder / layout.VIDEOMAE)
    names = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
    return {name: _sha256(folder / name) for name in names}


def _videomae_lists(members: Sequence[Member]) -> dict[str, list[str]]:
    paths = {m.clip_id: layout.clip_file(m.clip_id) for m in members}
    pretrain = [f"{paths[m.clip_id]} 0 -1" for m in members if m.split == "train"]
    finetune = {
        layout.finetune_list(split): [f"{paths[m.clip_id]} {m.label}" for m in members if m.split == split]
        for split in SPLITS
    }
    return {layout.PRETRAIN_LIST: pretrain, **finetune}


def _shard_entries(lake: Path, members: Sequence[Member]) -> list[ShardEntry]:
    """A shard that an earlier version holds is not hashed again."""
    hashed = {s.file: s for name in version_names(lake) for s in read_manifest(lake, name).shards}
    num_clips = Counter(m.shard for m in members)
    return [hashed.get(file) or _shard_entry(lake, file, num_clips[file]) for file in sorted(num_clips)]


def _shard_entry(lake: Path, file: str, num_clips: int) -> ShardEntry:
    path = lake / layout.shard(file)
    return ShardEntry(file=file, sha256=_sha256(path), num_bytes=path.stat().st_size, num_clips=num_clips)


def _sha256(file: Path) -> str:
    """Hex digest of a file's bytes, in constant memory."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

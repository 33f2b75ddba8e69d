"""A version: a named snapshot of what was selected, that can be shared, trained on and verified on its own.

versions/<name>/manifest.json      what it is: labels, counts, hashes of its files and shards
                clip.parquet       Member rows by class and clip: where each clip's bytes lie in ../../shards
                lineage.parquet    Lineage rows: from which post each clip came and what every stage said of it
                videomae/          list files as VideoMAE V2 reads them; paths are relative to the lake:
                    pretrain.txt       `path 0 -1`, train split:  --data_path .../pretrain.txt --data_root <lake>
                    train.csv val.csv test.csv    `path label`:   --data_path .../videomae --data_root <lake>
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq

from h2a_curation.foundation.atomic_files import move, plain_name, sha256_name, sync_folder, synced, written_aside
from schemas import Lineage, Member, from_arrow, to_arrow

SPLITS = ("train", "val", "test")
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEntry:
    """One tar in the lake's `shards` folder; versions share those that did not change."""

    file: str
    sha256: str
    num_bytes: int
    num_clips: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`manifest.json`. Whoever holds it can tell whether all else is what was published."""

    format: int
    name: str
    created: str
    """ISO 8601, UTC."""
    decision: str
    """Fingerprint of the decision that selected the clips."""
    recipe: str
    """The recipe's YAML in full."""
    labels: dict[str, int]
    """Class id to label, stable over versions; classes without clips too."""
    num_clips: dict[str, int]
    """By split."""
    shards: list[ShardEntry]
    files: dict[str, str]
    """sha256 of each other file, by its path in the version's folder."""


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
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ValueError(f"{name!r} cannot name a version: use letters, digits, dots, dashes and underscores")
    target = lake / "versions" / name
    if target.exists():
        if not _holds(lake, name, members):
            raise ValueError(f"version {name} exists and holds other clips: choose another name, or remove {target}")
        return target
    with written_aside(lake) as unfinished:
        files = _write_files(unfinished, members, lineage)
        manifest = Manifest(
            format=_FORMAT,
            name=name,
            created=now().isoformat(),
            decision=decision,
            recipe=recipe,
            labels=dict(sorted(labels.items(), key=lambda item: item[1])),
            num_clips={split: sum(m.split == split for m in members) for split in SPLITS},
            shards=_shard_entries(lake, members),
            files=files,
        )
        with synced(unfinished / "manifest.json") as file:
            file.write(json.dumps(asdict(manifest), indent=1, ensure_ascii=False).encode())
        sync_folder(unfinished)
        move(lake, unfinished, target)
    sync_folder(target.parent)
    return target


def next_name(lake: Path) -> str:
    """`v1`, or the number after the highest that was given."""
    given = [int(name[1:]) for name in version_names(lake) if name[0] == "v" and name[1:].isdecimal()]
    return f"v{max(given, default=0) + 1}"


def version_names(lake: Path) -> list[str]:
    """All versions, the newest last."""
    manifests = [read_manifest(lake, file.parent.name) for file in (lake / "versions").glob("*/manifest.json")]
    return [m.name for m in sorted(manifests, key=lambda m: (m.created, m.name))]


def same_as(lake: Path, members: Sequence[Member]) -> str | None:
    """The newest version's name if it holds just these members, in these shards: then there is nothing to publish."""
    newest = version_names(lake)[-1:]
    return next((name for name in newest if _holds(lake, name, members)), None)


def read_manifest(lake: Path, name: str) -> Manifest:
    """ValueError where there is no such version, or one of a later format."""
    file = lake / "versions" / plain_name(name, "a version is named") / "manifest.json"
    if not file.exists():
        known = ", ".join(sorted(f.parent.name for f in file.parent.parent.glob("*/manifest.json"))) or "none yet"
        raise ValueError(f"no version {name} in {lake} (there are: {known})")
    fields = json.loads(file.read_bytes())
    if fields["format"] != _FORMAT:
        raise ValueError(f"{file} has format {fields['format']}, this program reads {_FORMAT}: update it")
    manifest = Manifest(**fields | {"shards": [ShardEntry(**s) for s in fields["shards"]]})
    _refuse_misleading_names(manifest, name, file)
    return manifest


def read_members(lake: Path, name: str) -> list[Member]:
    """The rows of `clip.parquet`, by class and clip."""
    file = lake / "versions" / plain_name(name, "a version is named") / "clip.parquet"
    members = from_arrow(Member, pq.read_table(file))
    for member in members:
        plain_name(member.shard, f"{file} names a shard")
    return members


def _refuse_misleading_names(manifest: Manifest, name: str, file: Path) -> None:
    """All that becomes a path, before it does."""
    if manifest.name != name:
        raise ValueError(f"{file} says that it is of version {manifest.name!r}: it is damaged; do not use it")
    for shard in manifest.shards:
        plain_name(shard.file, f"{file} names a shard")
        sha256_name(shard.sha256, f"{file} gives the shard {shard.file} the hash")
    for path in manifest.files:
        for part in path.split("/"):
            plain_name(part, f"{file} names in the file {path!r} the part")


def verify(lake: Path, name: str) -> list[str]:
    """Hash all that the version consists of again; one line for each thing that is wrong, none if all is well."""
    manifest = read_manifest(lake, name)
    folder = lake / "versions" / name
    problems = [
        f"versions/{name}/{file}: {wrong}"
        for file, expected in sorted(manifest.files.items())
        if (wrong := _difference(folder / file, expected))
    ]
    if problems:
        return [*problems, "the shards were not looked into, since the lists of what they hold cannot be trusted"]
    members = read_members(lake, name)
    for shard in manifest.shards:
        if wrong := _difference(lake / "shards" / shard.file, shard.sha256):
            problems.append(f"shards/{shard.file}: {wrong}")
            problems += _damaged_members(lake, [m for m in members if m.shard == shard.file])
    return problems


def _difference(file: Path, expected: str) -> str | None:
    if not file.exists():
        return "missing"
    return None if _sha256(file) == expected else "changed: its sha256 is not the one in the manifest"


def _damaged_members(lake: Path, members: Sequence[Member]) -> Iterator[str]:
    if not members or not (file := lake / "shards" / members[0].shard).exists():
        return
    with file.open("rb") as shard:
        for member in members:
            shard.seek(member.offset)
            if sha256(shard.read(member.num_bytes)).hexdigest() != member.sha256:
                yield f"shards/{member.shard}: clip {member.clip_id} is damaged"


def _holds(lake: Path, name: str, members: Sequence[Member]) -> bool:
    published = pq.read_table(lake / "versions" / name / "clip.parquet")
    return published.num_rows == len(members) and bool(published.equals(to_arrow(Member, _sorted(members))))


def _sorted(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda m: (m.class_id, m.clip_id))


def _write_files(folder: Path, members: Sequence[Member], lineage: Sequence[Lineage]) -> dict[str, str]:
    """All but the manifest; returns the sha256 of each."""
    lineage = sorted(lineage, key=lambda row: (row.class_id, row.clip_id, row.stage))
    for name, table in (
        ("clip.parquet", to_arrow(Member, _sorted(members))),
        ("lineage.parquet", to_arrow(Lineage, lineage)),
    ):
        with synced(folder / name) as file:
            pq.write_table(table, file, compression="zstd")
    for name, lines in _videomae_lists(_sorted(members)).items():
        with synced(folder / name) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
    sync_folder(folder / "videomae")
    names = sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())
    return {name: _sha256(folder / name) for name in names}


def _videomae_lists(members: Sequence[Member]) -> dict[str, list[str]]:
    ids = {sha256_name(m.clip_id, "the decision names a clip") for m in members}
    paths = {clip_id: f"clips/{clip_id[:2]}/{clip_id}.mp4" for clip_id in ids}
    pretrain = [f"{paths[m.clip_id]} 0 -1" for m in members if m.split == "train"]
    finetune = {
        f"videomae/{split}.csv": [f"{paths[m.clip_id]} {m.label}" for m in members if m.split == split]
        for split in SPLITS
    }
    return {"videomae/pretrain.txt": pretrain, **finetune}


def _shard_entries(lake: Path, members: Sequence[Member]) -> list[ShardEntry]:
    """A shard that an earlier version holds is not hashed again."""
    hashed = {s.file: s for name in version_names(lake) for s in read_manifest(lake, name).shards}
    num_clips = Counter(m.shard for m in members)
    return [hashed.get(file) or _shard_entry(lake, file, num_clips[file]) for file in sorted(num_clips)]


def _shard_entry(lake: Path, file: str, num_clips: int) -> ShardEntry:
    path = lake / "shards" / file
    return ShardEntry(file=file, sha256=_sha256(path), num_bytes=path.stat().st_size, num_clips=num_clips)


def _sha256(file: Path) -> str:
    """Hex digest of a file's bytes, in constant memory."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

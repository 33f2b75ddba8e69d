"""Where everything lies in a lake. No other room knows the names of a lake's folders and files.

    lake.json                           format, and which salt the pseudonyms are made with (`salts`)
    recipe.json                         how the last build named its recipe
    parts/STAGE/PART/TABLE.parquet      facts: one folder is one commit
    media/AA/SHA256                     fetched files, by content
    clips/AA/SHA256.mp4                 cut clips, by content
    decisions/FINGERPRINT/              decision.json and TABLE.parquet: one commit for all tables of a decision
    refs/RECIPE                         names the newest decision of a recipe
    shards/SPLIT-HASH.tar               named by what they hold; versions share them
    versions/NAME/                      manifest.json, clip.parquet, lineage.parquet, videomae/*
    log/STAGE.log                       for people: traces of what nobody expected; no program reads it
    .tmp/                               what is not finished

Each function gives a path relative to the lake, with slashes between its names. So one name serves a folder,
`lake / layout.shard(file)`, and an address, `f"{address}/{layout.shard(file)}"`.

A lake may have come from somebody else, and names come from its rows and manifests. So each name is checked here before
it becomes part of a path: ValueError for a name that leads elsewhere. Where a function takes `what`, it says for the
reader of that error who gave the name, as in "manifest.json names a shard".
"""

from h2a_curation.foundation.atomic_files import plain_name, sha256_name

LAKE_FILE = "lake.json"
"""A folder that holds this file is a lake."""
RECIPE_FILE = "recipe.json"
"""How the last build of this lake named its recipe."""
UNFINISHED = ".tmp"
"""Work in progress, on the lake's own filesystem: only there is a move to its place one step."""
SHARDS = "shards"

EVERY_PART = "parts/*/*"
EVERY_DECISION = "decisions/*"
EVERY_REF = "refs/*"
EVERY_LOG = "log/*.log"
EVERY_MANIFEST = "versions/*/manifest.json"

ABOUT_DECISION = "decision.json"
"""The file in a decision's folder that says which recipe, models and classes decided."""

MANIFEST = "manifest.json"
"""This name and those below are of files in a version's folder."""
MEMBERS = "clip.parquet"
LINEAGE = "lineage.parquet"
VIDEOMAE = "videomae"
PRETRAIN_LIST = f"{VIDEOMAE}/pretrain.txt"

EVERY_MEMBERS = f"versions/*/{MEMBERS}"


def part(stage: str, name: str) -> str:
    """The folder of one commit of a stage."""
    return f"parts/{_plain(stage, name, what='a commit names a stage or part')}"


def parts_of(stage: str, table_name: str) -> str:
    """A pattern that finds the files of one table in all commits of a stage."""
    return f"parts/{_plain(stage, what='a stage is named')}/*/{table(table_name)}"


def table(name: str) -> str:
    """The file of a table, in the folder of a part or a decision."""
    return f"{_plain(name, what='a commit names a table')}.parquet"


def log(stage: str) -> str:
    """The file with the traces of what nobody expected in a stage."""
    return f"log/{_plain(stage, what='a stage is named')}.log"


def media_file(media_id: str) -> str:
    """A fetched file. Its name has no suffix: only a probe says what it is."""
    sha256_name(media_id, "the lake names a file")
    return f"media/{media_id[:2]}/{media_id}"


def clip_file(clip_id: str) -> str:
    """A cut clip."""
    sha256_name(clip_id, "the lake names a clip")
    return f"clips/{clip_id[:2]}/{clip_id}.mp4"


def decision(fingerprint: str, what: str = "a decision is named") -> str:
    """The folder of a decision."""
    return f"decisions/{_plain(fingerprint, what=what)}"


def ref(recipe: str) -> str:
    """The file that names the newest decision of a recipe.

    A recipe has the name of a file of the user's, which may hold spaces and letters of any script. So any name is taken
    but one that leads elsewhere.
    """
    if recipe in ("", ".", "..") or "/" in recipe or "\0" in recipe:
        raise ValueError(f"a recipe named {recipe!r} cannot name its decision: rename the recipe's file")
    return f"refs/{recipe}"


def shard_name(split: str, digest: str) -> str:
    """The file name of a shard of this split, `digest` being the hash of all that it holds."""
    return f"{_plain(split, what='the decision names the split')}-{digest}.tar"


def shard(file: str, what: str = "the lake names a shard") -> str:
    """The shard of this file name."""
    return f"{SHARDS}/{_plain(file, what=what)}"


def version(name: str) -> str:
    """The folder of a version."""
    return f"versions/{_plain(name, what='a version is named')}"


def inside_version(file: str, what: str = "a version holds a file with the part") -> str:
    """A path in a version's folder, such as `MEMBERS` or `videomae/train.csv`."""
    return _plain(*file.split("/"), what=what)


def version_file(name: str, file: str) -> str:
    """A file of a version, by its path in the version's folder."""
    return f"{version(name)}/{inside_version(file)}"


def manifest(name: str) -> str:
    """The manifest of a version."""
    return version_file(name, MANIFEST)


def finetune_list(split: str) -> str:
    """The list file of a split as VideoMAE's fine-tuning reads it, in a version's folder."""
    return f"{VIDEOMAE}/{_plain(split, what='a split is named')}.csv"


def _plain(*names: str, what: str) -> str:
    """The names as one path, each of them checked."""
    return "/".join(plain_name(name, what) for name in names)

"""Small inputs that would grow without end, one a door: what is read from strangers, and the call that reads it.

Each is made on the fly in a folder of its own. The call runs in a child of its own, whose memory and time are measured.
"""

import json
import pickle
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.lake import lake as lakes
from h2a_curation.lake import layout
from schemas import Member, Post, to_arrow
from tests import factories

Call = Callable[[], object]
Bomb = Callable[[Path], Call]
"""`bomb(folder)` writes what is to be read, and gives the call that reads it."""

DIGITS = "9" * 5_000
DEEP = "[" * 200_000 + "]" * 200_000
MANY = "[" + ",".join(["[]"] * 6_000_000) + "]"
"""18 MB of JSON, of which Python makes 400 MB."""
ALIASES = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


def command(*arguments: object) -> Call:
    """The command, as a user calls it."""

    def run() -> None:
        from h2a_curation.cli import main

        sys.argv = ["h2a", *map(str, arguments)]
        main()

    return run


def written(file: Path, content: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def yaml_bombs() -> Mapping[str, Bomb]:
    texts = {
        "aliases": ALIASES,
        "brackets": "a: " + DEEP,
        "digits": f"name: {DIGITS}\n",
        "sexagesimal": "name: 1" + ":59" * 20_000 + "\n",
        "binary digits": "name: 0b" + "1" * 5_000_000 + "\n",
        "exponent": "name: 1e99999999\n",
        "a long line": "name: " + "x" * 20_000_000 + "\n",
        "many keys": "".join(f"k{n}: 1\n" for n in range(400_000)),
    }
    doors: Mapping[str, tuple[str, Callable[[Path], Call]]] = {
        "recipe": ("r.yaml", lambda f: command("build", "--recipe", f, "--lake", f.parent / "lake")),
        "classes lint": ("c.yaml", lambda f: command("classes", "lint", "--classes", f)),
        "classes import": ("i.yaml", lambda f: command("classes", "import", f, "--out", f.parent / "o.yaml")),
        "training recipe": (
            "t.yaml",
            lambda f: command("pretrain", "--lake", f.parent, "--version", "v1", "--recipe", f),
        ),
    }
    return {
        f"{door}: {what}": lambda folder, name=name, text=text, call=call: call(written(folder / name, text))
        for what, text in texts.items()
        for door, (name, call) in doors.items()
    } | {
        f"--set: {what}": lambda folder, text=text: command(
            "build", "--recipe", "sample-mini", "--lake", folder / "l", "--set", "decide.post.min_num_views=" + text
        )
        for what, text in {
            "aliases": "{a: &a [x,x,x,x], b: &b [" + ",".join(["*a"] * 2000) + "], c: &c ["
            + ",".join(["*b"] * 2000) + "], d: [" + ",".join(["*c"] * 2000) + "]}",
            "digits": DIGITS,
            "brackets": "[" * 60_000 + "]" * 60_000,
        }.items()
    }  # fmt: skip


JSONS = {
    "deep": DEEP,
    "digits": f'{{"format": {DIGITS}}}',
    "many": MANY,
    "no text": b"\xff\xfe\x00\xd8",
    "infinite": '{"format": 1e999, "salt": NaN}',
    "a list": "[1]",
    "nothing": "{}",
    "nul": '{"format": 1, "salt": "\\u0000\\ud800"}',
}


def _classifier(folder: Path) -> Path:
    from tests.videomae.evaluate import miniature

    return miniature.checkpoint(folder / "in.pth", 400)


def json_doors() -> Mapping[str, Callable[[Path, str | bytes], Call]]:
    def lake_file(folder: Path, content: str | bytes) -> Call:
        written(folder / "lake" / "lake.json", content)
        return command("sql", "--lake", folder / "lake", "SELECT 1")

    def recipe_json(folder: Path, content: str | bytes) -> Call:
        lakes.create(folder / "lake")
        written(folder / "lake" / layout.RECIPE_FILE, content)
        return command("decide", "--lake", folder / "lake")

    def manifest(folder: Path, content: str | bytes) -> Call:
        lakes.create(folder / "lake")
        written(folder / "lake" / layout.manifest("v1"), content)
        return command("verify", "v1", "--lake", folder / "lake")

    def decision(folder: Path, content: str | bytes) -> Call:
        lakes.create(folder / "lake")
        written(folder / "lake" / layout.ref("sample"), "aa")
        written(folder / "lake" / layout.decision("aa") / layout.ABOUT_DECISION, content)
        return command("decide", "--lake", folder / "lake")

    def ref(folder: Path, content: str | bytes) -> Call:
        lakes.create(folder / "lake")
        written(folder / "lake" / layout.ref("sample"), content)
        return command("decide", "--lake", folder / "lake")

    def jsonl(folder: Path, content: str | bytes) -> Call:
        return table(written(folder / "t.jsonl", content))

    def sidecar(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.sources import folder as source

        return lambda: source._info(written(folder / "a.info.json", content))

    def head_map(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.videomae.convert.head_map import read_head_map

        return lambda: read_head_map(written(folder / "m.json", content))

    def ssv2(folder: Path, content: str | bytes) -> Call:
        written(folder / "validation.json", content)
        return command("evaluate", "--task", "ssv2", "--data", folder, "--check")

    def ssv2_classes(folder: Path, content: str | bytes) -> Call:
        written(folder / "validation.json", "[]")
        written(folder / "labels.json", content)
        return command("evaluate", "--task", "ssv2", "--data", folder, "--check")

    def hf_config(folder: Path, content: str | bytes) -> Call:
        hugging_face(folder / "hf")
        written(folder / "hf" / "config.json", content)
        return command("convert", folder / "hf", folder / "out.pth")

    def hf_index(folder: Path, content: str | bytes) -> Call:
        hugging_face(folder / "hf")
        written(folder / "hf" / "model.safetensors.index.json", content)
        return command("convert", folder / "hf", folder / "out.pth")

    def clip_config(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.models import clip

        written(folder / "open_clip_config.json", content)
        written(folder / "open_clip_model.safetensors", b"")
        return lambda: clip._identity(f"local-dir:{folder}", None)

    def run_summary(folder: Path, content: str | bytes) -> Call:
        written(folder / "summary.json", content)
        return command("export-model", folder, "--licence", "mit", "--out", folder / "out")

    def settings(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.jobs.folder_settings import check_same, stored
        from h2a_curation.videomae.presets import PRESETS

        file = written(folder / "settings.json", content)
        return lambda: check_same("it", stored(file), next(iter(PRESETS.values())))

    def log(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.videomae.loop.history import end_log

        written(folder / "log.txt", (content.encode() if isinstance(content, str) else content) + b"\n")
        return lambda: end_log(folder, {"a": 1.0})

    def quota(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.sources.tiktok_research.quota import _read

        return lambda: _read(written(folder / "q.json", content))

    def fediverse(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.sources.fediverse.client import json_of
        from h2a_curation.sources.http import Answer

        body = content.encode() if isinstance(content, str) else content
        return lambda: json_of(Answer(url="http://x/", status=200, headers={}, body=body, num_requests=1, num_bytes=1))

    def pretrained(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.videomae.presets import PRESETS
        from h2a_curation.videomae.pretrain.result import finished_result

        written(folder / "summary.json", content)
        return lambda: finished_result(folder, next(iter(PRESETS.values())))

    def finetuned(folder: Path, content: str | bytes) -> Call:
        from h2a_curation.videomae.finetune.result import finished_result
        from h2a_curation.videomae.presets import PRESETS

        written(folder / "summary.json", content)
        return lambda: finished_result(folder, next(iter(PRESETS.values())))

    return {
        "lake.json": lake_file, "recipe.json": recipe_json, "manifest.json": manifest, "decision.json": decision,
        "a ref": ref, "table.jsonl": jsonl, "sidecar": sidecar, "--head-map": head_map, "ssv2": ssv2,
        "ssv2 classes": ssv2_classes, "config.json": hf_config, "index.json": hf_index, "clip config": clip_config,
        "summary.json": run_summary, "settings.json": settings, "log.txt": log, "quota": quota,
        "fediverse": fediverse, "pretrained summary": pretrained, "finetuned summary": finetuned,
    }  # fmt: skip


def json_bombs() -> Mapping[str, Bomb]:
    return {
        f"{door}: {what}": lambda folder, call=call, content=content: call(folder, content)
        for door, call in json_doors().items()
        for what, content in JSONS.items()
    }


def table(file: Path) -> Call:
    recipe = Path(__file__).parent / "table.yaml"
    assert recipe.is_file()
    return command(
        "build", file, "--recipe", recipe, "--classes", recipe.parent / "classes.yaml", "--lake", file.parent / "lake"
    )


def hugging_face(folder: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    save_file({"videomae.embeddings.patch_embeddings.projection.weight": torch.zeros(8, 3, 2, 4, 4)},
              folder / "model.safetensors")  # fmt: skip
    return folder


def parquet_bombs() -> Mapping[str, Bomb]:
    def repeated(name: str, value: pa.Scalar, rows: int) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), pa.array([value]))

    def table_rows(folder: Path) -> Call:
        file = folder / "t.parquet"
        pq.write_table(pa.table({"url": repeated("url", "http://127.0.0.1:9/x", 10_000_000)}), file)
        return table(file)

    def table_text(folder: Path) -> Call:
        file = folder / "t.parquet"
        columns = {
            "url": pa.array([f"http://127.0.0.1:9/{n}" for n in range(20_000)]),
            "caption": repeated("c", "x" * 5_000_000, 20_000),
        }
        pq.write_table(pa.table(columns), file, compression="zstd")
        return table(file)

    def table_tags(folder: Path) -> Call:
        file = folder / "t.parquet"
        rows = 8_000
        tags = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), repeated("t", "y" * 2_000_000, rows))
        columns = {"url": pa.array([f"http://127.0.0.1:9/{n}" for n in range(rows)]), "hashtags": tags}
        pq.write_table(pa.table(columns), file, compression="zstd")
        return table(file)

    def table_long_list(folder: Path) -> Call:
        file = folder / "t.parquet"
        tags = pa.ListArray.from_arrays(pa.array([0, 60_000_000], pa.int32()), repeated("t", "yoga", 60_000_000))
        pq.write_table(pa.table({"url": ["http://127.0.0.1:9/1"], "hashtags": tags}), file, compression="zstd")
        return table(file)

    def zeros(folder: Path) -> Call:
        file = folder / "t.parquet"
        values = pa.array([b"\0" * 600_000_000], pa.binary())
        columns = {"url": ["http://127.0.0.1:9/1"], "caption": values}
        pq.write_table(pa.table(columns), file, compression="zstd", use_dictionary=False)
        return table(file)

    def member(folder: Path, name: str = "a" * 64) -> Member:
        from tests.videomae.world import write_lake

        write_lake(folder / "lake", ["train"], num_frames=4)
        from h2a_curation.lake import versions

        written(folder / "lake" / "lake.json", '{"format": 1, "salt": "00"}')
        file = folder / "lake" / layout.version_file("v1", layout.MEMBERS)
        return versions.members(pq.read_table(file), "x")[0]

    def members(folder: Path, columns: Callable[[pa.Table, int], pa.Table], rows: int) -> Path:
        from hashlib import sha256

        one = to_arrow(Member, [member(folder)])
        file = folder / "lake" / layout.version_file("v1", layout.MEMBERS)
        many = pa.Table.from_arrays(
            [
                pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), one[c].combine_chunks())
                if pa.types.is_string(one[c].type) and one[c].null_count == 0
                else pa.array([one[c][0].as_py()] * rows, one[c].type)
                for c in one.column_names
            ],
            names=one.column_names,
        )
        pq.write_table(columns(many, rows), file, compression="zstd")
        about = folder / "lake" / layout.manifest("v1")
        said = json.loads(about.read_bytes())
        said["files"][layout.MEMBERS] = sha256(file.read_bytes()).hexdigest()
        about.write_text(json.dumps(said))
        return folder / "lake"

    def train_rows(folder: Path) -> Call:
        from h2a_curation.videomae.data.shards import open_version

        lake = members(folder, lambda t, n: t, 3_000_000)
        return lambda: open_version(lake, "v1")

    def train_text(folder: Path) -> Call:
        from h2a_curation.videomae.data.shards import open_version

        def long(t: pa.Table, n: int) -> pa.Table:
            place = t.column_names.index("post_id")
            return t.set_column(place, "post_id", repeated("p", "p" * 5_000_000, n))

        lake = members(folder, long, 2_000)
        return lambda: open_version(lake, "v1")

    def verify_rows(folder: Path) -> Call:
        return command("verify", "v1", "--lake", members(folder, lambda t, n: t, 3_000_000))

    def verify_extra(folder: Path) -> Call:
        lake = members(folder, lambda t, n: t.append_column("extra", repeated("e", "e" * 20_000_000, n)), 200)
        return command("verify", "v1", "--lake", lake)

    def part(folder: Path, rows: int, caption: str) -> Path:
        lakes.create(folder / "lake")
        one = to_arrow(Post, [factories.post()])
        place = one.column_names.index("caption")
        many = pa.concat_tables([one] * 1).take(pa.array([0] * rows))
        many = many.set_column(place, "caption", repeated("c", caption, rows))
        many = many.set_column(0, "post_id", pa.array([f"s:{n}" for n in range(rows)]))
        file = folder / "lake" / layout.part("posts", "aa") / "post.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(many, file, compression="zstd")
        return folder / "lake"

    def part_text(folder: Path) -> Call:
        return command("sql", "--lake", part(folder, 2_000, "c" * 3_000_000), "SELECT sum(len(caption)) FROM post")

    def part_rows(folder: Path) -> Call:
        return command("sql", "--lake", part(folder, 1_000_000, "c"), "SELECT count(*) FROM post")

    def features(folder: Path) -> Call:
        from h2a_curation.videomae.probe.store import ABOUT, FEATURES, read_features
        from schemas import feature_schema

        schema = feature_schema(768).with_metadata({ABOUT: json.dumps({"width": 768}).encode()})
        rows = 900_000
        columns = []
        for field in schema:
            if pa.types.is_fixed_size_list(field.type):
                inner = pa.nulls(rows * 768, pa.float16()).fill_null(pa.scalar(0, pa.float16()))
                columns.append(pa.FixedSizeListArray.from_arrays(inner, type=field.type))
            else:
                columns.append(
                    pa.nulls(rows, field.type)
                    if field.nullable
                    else pa.array([""] * rows if pa.types.is_string(field.type) else [0] * rows, field.type)
                )
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), folder / FEATURES, compression="zstd")
        return lambda: read_features(folder)

    return {
        "table.parquet: rows": table_rows, "table.parquet: a text": table_text, "table.parquet: tags": table_tags,
        "table.parquet: a list of 60M": table_long_list, "table.parquet: zeros": zeros,
        "clip.parquet: rows": train_rows, "clip.parquet: text": train_text, "verify: rows": verify_rows,
        "verify: a column more": verify_extra, "part: text": part_text, "part: rows": part_rows,
        "features: rows": features,
    }  # fmt: skip


class Nested:
    """A pickle of lists in lists, which no unpickler of Python's can hold."""

    @staticmethod
    def data(depth: int) -> bytes:
        return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def torch_zip(file: Path, data: bytes, compression: int = zipfile.ZIP_STORED, **records: bytes) -> Path:
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        for name, content in records.items():
            archive.writestr(f"archive/data/{name}", content)
    return file


def checkpoint_bombs() -> Mapping[str, Bomb]:
    def convert(file: Path) -> Call:
        return command("convert", file, file.parent / "out")

    def deflated(folder: Path) -> Call:
        import torch

        torch.save({"model": {"patch_embed.proj.weight": torch.zeros(300_000_000)}}, folder / "raw.pth")
        with (
            zipfile.ZipFile(folder / "raw.pth") as raw,
            zipfile.ZipFile(folder / "in.pth", "w", zipfile.ZIP_DEFLATED) as to,
        ):
            for name in raw.namelist():
                to.writestr(name, raw.read(name))
        (folder / "raw.pth").unlink()
        return convert(folder / "in.pth")

    def strided(folder: Path) -> Call:
        import torch

        tensor = torch.zeros(1).expand(400_000_000)
        torch.save({"model": {"encoder.patch_embed.proj.weight": tensor}}, folder / "in.pth")
        return convert(folder / "in.pth")

    def strided_model(folder: Path) -> Call:
        import torch

        weight = torch.zeros(1).expand(30_000, 3, 2, 40, 40)
        torch.save({"model": {"encoder.patch_embed.proj.weight": weight}}, folder / "in.pth")
        return convert(folder / "in.pth")

    def nested(folder: Path) -> Call:
        return convert(torch_zip(folder / "in.pth", Nested.data(300_000)))

    def nested_legacy(folder: Path) -> Call:
        return convert(written(folder / "in.pth", Nested.data(300_000)))

    def nested_tuples(folder: Path) -> Call:
        return convert(torch_zip(folder / "in.pth", b"\x80\x02)" + b"\x85" * 300_000 + b"."))

    def digits(folder: Path) -> Call:
        number = pickle.dumps({"model": int("9" * 4_000) ** 4000}, protocol=2)
        return convert(torch_zip(folder / "in.pth", number))

    def doubling(folder: Path) -> Call:
        # A list that holds itself twice, forty times over: nothing until somebody walks or prints it.
        body = b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(40))
        return convert(torch_zip(folder / "in.pth", b"\x80\x02]q\x00K\x01a" + body + b"."))

    def declared(folder: Path) -> Call:
        import torch

        torch.save({"model": {"patch_embed.proj.weight": torch.zeros(4)}}, folder / "old.pth",
                   _use_new_zipfile_serialization=False)  # fmt: skip
        content = (folder / "old.pth").read_bytes()
        assert b"K\x04" in content
        return convert(written(folder / "in.pth", content.replace(b"K\x04N", b"\x8a\x05\0\0\0\0\x01N")))

    def tar(folder: Path) -> Call:
        with tarfile.open(folder / "in.pth", "w") as archive:
            info = tarfile.TarInfo("storages")
            info.size = 0
            archive.addfile(info)
            info = tarfile.TarInfo("tensors")
            archive.addfile(info)
            archive.addfile(tarfile.TarInfo("pickle"))
        return convert(folder / "in.pth")

    def overlapping(folder: Path) -> Call:
        """One stored record, to which two hundred entries of the directory point."""
        import torch

        torch.save({"model": {f"w{n}": torch.zeros(2_500_000) for n in range(200)}}, folder / "raw.pth")
        with zipfile.ZipFile(folder / "raw.pth") as raw, zipfile.ZipFile(folder / "in.pth", "w") as to:
            first = None
            for name in raw.namelist():
                if "/data/" not in name:
                    to.writestr(name, raw.read(name))
                elif first is None:
                    to.writestr(name, raw.read(name))
                    first = to.getinfo(name)
                else:
                    import copy

                    again = copy.copy(first)
                    again.filename = name
                    to.filelist.append(again)
                    to.NameToInfo[name] = again
        (folder / "raw.pth").unlink()
        return convert(folder / "in.pth")

    def header(folder: Path, said: dict[str, object] | bytes, data: bytes = b"") -> Call:
        text = said if isinstance(said, bytes) else json.dumps(said).encode()
        return convert(written(folder / "in.safetensors", struct.pack("<Q", len(text)) + text + data))

    def tensor(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, object]:
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    return {
        "zip: deflated": deflated, "zip: strides of 0": strided, "zip: strides of 0 in a model": strided_model,
        "zip: nested pickle": nested, "legacy: nested pickle": nested_legacy, "zip: nested tuples": nested_tuples,
        "zip: a huge number": digits, "zip: lists in lists, twice": doubling, "legacy: a declared storage": declared,
        "tar": tar, "zip: records that overlap": overlapping,
        "safetensors: 300,000 tensors": lambda f: header(f, {f"t{n}": tensor([], 4 * n, 4 * n + 4)
                                                            for n in range(300_000)}, b"\0" * 1_200_000),
        "safetensors: empty tensors": lambda f: header(f, {f"t{n}": tensor([0], 0, 0) for n in range(300_000)}),
        "safetensors: a header of 90 MB": lambda f: header(f, b'{"__metadata__":{"a":"' + b"x" * 90_000_000 + b'"}}'),
        "safetensors: deep": lambda f: header(f, DEEP.encode()),
        "safetensors: a header said to be huge": lambda f: convert(
            written(f / "in.safetensors", struct.pack("<Q", 2**62) + b"{}")),
        "safetensors: overlap": lambda f: header(f, {"a": tensor([4], 0, 16), "b": tensor([4], 0, 16)}, b"\0" * 16),
        "safetensors: outside": lambda f: header(f, {"a": tensor([4], 0, 2**40)}, b"\0" * 16),
        "safetensors: no such dtype": lambda f: header(f, {"a": tensor([4], 0, 16, "Q9")}, b"\0" * 16),
        "safetensors: a huge shape": lambda f: header(f, {"a": tensor([2**40, 2**40], 0, 16)}, b"\0" * 16),
        "safetensors: packed floats": lambda f: header(f, {"a": tensor([4], 0, 2, "F4")}, b"\0" * 2),
        "safetensors: told in digits": lambda f: header(
            f, {"__metadata__": {"h2a_model": f'{{"width": {DIGITS}}}'}, "a": tensor([4], 0, 16)}, b"\0" * 16),
        "safetensors: told deep": lambda f: header(
            f, {"__metadata__": {"h2a_model": DEEP}, "a": tensor([4], 0, 16)}, b"\0" * 16),
        "safetensors: told of a list": lambda f: header(
            f, {"__metadata__": {"h2a_model": "[1]"}, "a": tensor([4], 0, 16)}, b"\0" * 16),
    }  # fmt: skip


def text_bombs() -> Mapping[str, Bomb]:
    def at(name: str, call: Callable[[Path], Call], content: str | bytes) -> Bomb:
        return lambda folder: call(written(folder / name, content))

    def known(file: Path) -> Call:
        from h2a_curation.explain.trace import _known

        return lambda: _known(file)

    def opt_out(file: Path) -> Call:
        from h2a_curation.sources.politeness.opt_out import _entries

        return lambda: _entries(file)

    def labels(file: Path) -> Call:
        from h2a_curation.sample_world.site.real_clips import read_labels

        return lambda: read_labels(file.parent)

    def skip(file: Path) -> Call:
        from h2a_curation.videomae.data.bad_clips import read_skip_list

        return lambda: read_skip_list(file, [])

    def sheet(file: Path) -> Call:
        from h2a_curation.audit.answers import read_answers

        return lambda: read_answers(file, ["p"], ["c"])

    def evaluate(file: Path) -> Call:
        return command("evaluate", "--task", file, "--data", file.parent, "--check")

    def kinetics(file: Path) -> Call:
        return command("evaluate", "--task", "k400", "--list", file, "--data", file.parent, "--check")

    def imported(file: Path) -> Call:
        return command("classes", "import", file, "--out", file.parent / "o.yaml")

    doors: Mapping[str, tuple[str, Callable[[Path], Call], str, str]] = {
        "table.csv": ("t.csv", table, "url,num_views,hashtags\nhttp://127.0.0.1:9/a,", ",yoga\n"),
        "trace": ("k.csv", known, "class,url\nyoga,", "\n"),
        "labels.csv": ("labels.csv", labels, "file,action,is_action,note\na.mp4,", ",yes,x\n"),
        "sheet": ("s.csv", sheet, "post_id,class_id,shows\np,c,", "\n"),
        "opt-outs": ("o.txt", opt_out, "", "\n"),
        "--skip-clips": ("k.txt", skip, "", "\n"),
        "list": ("l.csv", evaluate, "a.mp4 ", "\n"),
        "kinetics": ("k.csv", kinetics, "label,youtube_id,time_start,time_end,split\nyoga,x,", ",1,val\n"),
        "classes.csv": ("c.csv", imported, "id,name,label\nyoga,yoga,", "\n"),
        "classes.txt": ("c.txt", imported, "", "\n"),
    }
    cells: Mapping[str, str | bytes] = {
        "digits": DIGITS,
        "20 MB": "x" * 20_000_000,
        "one cell of lines": '"' + "a\n" * 3_000_000,
        "nul": "a\0b",
        "no text": b"\xff\xfe\xfd",
        "infinite": "inf",
        "deep": DEEP,
        "commas": "," * 3_000_000,
    }

    def content(before: str, cell: str | bytes, after: str) -> bytes:
        return before.encode() + (cell if isinstance(cell, bytes) else cell.encode()) + after.encode()

    return {
        f"{door}: {what}": at(name, call, content(before, cell, after))
        for door, (name, call, before, after) in doors.items()
        for what, cell in cells.items()
    }


def all_bombs() -> dict[str, Bomb]:
    return {**yaml_bombs(), **json_bombs(), **parquet_bombs(), **checkpoint_bombs(), **text_bombs()}

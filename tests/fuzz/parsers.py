"""Every parser of what strangers write: good examples of its input, and the call that reads one.

A parser may take what it is given, or refuse it: ValueError or FetchError, in one line without control characters.
Whatever else it raises, and each second more than PATIENCE_S, is a fault.
"""

import functools
import io
import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq

from h2a_curation.foundation.shipped_data import data_folder
from schemas import ExperimentRun, Member, VideoScore, arrow_schema, to_arrow
from tests import factories

PATIENCE_S = 10.0
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Parser:
    good: Callable[[], tuple[bytes, ...]]
    """Contents that are read without a fault."""
    read: Callable[[Path], object]
    """Reads a file of this content, whose name ends as `suffix` says."""
    suffix: str = ".json"


def _texts(*texts: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(text.encode() for text in texts)


def _jsons(*contents: object) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple(json.dumps(content).encode() for content in contents)


def _recipe(file: Path) -> object:
    from h2a_curation import recipes

    return recipes.load(str(file))


def _setting(file: Path) -> object:
    from h2a_curation.foundation import yaml_file

    return yaml_file.setting(file.read_bytes().decode("utf-8", "replace"))


def _training(file: Path) -> object:
    from h2a_curation.videomae.pretrain import recipe

    return recipe.load(file)


def _classes(file: Path) -> object:
    from h2a_curation.taxonomy.load import load_classes

    return load_classes(file)


def _imported(file: Path) -> object:
    from h2a_curation.taxonomy.load import load_classes
    from h2a_curation.taxonomy.propose import propose

    return propose(file, functools.cache(load_classes)())


def _table(file: Path) -> object:
    from h2a_curation.sources.sanitise import tidy
    from h2a_curation.sources.table_posts import read_posts
    from schemas import Post

    return to_arrow(Post, [tidy(post) for post in read_posts(file, {}, "table", NOW)])


def _sidecar(file: Path) -> object:
    from h2a_curation.sources.folder import _info, _post
    from h2a_curation.sources.sanitise import tidy
    from schemas import Post

    video = file.with_name("a.mp4")
    return to_arrow(Post, [tidy(_post("folder", video, _info(file), file.parent, NOW))])


def _lake(file: Path) -> object:
    from h2a_curation.lake import lake, layout

    file.rename(file.with_name(layout.LAKE_FILE))
    return lake.open_lake(file.parent)


def _choice(file: Path) -> object:
    from h2a_curation.jobs import choice
    from h2a_curation.lake import lake, layout

    folder = file.parent / "lake"
    made = lake.create(folder)
    file.rename(folder / layout.RECIPE_FILE)
    return choice._remembered(made)


def _manifest(file: Path) -> object:
    from h2a_curation.lake import versions

    return versions.parse(file.read_bytes(), file.name)


def _ref(file: Path) -> object:
    from h2a_curation.lake import decisions

    return decisions._named(file.parent, file)


def _decision(file: Path) -> object:
    from h2a_curation.lake import decisions, layout

    file.rename(file.with_name(layout.ABOUT_DECISION))
    return decisions.about(file.parent)


def _members(file: Path) -> object:
    from h2a_curation.foundation import parquet_file
    from h2a_curation.lake import versions

    table = parquet_file.read(file, file.name, most_rows=versions.most_members(file.stat().st_size))
    return versions.members(table, file.name)


def _features(file: Path) -> object:
    from h2a_curation.videomae.probe.store import read_features

    return read_features(file)


def _rows_of_result(file: Path) -> object:
    from h2a_curation.videomae.evaluate.parts import read_table
    from schemas import from_arrow

    return from_arrow(ExperimentRun, read_table(file, arrow_schema(ExperimentRun)))


def _scores(file: Path) -> object:
    from h2a_curation.videomae.evaluate.parts import read_table
    from schemas import from_arrow

    return from_arrow(VideoScore, read_table(file, arrow_schema(VideoScore)))


def _weights(file: Path) -> object:
    from h2a_curation.videomae.convert.files import read

    return read(file)


def _config(file: Path) -> object:
    import numpy as np
    from safetensors.numpy import save_file

    from h2a_curation.videomae.convert.files import read

    folder = file.parent / "hf"
    folder.mkdir()
    name = "videomae.embeddings.patch_embeddings.projection.weight"
    save_file({name: np.zeros((8, 3, 2, 4, 4), np.float32)}, folder / "model.safetensors")
    file.rename(folder / "config.json")
    return read(folder)


def _index(file: Path) -> object:
    from h2a_curation.videomae.convert.files import read

    (file.parent / "model-1.safetensors").write_bytes(_good_safetensors()[0])
    file.rename(file.with_name("model.safetensors.index.json"))
    return read(file.parent)


def _clip_config(file: Path) -> object:
    from h2a_curation.models.clip import _tokenizer_arguments

    file.rename(file.with_name("open_clip_config.json"))
    return _tokenizer_arguments(f"local-dir:{file.parent}")


def _head_map(file: Path) -> object:
    from h2a_curation.videomae.convert.head_map import read_head_map

    return read_head_map(file)


def _benchmark(task: str, name: str) -> Callable[[Path], object]:
    def read(file: Path) -> object:
        from h2a_curation.taxonomy.benchmarks import benchmark_classes
        from h2a_curation.videomae.evaluate.lists import TASKS
        from h2a_curation.videomae.evaluate.lists import read as read_list

        file = file.rename(file.with_name(name))
        if task == "list":
            return read_list(str(file), file.parent, classes=[], listing=None, purpose="test")
        return read_list(task, file.parent, classes=benchmark_classes(TASKS[task]), listing=file, purpose="test")

    return read


def _labels(file: Path) -> object:
    from h2a_curation.sample_world.site.real_clips import read_labels

    file.rename(file.with_name("labels.csv"))
    file.with_name("a.mp4").touch()
    return read_labels(file.parent)


def _known(file: Path) -> object:
    from h2a_curation.explain.trace import _known

    return _known(file)


def _sheet(file: Path) -> object:
    from h2a_curation.audit.answers import read_answers

    return read_answers(file, {"s:1"}, {"squat"})


def _opt_outs(file: Path) -> object:
    from h2a_curation.sources.politeness.opt_out import OptOuts

    return OptOuts.read([file], by_marks=True)


def _skipped(file: Path) -> object:
    from h2a_curation.videomae.data.bad_clips import read_skip_list

    return read_skip_list(file, [SimpleNamespace(clip_id=name) for name in "ab"])


def _log(file: Path) -> object:
    from h2a_curation.videomae.loop.history import _rows

    return _rows(file)


def _settings(file: Path) -> object:
    from h2a_curation.jobs.folder_settings import check_same, stored
    from h2a_curation.videomae.presets import PRESETS

    return check_same("it holds others", stored(file), PRESETS["tiny"])


def _finished(file: Path) -> object:
    from h2a_curation.videomae.finetune import result as finetuned
    from h2a_curation.videomae.presets import PRESETS
    from h2a_curation.videomae.pretrain import result

    file.rename(file.with_name("summary.json"))
    return result.finished_result(file.parent, PRESETS["tiny"]), finetuned.finished_result(file.parent, PRESETS["tiny"])


def _exported(file: Path) -> object:
    from h2a_curation.jobs.export_model import _results, _summary

    (file.parent / "test").mkdir()
    (file.parent / "test" / "summary.json").write_bytes(file.read_bytes())
    file.rename(file.with_name("summary.json"))
    return _summary(file.parent), _results(file.parent)


def _quota(file: Path) -> object:
    from h2a_curation.sources.tiktok_research.quota import _read

    return _read(file)


def _answer(file: Path) -> object:
    from h2a_curation.sources.fediverse.client import json_of
    from h2a_curation.sources.http import Answer

    return json_of(
        Answer(url="http://x.example/", status=200, headers={}, body=file.read_bytes(), num_requests=1, num_bytes=1)
    )


def _status(file: Path) -> object:
    from h2a_curation.sources.fediverse import statuses
    from h2a_curation.sources.sanitise import tidy
    from schemas import Post

    status = _answer(file)
    if statuses.odd_kind(status, honours_opt_outs=True):
        return None
    return to_arrow(Post, [tidy(statuses.post_of(status, "mastodon", "https://m.example", NOW))])


def _video(file: Path) -> object:
    from h2a_curation.sources.fediverse import videos
    from h2a_curation.sources.sanitise import tidy
    from schemas import Post

    video = _answer(file)
    if videos.odd_kind(video, lambda url: url.startswith("http")):
        return None
    return to_arrow(Post, [tidy(videos.post_of(video, "peertube", "yoga", lambda _: True, NOW))])


def _entry(file: Path) -> object:
    from h2a_curation.foundation import json_file
    from h2a_curation.sources.sanitise import tidy
    from h2a_curation.sources.ytdlp.post import post_of
    from schemas import Post

    post = post_of(json_file.read(file), "site", "", NOW)
    return post and to_arrow(Post, [tidy(post)])


def _parquet(table: pa.Table) -> bytes:
    into = io.BytesIO()
    pq.write_table(table, into)
    return into.getvalue()


def _good_parquet() -> tuple[bytes, ...]:
    table = pa.table({"url": ["https://a.example/1", "https://a.example/2"], "hashtags": [["yoga", "a"], None],
                      "num_views": [1, None], "caption": ["#yoga", "é"]})  # fmt: skip
    return (_parquet(table),)


def _good_members() -> tuple[bytes, ...]:
    sha = "a" * 64
    member = Member(
        clip_id=sha, class_id="squat", label=7, split="train", post_id="s:1", creator=None, shard="abc.tar", offset=512,
        num_bytes=9, sha256=sha, width_px=96, height_px=80, fps=24.0, num_frames=70,
    )  # fmt: skip
    return (_parquet(to_arrow(Member, [member] * 3)),)


def _good_features() -> tuple[bytes, ...]:
    from h2a_curation.videomae.probe.store import ABOUT
    from schemas import feature_schema

    schema = feature_schema(8).with_metadata({ABOUT: b'{"width": 8, "classes": []}'})
    return (_parquet(schema.empty_table()),)


def _good_results() -> tuple[bytes, ...]:
    return _parquet(arrow_schema(ExperimentRun).empty_table()), _parquet(arrow_schema(VideoScore).empty_table())


def _good_checkpoint() -> tuple[bytes, ...]:
    import argparse

    import torch

    state = {"encoder.patch_embed.proj.weight": torch.zeros(4, 3, 2, 2, 2), "encoder.norm.weight": torch.zeros(4)}
    into, old = io.BytesIO(), io.BytesIO()
    args = argparse.Namespace(model="pretrain_videomae_base_patch16_224", num_frames=16, input_size=224)
    torch.save({"model": state, "epoch": 3, "args": args}, into)
    torch.save({"model": state, "args": {"preset": {"model": {"num_heads": 2}}}}, old,
               _use_new_zipfile_serialization=False)  # fmt: skip
    return into.getvalue(), old.getvalue()


def _good_safetensors() -> tuple[bytes, ...]:
    header = {
        "__metadata__": {"h2a_model": '{"num_heads": 2, "image_px": 64}'},
        "encoder.patch_embed.proj.weight": {"dtype": "F32", "shape": [4, 3, 2, 2, 2], "data_offsets": [0, 384]},
        "encoder.norm.weight": {"dtype": "F16", "shape": [4], "data_offsets": [384, 392]},
    }
    text = json.dumps(header).encode()
    return (struct.pack("<Q", len(text)) + text + bytes(392),)


def _good_settings() -> tuple[bytes, ...]:
    from h2a_curation.videomae.loop.settings import as_json
    from h2a_curation.videomae.presets import PRESETS

    return (json.dumps(as_json(PRESETS["tiny"])).encode(),)


def _shipped(*names: str) -> Callable[[], tuple[bytes, ...]]:
    return lambda: tuple((data_folder() / name).read_bytes() for name in names)


def _status_example() -> tuple[bytes, ...]:
    from tests.sources.fediverse.mastodon_site import status

    return (json.dumps(status(1, "https://m.example")).encode(),)


def _video_example() -> tuple[bytes, ...]:
    from tests.sources.fediverse.peertube_site import video

    return (json.dumps(video(1, "https://p.example")).encode(),)


CLASSES = "classes:\n- {id: yoga, seed_hashtags: {yoga: noun}, prompts: [a person does yoga on a mat]}\n"
ENTRY = {
    "id": "a1", "webpage_url": "https://a.example/1", "title": "#yoga", "tags": ["yoga"], "duration": 4.5, "width": 640,
    "height": 360, "view_count": 100, "timestamp": 1767225600, "upload_date": "20260101", "uploader_id": "jane",
    "extractor_key": "Youtube",
}  # fmt: skip
RECIPE = """about: mine
extends: table
seed: 3
source: {kind: table, name: mine, file: posts.csv, columns: {url: link}, options: {format: best}}
mine: {num_rounds: 1, pages_per_round: 1}
decide:
  post: {min_duration_s: 2.5, extra: [{reason: old, value: num_views, fails: "<", threshold: 3}]}
"""

SUMMARY = {
    "settings": {"preset": {"model": {}}, "seed": 1}, "checkpoint": "a.pth", "picture": "b", "best": "c",
    "task": "k400",
    "splits": {"val": {"num_videos": 1, "top1": 0.5, "top5": 0.5, "mean_class": 0.5, "intervals": {
        "top1": [0.1, 0.9], "top5": [0.1, 0.9], "mean_class": [0.1, 0.9]}}},
}  # fmt: skip
# fmt: off
PARSERS = {
    "recipe": Parser(lambda: (RECIPE.encode(), *_shipped("recipes/folder.yaml")()), _recipe, ".yaml"),
    "--set": Parser(_texts("decide.post.min_duration_s=3", "source.columns={url: link}"), _setting, ".txt"),
    "training recipe": Parser(_texts(
        "preset: tiny\nmodel: {width: 192}\noptimisation: {epochs: 90, learning_rate: 1.0e-3}\n"),
                              _training, ".yaml"),
    "class file": Parser(_texts(CLASSES), _classes, ".yaml"),
    "classes.yaml to import": Parser(_texts(CLASSES, "[yoga, squat]\n"), _imported, ".yaml"),
    "classes.csv to import": Parser(_texts("id,name,hashtag,prompts\nyoga,Yoga,yoga,a|b\n", "label,hashtag\n1,squat\n"),
                                    _imported, ".csv"),
    "classes.txt to import": Parser(_texts("#yoga #squat\nair drumming\n瑜伽、健身\n"), _imported, ".txt"),
    "table.csv": Parser(_texts('url,hashtags,num_views,posted_at,class\nhttps://a.example/1,"[""yoga"",null]",3,2026-05-01,squat\n'
                               "https://a.example/2,#a #b,,1767225600,\n"), _table, ".csv"),
    "table.tsv": Parser(_texts("url\tcaption\tduration_s\nhttps://a.example/1\t#yoga\t4.5\n"), _table, ".tsv"),
    "table.jsonl": Parser(_texts('{"url": "https://a.example/1", "hashtags": [{"name": "yoga"}], "num_views": 3}\n'
                                 '{"url": "https://a.example/2", "post_id": "7", "posted_at": "2026-05-01T12:00Z"}\n'),
                          _table, ".jsonl"),
    "table.parquet": Parser(_good_parquet, _table, ".parquet"),
    "sidecar": Parser(_jsons(ENTRY, {"category": "tiktok", "author": {"uniqueId": "jane"}, "desc": "#yoga", "id": 7},
                             {"url": "https://a.example", "yt_meta_dict": {"info": ENTRY}}), _sidecar),
    "yt-dlp's entry": Parser(_jsons(ENTRY), _entry),
    "Mastodon's status": Parser(_status_example, _status),
    "PeerTube's video": Parser(_video_example, _video),
    "lake.json": Parser(_jsons({"format": 1, "salt": "00"}, {"format": 2, "salt_id": "00"}), _lake),
    "recipe.json": Parser(_jsons({"recipe": "sample", "leave_out_risks": ["minors"]}), _choice),
    "manifest.json": Parser(_jsons(asdict(factories.manifest())), _manifest),
    "ref": Parser(_texts("d3c1"), _ref, ""),
    "decision.json": Parser(_jsons({"recipe": "sample", "models": {"embed": "x"}}), _decision),
    "clip.parquet": Parser(_good_members, _members, ".parquet"),
    "features.parquet": Parser(_good_features, _features, ".parquet"),
    "experiment.parquet": Parser(_good_results, _rows_of_result, ".parquet"),
    "videos.parquet": Parser(_good_results, _scores, ".parquet"),
    "checkpoint": Parser(_good_checkpoint, _weights, ".pth"),
    "safetensors": Parser(_good_safetensors, _weights, ".safetensors"),
    "config.json": Parser(_jsons({"image_size": 224, "num_attention_heads": 2, "num_frames": 16, "tubelet_size": 2,
                                  "id2label": {"0": "a"}, "layer_norm_eps": 1e-12}), _config),
    "index.json": Parser(_jsons({"weight_map": {"a": "model-1.safetensors"}}), _index),
    "open_clip_config.json": Parser(_shipped("sample_world/open_clip_config.json"), _clip_config),
    "--head-map": Parser(_jsons([0, 3, 7]), _head_map),
    "list of path label": Parser(_texts("a.mp4 0\nb c.mp4 1\n", "d 12 3\n"), _benchmark("list", "val.csv"), ".csv"),
    "Kinetics' list": Parser(_texts("label,youtube_id,time_start,time_end,split\nair drumming,x1,3,13,val\n"),
                             _benchmark("k400", "validate.csv"), ".csv"),
    "UCF101's list": Parser(_texts("YoYo/v_YoYo_g01_c01.avi\n"), _benchmark("ucf101", "testlist01.txt"), ".txt"),
    "Something-Something's list": Parser(
        _jsons([{"id": "1", "template": "Holding [something]", "placeholders": ["a"]}]),
        _benchmark("ssv2", "validation.json")),
    "labels.csv": Parser(_texts("file,action,is_action,note\na.mp4,yoga,1,\n"), _labels, ".csv"),
    "known positives": Parser(_texts("class,url\nyoga,https://a.example/1\n"), _known, ".csv"),
    "audit sheet": Parser(_texts("post_id,class_id,shows\ns:1,squat,yes\n", "post_id;class_id;shows\ns:1;squat;\n"),
                          _sheet, ".csv"),
    "opt-outs": Parser(_texts("# list\n@jane\nhttps://a.example/@jane\nsocial.example\n"), _opt_outs, ".txt"),
    "--skip-clips": Parser(_texts("# none\n\na.mp4\n"), _skipped, ".txt"),
    "log.txt": Parser(_texts('{"epoch": 1, "train_loss": 0.5}\n{"epoch": 2'), _log, ".txt"),
    "settings.json": Parser(_good_settings, _settings),
    "summary.json": Parser(_jsons(SUMMARY), _finished),
    "summary.json to export": Parser(_jsons(SUMMARY), _exported),
    "quota": Parser(_jsons({"key": {"2026-05-01": 3}}), _quota),
}
# fmt: on
"""By the name under which a fault is told. What reads a new kind of foreign input is a line here."""

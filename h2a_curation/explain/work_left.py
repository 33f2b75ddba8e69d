"""What a build would measure, stage by stage, how much of it for the second time, and what that costs. Nothing is done.

A raised version of our code, another program or model, or another rule of measuring has rows of old lakes made anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from h2a_curation.catalog import todo
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.lake.lake import Lake
from h2a_curation.pipeline.part import models_of, unmeasured
from h2a_curation.recipes import Recipe
from h2a_curation.sources.politeness.left_alone import opt_outs_of, opted_out

_PROBE_S_PER_MPX = 0.004
_CUT_S_PER_MPX = 0.008
_CUT_S_PER_FRAME = 0.005
_LOOK_S_PER_MPX = 0.008
"""Seconds of one core for a million pixels, or for a frame that is compared and encoded. On four real files of 240 to
720 lines that was off by less than a factor of two."""
_EMBEDDED = "frame_embedding"

_FILES = "SELECT DISTINCT media_id FROM media ANTI JOIN opted_out USING (post_id) WHERE outcome = 'ok'"
_SIZES = """
    SELECT coalesce(sum(decoded_s), 0)::DOUBLE AS video_s, coalesce(sum(num_frames), 0)::DOUBLE AS frames,
           coalesce(sum(num_frames * width_px * height_px) / 1e6, 0)::DOUBLE AS mpx
    FROM wanted LEFT JOIN (FROM {table}) USING ({key})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLeft:
    """What is left to measure of one kind."""

    what: str
    """`probe`, `cut`, `fingerprint`, `frame_embedding` or a signal's name."""
    unit: str
    """`files` or `clips`."""
    num: int
    num_anew: int
    """How many of them have been measured before, by another version, program, model or rule."""
    video_s: float
    """Seconds of video to be decoded; of files that were never probed nobody knows."""
    cpu_s: float
    """Seconds of one processor core, the image model's and the detectors' left out: right within a factor of two or so.
    What a look gives is decoded once, whatever is missing of it."""


def work_left(lake: Lake, recipe: Recipe) -> list[WorkLeft]:
    """All that `h2a build` would measure of the files that are there; none where nothing is left."""
    facts, ever = connect(lake.path, models=models_of(recipe)), connect(lake.path)
    left_alone = {"opted_out": opted_out(facts, opt_outs_of(lake, recipe.source))}
    files = facts.query(_FILES, left_alone)["media_id"].to_pylist()
    probe = todo.missing(facts, "probe", files)
    cut = _files_to_cut(facts, ever, files, probe)
    left = [
        _of_files(ever, "probe", probe, _PROBE_S_PER_MPX, 0.0),
        _of_files(ever, "cut", cut, _CUT_S_PER_MPX, _CUT_S_PER_FRAME),
    ]
    for what, clips in unmeasured(facts, recipe, _clips(facts, ever, files, cut)).items():
        left.append(_of_clips(ever, what, clips))
    return [work for work in left if work.num]


def num_frames_to_embed(left: Iterable[WorkLeft], recipe: Recipe) -> int:
    """Frames that would pass the image model, which is the dearest step where there is no GPU."""
    return sum(work.num for work in left if work.what == _EMBEDDED) * recipe.look.num_frames


def _files_to_cut(facts: Catalog, ever: Catalog, files: list[str], probe: list[str]) -> list[str]:
    """Files whose probe is ok, or may be expected to be: it was, or nobody knows."""
    sql = "SELECT media_id FROM probe WHERE outcome {0} 'ok'"
    ok = set(facts.query(sql.format("="))["media_id"].to_pylist())
    not_ok = set(ever.query(sql.format("<>"))["media_id"].to_pylist())
    return todo.missing(facts, "clip", (ok & set(files)) | set(probe) - not_ok)


def _clips(facts: Catalog, ever: Catalog, files: list[str], cut: list[str]) -> list[str]:
    """The clips of these files; of those that are to be cut anew the ones that they had, which most give again."""
    sql = "SELECT DISTINCT clip_id FROM clip SEMI JOIN wanted USING (media_id) WHERE clip_id IS NOT NULL"
    there = facts.query(sql, {"wanted": _column("media_id", set(files) - set(cut))})
    before = ever.query(sql, {"wanted": _column("media_id", cut)})
    return sorted({*there["clip_id"].to_pylist(), *before["clip_id"].to_pylist()})


def _of_files(ever: Catalog, what: str, files: list[str], per_mpx_s: float, per_frame_s: float) -> WorkLeft:
    wanted = {"wanted": _column("media_id", files)}
    [size] = ever.query(_SIZES.format(table="probe", key="media_id"), wanted).to_pylist()
    table = {"probe": "probe", "cut": "clip"}[what]
    anew = ever.query(f"SELECT media_id FROM wanted SEMI JOIN {table} USING (media_id)", wanted).num_rows
    cpu_s = size["mpx"] * per_mpx_s + size["frames"] * per_frame_s
    return WorkLeft(what=what, unit="files", num=len(files), num_anew=anew, video_s=size["video_s"], cpu_s=cpu_s)


def _of_clips(ever: Catalog, what: str, clips: list[str]) -> WorkLeft:
    wanted = {"wanted": _column("clip_id", clips)}
    clip = (
        "SELECT DISTINCT ON (clip_id) clip_id, end_s - start_s AS decoded_s, num_frames, width_px, height_px FROM clip"
    )
    [size] = ever.query(_SIZES.format(table=f"({clip})", key="clip_id"), wanted).to_pylist()
    rows = what if what in ("fingerprint", _EMBEDDED) else f"(FROM sighting WHERE signal = '{what}')"
    anew = ever.query(f"SELECT clip_id FROM wanted SEMI JOIN {rows} AS rows USING (clip_id)", wanted).num_rows
    return WorkLeft(
        what=what,
        unit="clips",
        num=len(clips),
        num_anew=anew,
        video_s=size["video_s"],
        cpu_s=size["mpx"] * _LOOK_S_PER_MPX,
    )


def _column(name: str, values: Iterable[str]) -> pa.Table:
    return pa.table({name: pa.array(sorted(values), pa.string())})

"""The work of one part: a pure stage, bound to the decoder, model or source that it needs, and committed.

A part carries ids. Workers may be threads, processes or hosts: what they share is the lake.
"""

import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import schemas
from h2a_curation.catalog import todo
from h2a_curation.catalog.views import Catalog, connect
from h2a_curation.decide.rules import fingerprint
from h2a_curation.lake import lake as lakes
from h2a_curation.lake import parts
from h2a_curation.lake.files import keep_file, written_aside
from h2a_curation.lake.lake import Lake
from h2a_curation.measure import sense
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import UndecodableError
from h2a_curation.pipeline import acquire
from h2a_curation.pipeline.acquire import Committed
from h2a_curation.pipeline.items import UNEXPECTED, Items, Row
from h2a_curation.recipes import Recipe

if TYPE_CHECKING:
    from h2a_curation.models.clip import ClipModel
    from h2a_curation.models.sensors import Sensors
    from h2a_curation.sources.guarded import GuardedSource
    from h2a_curation.video.answers import Limits

WAITING_STAGES = frozenset({"mine", "fetch"})
"""Stages that wait on a network: threads serve them, all others compute."""
_MORE_TIME = 3.0
"""Times `probe.timeout_s` that cutting a file may take: a second decode, pictures made small, and the encoder. What a
probe let pass takes less than two, so the row of a file does not hang on how near to its limit it was probed."""
_SOURCES: "dict[str, tuple[list[tuple[int, int]], GuardedSource]]" = {}
"""The source of each recipe and lake, with times and sizes of its files as it was made."""
_SOURCES_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Part:
    """What one worker does before it commits."""

    stage: str
    keys: tuple[str, ...]
    """Tags to list, posts to fetch, media to probe and cut, clips to look at, prompts to embed."""
    round: int = 0
    """The round of mining that the part belongs to, for stages that belong to one."""


def do_part(lake: Path, recipe: Recipe, part: Part) -> None:
    """Do one part's work and commit it."""
    for stage, fingerprint_of, tables in _STAGES[part.stage](lakes.open_lake(lake), recipe, part):
        parts.commit(lake, stage, parts.part_name(stage, fingerprint_of, part.keys), tables)


def models_of(recipe: Recipe) -> dict[str, str]:
    """The fingerprint of the program or model, of its rules and of our own version, by measuring stage; and by
    `sense.SIGNAL` for each signal that has one of its own. Nothing is loaded.
    """
    from h2a_curation.measure import cut, embed, perceptual_hash
    from h2a_curation.models import clip as clip_model
    from h2a_curation.video import probe, sample_frames, scenes, transcode
    from h2a_curation.video.container import DECODER

    programs = [scenes.scenes_fingerprint(), transcode.ffmpeg_fingerprint(), recipe.cut]
    cuts = fingerprint([*programs, *_raised(scenes=scenes.VERSION, transcode=transcode.VERSION, cut=cut.VERSION)])
    # Our own versions of cutting are not in it: cut anew, a clip of the same bytes keeps what was measured of it.
    looks = [
        fingerprint([*programs[:2], _first_cut_rules(recipe.cut)]),
        DECODER,
        recipe.look,
        *_raised(look=sample_frames.VERSION),
    ]
    clip = clip_model.fingerprint(recipe.embed.model, recipe.embed.pretrained)
    senses = fingerprint([looks, recipe.sense, _sensors(_needs_sensors(recipe)).fingerprint])
    return {
        "probe": fingerprint(["av", DECODER, recipe.probe, *_raised(probe=probe.VERSION)]),
        "cut": cuts,
        "hash": fingerprint([looks, recipe.hash, *_raised(hash=perceptual_hash.VERSION)]),
        "embed": fingerprint([looks, clip, *_raised(embed=embed.VERSION)]),
        "sense": senses,
        "prompt": fingerprint([clip, *_raised(prompt=embed.PROMPT_VERSION)]),
        **{
            f"sense.{signal.name}": fingerprint([senses, signal.name, signal.version])
            for signal in sense.SIGNALS
            if signal.has_own_fingerprint
        },
    }


def _first_cut_rules(rules: CutRules) -> dict[str, float]:
    """The rules of cutting as rows of looks know them since the first lakes: two of these are gone, and count as their
    defaults did. The rules that came in their place change no look, since a clip of other frames has another id.
    """
    kept = {name: getattr(rules, name) for name in ("cut_ratio", "short_side_px", "gop_frames", "crf")}
    return {**kept, "min_cut_levels": 15.0, "min_scene_frames": 15}


def signals_of(recipe: Recipe) -> dict[str, str]:
    """The fingerprint of each signal that can be had here for this recipe: without a detector, none that needs it."""
    models = models_of(recipe)
    signals = sense.measurable(_sensors(_needs_sensors(recipe)).detectors)
    return {signal.name: models.get(f"sense.{signal.name}", models["sense"]) for signal in signals}


def unmeasured(facts: Catalog, recipe: Recipe, clips: Iterable[str]) -> dict[str, list[str]]:
    """The clips that lack a row, by what a look gives: `fingerprint`, `frame_embedding` and each signal's name."""
    clips, signals = list(clips), signals_of(recipe)
    left = {table: todo.missing(facts, table, clips) for table in ("fingerprint", "frame_embedding")}
    left |= todo.missing_signals(facts, clips, signals)
    models = models_of(recipe)
    made_by = {"fingerprint": models["hash"], "frame_embedding": models["embed"], **signals}
    failed = {model: todo.failed(facts, model) for model in set(made_by.values())}
    return {what: [clip for clip in left[what] if clip not in failed[made_by[what]]] for what in left}


def sensors_missing(recipe: Recipe) -> str:
    """Why a signal that the recipe asks for cannot be had, and which command adds it; empty where all can."""
    return _sensors(_needs_sensors(recipe)).reason if _needs_sensors(recipe) else ""


def source_of(recipe: Recipe, lake: Lake | None = None) -> "GuardedSource":
    """The recipe's source, made once a process: it keeps connections and a pace, and in the lake an API's count.

    Made anew where an opt-out list or the table has changed.
    """
    read = [*recipe.source.opt_outs, *filter(None, [recipe.source.file])]
    files = [(file.stat().st_mtime_ns, file.stat().st_size) for file in read if file.is_file()]
    key = repr((recipe.source, recipe.fetch, recipe.permissions, lake and lake.path))
    with _SOURCES_LOCK:
        if key not in _SOURCES or _SOURCES[key][0] != files:
            from h2a_curation.sources import open_source

            state, pseudonym = (lake.path, lake.pseudonym) if lake else (None, None)
            _SOURCES[key] = (
                files,
                open_source(
                    recipe.source,
                    recipe.fetch,
                    state=state,
                    pseudonym=pseudonym,
                    permissions=recipe.permissions,
                ),
            )
        return _SOURCES[key][1]


def _mine(lake: Lake, recipe: Recipe, part: Part) -> Iterable[Committed]:
    return acquire.mine(lake, recipe, source_of(recipe, lake), part.keys, part.round)


def _fetch(lake: Lake, recipe: Recipe, part: Part) -> Iterable[Committed]:
    return acquire.fetch(lake, recipe, source_of(recipe, lake), part.keys, part.round)


def _probe(lake: Lake, recipe: Recipe, part: Part) -> Iterable[Committed]:
    from h2a_curation.measure.probe import not_probed, probe
    from h2a_curation.video.child import probe_in_child

    model = models_of(recipe)["probe"]
    items = Items[schemas.Probe](lake.path, "probe")
    items.do(
        part.keys,
        lambda media_id: probe(_media(lake, media_id), recipe.probe, model=model, read=probe_in_child),
        lambda media_id, detail: [not_probed(media_id, model, UNEXPECTED, detail)],
    )
    yield from _committed(items, "probe", model, "probe", schemas.Probe)


def _cut(lake: Lake, recipe: Recipe, part: Part) -> Iterable[Committed]:
    from h2a_curation.measure.cut import cut, not_cut
    from h2a_curation.video import transcode
    from h2a_curation.video.child import scene_in_child

    model, limits = models_of(recipe)["cut"], _limits(recipe)
    items = Items[schemas.Clip](lake.path, "cut")
    with written_aside(lake.path) as folder:
        items.do(
            part.keys,
            lambda media_id: cut(
                _media(lake, media_id),
                recipe.cut,
                model=model,
                find_scene=functools.partial(scene_in_child, limits=limits),
                transcode=functools.partial(transcode.cut, folder=folder, limits=limits),
                keep=lambda file, clip_id: keep_file(lake.path, file, lake.clip_file(clip_id)),
            ),
            lambda media_id, detail: [not_cut(media_id, model, UNEXPECTED, detail)],
        )
    yield from _committed(items, "cut", model, "clip", schemas.Clip)


def _committed(items: Items[Row], stage: str, model: str, table: str, record: type[Row]) -> Iterator[Committed]:
    """The commit of what was done; none where nothing was, since it would stand for the whole part."""
    if items.rows or not items.broken:
        yield stage, items.name(model), {table: schemas.to_arrow(record, items.rows)}
    items.end()


def _look(lake: Lake, recipe: Recipe, part: Part) -> Iterable[Committed]:
    """One decode of each clip serves its fingerprint, its vectors and its signals, whichever have no row yet."""
    models, signals = models_of(recipe), signals_of(recipe)
    left = unmeasured(connect(lake.path, models=models), recipe, part.keys)
    lacks = {clip_id: [what for what in left if clip_id in left[what]] for clip_id in set().union(*left.values())}
    of_what = {"fingerprint": models["hash"], "frame_embedding": models["embed"], **signals}
    if left["frame_embedding"]:
        _clip(recipe)  # a model that cannot be loaded is no clip's fault

    def failures(clip_id: str, outcome: str, detail: str) -> list[schemas.Failure]:
        by = sorted({of_what[what] for what in lacks[clip_id]})
        return [schemas.Failure(clip_id=clip_id, model=model, outcome=outcome, detail=detail) for model in by]

    def measured(clip_id: str) -> list[Any]:
        try:
            return list(_measured(lake, recipe, clip_id, {what: of_what[what] for what in lacks[clip_id]}))
        except UndecodableError as failed:
            return list(failures(clip_id, failed.outcome, failed.detail))

    items = Items[Any](lake.path, "look")
    items.do(sorted(lacks), measured, lambda clip_id, detail: failures(clip_id, UNEXPECTED, detail))
    rows: defaultdict[tuple[type, str], list[Any]] = defaultdict(list)
    for row in items.rows:
        rows[type(row), row.model].append(row)
    for (record, model), made in rows.items():
        stage, table = _LOOKED[record]
        yield stage, items.name(model + _which(made, signals)), {table: schemas.to_arrow(record, made)}
    items.end()


def _measured(lake: Lake, recipe: Recipe, clip_id: str, wanted: Mapping[str, str]) -> Iterator[Any]:
    """The rows of one clip: `wanted` has the fingerprint of what it lacks, by table or signal."""
    from h2a_curation.measure import embed, perceptual_hash
    from h2a_curation.video.child import look_in_child

    seen = [(clip_id, look_in_child(str(lake.clip_file(clip_id)), recipe.look, limits=_limits(recipe)))]
    if model := wanted.get("fingerprint"):
        yield from perceptual_hash.hash_clips(seen, recipe.hash, model=model)
    if model := wanted.get("frame_embedding"):
        yield from embed.embed(seen, model=model, encode=_clip(recipe).encode_images)
    detectors = _sensors(_needs_sensors(recipe)).detectors
    yield from sense.sense(seen, recipe.sense, models=wanted, detectors=detectors)


_LOOKED: Mapping[type, tuple[str, str]] = {
    schemas.Fingerprint: ("hash", "fingerprint"),
    schemas.FrameEmbedding: ("embed", "frame_embedding"),
    schemas.Sighting: ("sense", "sighting"),
    schemas.Failure: ("look", "failure"),
}
"""Stage and table of what a look gives."""


def _which(rows: list[Any], signals: Mapping[str, str]) -> str:
    """The signals of these rows where some of their fingerprint are not among them, else nothing: a part's name tells
    it from one that holds the other signals of the same clips, which would have it taken for there already.
    """
    made = {row.signal for row in rows if isinstance(row, schemas.Sighting)}
    whole = {signal for signal, model in signals.items() if made and model == rows[0].model}
    return "" if made == whole else "".join(f"+{signal}" for signal in sorted(made))


def _prompt(lake: Lake, recipe: Recipe, part: Part) -> Iterable[Committed]:
    from h2a_curation.measure.embed import embed_prompts

    model = models_of(recipe)["prompt"]
    rows = embed_prompts(part.keys, model=model, encode=_clip(recipe).encode_texts)
    yield "prompt", model, {"prompt_embedding": schemas.to_arrow(schemas.PromptEmbedding, rows)}


_STAGES: Mapping[str, Callable[[Lake, Recipe, Part], Iterable[Committed]]] = {
    "mine": _mine,
    "fetch": _fetch,
    "probe": _probe,
    "cut": _cut,
    "look": _look,
    "prompt": _prompt,
}


def _media(lake: Lake, media_id: str) -> list[tuple[str, str]]:
    return [(media_id, str(lake.media_file(media_id)))]


def _limits(recipe: Recipe) -> "Limits":
    """What cutting a file and looking at its clip may cost: a file that was probed within its time takes less."""
    from h2a_curation.video.answers import Limits

    return Limits(timeout_s=_MORE_TIME * recipe.probe.timeout_s, max_memory_bytes=recipe.probe.max_memory_bytes)


def _raised(**versions: int) -> list[str]:
    """What our own versions add to a fingerprint: version 1 adds nothing, so that no older lake is measured anew."""
    return [f"{name}-{version}" for name, version in versions.items() if version > 1]


def _needs_sensors(recipe: Recipe) -> bool:
    return recipe.decide.clip.person != "off"


@functools.cache
def _sensors(wanted: bool) -> "Sensors":
    from h2a_curation.models.sensors import Sensors, available
    from h2a_curation.models.weights import model_folder

    return available(model_folder()) if wanted else Sensors(detectors={}, fingerprint="none", reason="off")


@functools.cache
def _clip_by_name(model: str, pretrained: str | None) -> "ClipModel":
    from h2a_curation.models.clip import ClipModel

    return ClipModel.load(model, pretrained)


def _clip(recipe: Recipe) -> "ClipModel":
    return _clip_by_name(recipe.embed.model, recipe.embed.pretrained)

"""The evaluation of a checkpoint on a benchmark: lists, models, figures, Parquet and a page."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from h2a_curation.foundation.atomic_files import replaced
from h2a_curation.jobs.evaluation_page import write_page
from h2a_curation.jobs.folder_settings import check_same, stored, write
from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.convert.fill import classifier_from, hash_of_weights
from h2a_curation.videomae.data.videos import count_frames, frame_files
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate import figures as measured
from h2a_curation.videomae.evaluate.classes import ClassNumbers
from h2a_curation.videomae.evaluate.figures import Figures
from h2a_curation.videomae.evaluate.listed import Benchmark, Listed
from h2a_curation.videomae.evaluate.lists import TASKS, read
from h2a_curation.videomae.evaluate.merge import Merge
from h2a_curation.videomae.evaluate.run import Looking, Progress, evaluate_split
from h2a_curation.videomae.evaluate.store import CLASSES, CONFUSION, Key, Store
from h2a_curation.videomae.hardware.parallel import ProcessGroup, joined
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import Dtype
from schemas import ClassScore, Confused, VideoScore, to_arrow
from schemas.evaluate import MISSING, OK, UNDECODABLE

SETTINGS, SUMMARY, PAGE = "evaluation.json", "summary.json", "evaluation.html"
MEAN = "mean"
"""Name of the figures over several splits."""
Say = Callable[[str], None]
PATIENCE_S = 4 * 3600.0
"""A process that is done waits so long for those whose videos take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be evaluated on, and which of it."""

    task: str
    data: Path
    listing: Path | None = None
    split: str | None = None

    def read(self) -> Benchmark:
        """The benchmark with the splits asked for; ValueError for one that it does not have."""
        named = TASKS.get(self.task)
        benchmark = read(self.task, self.data, benchmark_classes(named) if named else (), self.listing)
        if self.split is None:
            return benchmark
        if self.split not in benchmark.splits:
            raise ValueError(f"--split {self.split}: {benchmark.task} has {', '.join(benchmark.splits)}")
        chosen = {self.split: benchmark.splits[self.split]}
        return replace(benchmark, splits=chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """How videos are looked at where it is not as the task's official script does; None leaves that as it is."""

    views: tuple[int, int] | None = None
    """Segments and crops."""
    sparse: bool | None = None
    stride: int | None = None
    merge: Merge = "prob"

    def of(self, benchmark: Benchmark, num_frames: int) -> Views:
        """The views of a model of so many frames."""
        segments, crops = self.views or (benchmark.num_segments, 3)
        all_folders = all(video.path.is_dir() for videos in benchmark.splits.values() for video in videos[:1])
        return Views(
            num_frames=num_frames,
            stride=self.stride or benchmark.stride,
            sparse=benchmark.sparse if self.sparse is None else self.sparse,
            num_segments=segments,
            num_crops=crops,
            from_folder=all_folders,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What an evaluation runs on; nothing of this but the dtype changes a number beyond its last digits."""

    device: str | None = None
    dtype: Dtype = "float32"
    workers: int = 2
    views_at_once: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What decides the numbers of a split. An evaluation that goes on must be of the same."""

    task: str
    videos: str
    """Hash of all splits, names and labels."""
    weights: str
    """Hash of the weights, whatever layout they lay in."""
    num_frames: int
    frame_px: tuple[int, int]
    sampling: str
    stride: int
    num_segments: int
    num_crops: int
    merge: str
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What came out."""

    figures: dict[str, Figures]
    """Figures by split; the last one is the only split, or the mean."""
    notes: list[str]
    num_lost: Counter[str]
    page: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a look at the list alone says."""

    benchmark: Benchmark
    lost: list[tuple[str, Listed, str, str]]
    """Split, video, status and reason."""


def check(task: Task) -> Checked:
    """Read the whole list, and open each video without decoding it."""
    benchmark = task.read()
    lost = []
    for split, videos in benchmark.splits.items():
        for video in videos:
            if not video.path.exists():
                lost.append((split, video, MISSING, "there is no such file or folder"))
                continue
            try:
                frame_files(video.path, video.num_frames) if video.path.is_dir() else count_frames(video.path)
            except (ValueError, OSError) as broken:
                lost.append((split, video, UNDECODABLE, str(broken)))
    return Checked(benchmark=benchmark, lost=lost)


def evaluate(
    task: Task, sources: Sequence[Path], out: Path, sampled: Sampled, means: Means, asked: Mapping[str, int],
    progress: Progress, say: Say,
) -> Evaluation | None:  # fmt: skip
    """Evaluate one checkpoint on all splits, or one on each. The same call goes on where it was stopped.

    Under torchrun, processes share the videos, and only the first one has the result.

    `asked` are fields of the model that no weight tells; `say` gets a line about each checkpoint. ValueError in one
    line for a checkpoint that is of other classes or no classifier, and for a folder of another evaluation.
    """
    benchmark = task.read()
    if len(sources) not in (1, len(benchmark.splits)):
        told = f"once for each of {len(benchmark.splits)} splits, not {len(sources)} times"
        raise ValueError(f"give --from once, or {told}")
    with joined(means.device, patience_s=PATIENCE_S) as world:
        return evaluated_by(benchmark, sources, out, sampled, means, asked, (progress, say), world)


def evaluated_by(
    benchmark: Benchmark, sources: Sequence[Path], out: Path, sampled: Sampled, means: Means, asked: Mapping[str, int],
    told: tuple[Progress, Say], world: ProcessGroup,
) -> Evaluation | None:  # fmt: skip
    """The evaluation by processes that are together already: see `evaluate`."""
    progress, say = told
    splits, notes = list(benchmark.splits), list(benchmark.notes)
    if len(splits) > 1 and len(sources) == 1:
        notes.append("one checkpoint on all splits: their mean is a result only if it was trained on none of them")
    store, rows = Store(out, world.rank), dict[Key, VideoScore]()
    model: _Model | None = None
    settings: Evaluated | None = None
    for number, split in enumerate(splits):
        if number < len(sources):
            model = _model(sources[number], benchmark, asked)
            notes += model.notes
            if world.first:
                say(model.said)
        assert model is not None
        looking = Looking(
            views=sampled.of(benchmark, model.classifier.config.num_frames), merge=sampled.merge, dtype=means.dtype,
            views_at_once=means.views_at_once, workers=means.workers, world=world,
        )  # fmt: skip
        settings = _settings(benchmark, model, looking)
        if world.first:
            _agree(out, split, settings)
        rows |= evaluate_split(split, benchmark.splits[split], model.classifier, looking, store, progress)
    assert settings is not None
    return _finished(benchmark, rows, settings, notes, store) if world.first else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    classifier: Classifier
    weights: str
    said: str
    notes: list[str]


def _model(source: Path, benchmark: Benchmark, asked: Mapping[str, int]) -> _Model:
    """The classifier of a checkpoint, if it is one for this benchmark's classes."""
    classifier, fitting, found = classifier_from(source, asked)
    if classifier.num_classes < len(benchmark.classes) or (
        benchmark.task in TASKS and classifier.num_classes != len(benchmark.classes)
    ):
        told = f"{classifier.num_classes} classes, and {benchmark.task} has {len(benchmark.classes)}"
        raise ValueError(f"{source} tells {told}: it was fine-tuned for something else")
    if fitting.fresh:
        raise ValueError(f"{source} lacks weights of a classifier: {fitting}")
    notes = []
    if benchmark.task in TASKS:
        notes = ClassNumbers(benchmark.task, benchmark.classes).said_by_model(found.class_names, source)
    if fitting.unused:
        notes.append(f"{source}: {fitting}")
    config, (height, width) = classifier.config, classifier.config.frame_px
    said = (
        f"{source}: {found.layout}, width {config.width}, depth {config.depth}, {config.num_heads} heads,"
        f" {config.num_frames} frames of {height}x{width} px, {classifier.num_classes} classes; {fitting}"
    )
    return _Model(classifier=classifier, weights=hash_of_weights(classifier), said=said, notes=notes)


def _settings(benchmark: Benchmark, model: _Model, looking: Looking) -> Evaluated:
    views = looking.views
    return Evaluated(
        task=benchmark.task,
        videos=_hash_of_videos(benchmark),
        weights=model.weights,
        num_frames=views.num_frames,
        frame_px=model.classifier.config.frame_px,
        sampling="sparse" if views.sparse else "dense",
        stride=1 if views.sparse else views.stride,
        num_segments=views.num_segments,
        num_crops=views.num_crops,
        merge=looking.merge,
        dtype=looking.dtype,
    )


def _agree(out: Path, split: str, settings: Evaluated) -> None:
    """Write the settings of a split; ValueError where the folder holds those of another evaluation."""
    file = out / SETTINGS
    known = stored(file) if file.exists() else {}
    if split in known:
        check_same(f"{out} holds an evaluation with other settings", known[split], settings)
        return
    other = next(iter(known.values()), None)
    if other is not None and other["videos"] != settings.videos:
        raise ValueError(f"{out} holds an evaluation on another list or other splits: choose another --out")
    write(file, {**known, split: asdict(settings)})


def _finished(
    benchmark: Benchmark, rows: Mapping[Key, VideoScore], settings: Evaluated, notes: list[str], store: Store
) -> Evaluation:
    of_split = {split: [rows[split, video.video_id] for video in videos] for split, videos in benchmark.splits.items()}
    found = {split: measured.figures(own) for split, own in of_split.items()}
    if len(found) > 1:
        found[MEAN] = measured.mean_of(list(found.values()))
    classes = [row for split, own in of_split.items() for row in measured.by_class(split, own, _names(benchmark, own))]
    confused = [row for split, own in of_split.items() for row in measured.confusion(split, own)]
    tables = {CLASSES: to_arrow(ClassScore, classes), CONFUSION: to_arrow(Confused, confused)}
    store.finish(rows, tables)
    summary = {"task": benchmark.task, "splits": {n: asdict(f) for n, f in found.items()}, "notes": notes}
    with replaced(store.out, store.out / SUMMARY) as file:
        file.write((json.dumps(summary, indent=2) + "\n").encode())
    page = store.out / PAGE
    write_page(page, asdict(settings), found, notes, classes, confused, list(rows.values()))
    lost = Counter(row.status for row in rows.values() if row.status != OK)
    return Evaluation(figures=found, notes=notes, num_lost=lost, page=page)


def _names(benchmark: Benchmark, rows: Sequence[VideoScore]) -> list[str]:
    """Names of all classes that a row may tell of: a list without names may have fewer classes than the model."""
    highest = max((label for row in rows for label in (row.label, *row.top)), default=0)
    return [*benchmark.classes, *map(str, range(len(benchmark.classes), highest + 1))]


def _hash_of_videos(benchmark: Benchmark) -> str:
    listed = [(split, v.video_id, v.label) for split, videos in benchmark.splits.items() for v in videos]
    return hashlib.blake2b(json.dumps(listed).encode(), digest_size=16).hexdigest()

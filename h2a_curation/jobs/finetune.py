"""Fine-tuning on a benchmark, a list or a version: lists, training, and the final test by evaluation's views."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from h2a_curation.foundation.atomic_files import plain_name, replaced, scratch
from h2a_curation.jobs.evaluate import Evaluation, Means, Sampled, evaluated_by
from h2a_curation.lake import layout
from h2a_curation.taxonomy.benchmarks import benchmark_classes
from h2a_curation.videomae.data.shards import Version, open_version, read_clip
from h2a_curation.videomae.evaluate.listed import Benchmark, Listed
from h2a_curation.videomae.evaluate.lists import TASKS, read
from h2a_curation.videomae.evaluate.owners_lists import Purpose
from h2a_curation.videomae.evaluate.run import Progress
from h2a_curation.videomae.finetune.beginning import ModelToTune
from h2a_curation.videomae.finetune.examples import LabelledSet, examples_of_list, examples_of_version
from h2a_curation.videomae.finetune.result import TunedResult
from h2a_curation.videomae.finetune.train import finetune as trained
from h2a_curation.videomae.hardware.parallel import ProcessGroup, joined
from h2a_curation.videomae.loop.history import end_log
from h2a_curation.videomae.loop.rescue import Rescue
from h2a_curation.videomae.loop.runtime import Runtime
from h2a_curation.videomae.loop.watch import Watcher
from schemas import Member

TEST = "test"
"""Folder of the final test in a run's folder."""
_LISTS_BESIDE = ("val.csv", "test.csv")
_PATIENCE_S = 3600.0
"""A process that is done waits so long for those whose videos take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTask:
    """What is to be fine-tuned on."""

    task: str
    """A benchmark's name, a list of videos to learn from, or the name of a version."""
    data: Path
    """Folder with the videos and lists; of a version, the lake."""
    train_list: Path | None = None
    val_list: Path | None = None
    """Lists to read in place of those that lie in the data; the second one is validated and tested on."""
    split: str = "1"
    """Which one, where a benchmark has several."""

    def read(self, cache: Path | None = None) -> "Known":
        """The videos to learn from, to validate on and to test on.

        ValueError in one line for what cannot be read, for labels out of range, and for another benchmark's list.
        """
        if self.task in TASKS or Path(self.task).is_file():
            return self._listed()
        if (self.data / layout.manifest(self.task)).exists():
            if self.train_list or self.val_list:
                raise ValueError(f"--task {self.task} is a version, which has splits: leave out the lists")
            return _version(open_version(self.data, self.task, cache=cache))
        known = ", ".join(TASKS)
        raise ValueError(f"--task {self.task} is none of {known}, no file, and no version in {self.data}")

    def _listed(self) -> "Known":
        train, test = self._read("train"), self._read("test")
        classes = train.benchmark.classes
        highest = max(test.videos, key=lambda video: video.label)
        if highest.label >= len(classes):
            raise ValueError(
                f"{highest.video_id} of the list to validate on has label {highest.label}, and there are "
                f"{len(classes)} classes to learn, which begin with 0"
            )
        to_learn, lost = examples_of_list(train.videos, "to learn from")
        to_validate, also_lost = examples_of_list(test.videos, "to validate on")
        data = LabelledSet(
            task=train.benchmark.task,
            classes=classes,
            train=to_learn,
            validation=to_validate,
            notes=(*train.benchmark.notes, *test.benchmark.notes, *lost, *also_lost, *_doubts(train, test)),
        )
        return Known(data, replace(test.benchmark, classes=classes, splits={test.split: test.videos}))

    def _read(self, purpose: Purpose) -> "_OneSplit":
        task, listing = self.task, self.train_list if purpose == "train" else self.val_list
        named = TASKS.get(task)
        if named is None and (listing is not None or purpose == "test"):
            task = str(listing or _beside(Path(task)))
        found = read(task, self.data, benchmark_classes(named) if named else (), listing, purpose)
        if len(found.splits) == 1:
            [split] = found.splits
        elif self.split in found.splits:
            split = self.split
        else:
            raise ValueError(f"--split {self.split}: {found.task} has {', '.join(found.splits)}")
        return _OneSplit(benchmark=found, split=split, videos=found.splits[split])


@dataclass(frozen=True, slots=True)
class Known:
    """A labelled set, and how it is tested at the end."""

    data: LabelledSet
    test: Benchmark | Version
    """The videos to test on; of a version, which lies in shards, the version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneSplit:
    benchmark: Benchmark
    split: str
    videos: list[Listed]


def finetune(
    known: Known, model: ModelToTune, out: Path, seed: int, runtime: Runtime, rescue: Rescue, watcher: Watcher,
    progress: Progress,
) -> tuple[TunedResult, Evaluation | None]:  # fmt: skip
    """Train, then test the last checkpoint by the task's views, as officially; the same call goes on where it was
    stopped. Under torchrun the first process alone has the test's figures.

    ValueError in one line for what does not fit together, before any training.
    """
    model.check_classes(known.data.task, len(known.data.classes))
    with joined(runtime.device, patience_s=_PATIENCE_S) as world:
        result = trained(known.data, model, out, world, seed=seed, runtime=runtime, rescue=rescue, watcher=watcher)
        return result, _tested(known, model, result, out, (runtime, watcher, progress), world)


def _tested(
    known: Known, model: ModelToTune, result: TunedResult, out: Path, told: tuple[Runtime, Watcher, Progress],
    world: ProcessGroup,
) -> Evaluation | None:  # fmt: skip
    runtime, watcher, progress = told
    recipe = model.recipe.recipe
    with _benchmark(known.test, out, world) as benchmark:
        done = evaluated_by(
            benchmark,
            [result.checkpoint],
            out / TEST,
            Sampled(stride=recipe.stride, sparse=recipe.sparse),
            Means(device=runtime.device, dtype=recipe.dtype, workers=runtime.workers or 2),
            {},
            (progress, watcher.say),
            world,
        )
    if done is not None:
        figures = next(reversed(done.figures.values()))
        end_log(out, {"Final top-1": 100 * figures.top1, "Final Top-5": 100 * figures.top5})
    return done


@contextmanager
def _benchmark(test: Benchmark | Version, out: Path, world: ProcessGroup) -> Iterator[Benchmark]:
    """The videos to test on as files: those of a version lie there while this lasts."""
    if isinstance(test, Benchmark):
        yield test
        return
    with ExitStack() as stack:
        folder = stack.enter_context(scratch(out, ".test-clips.")) if world.first else None
        members = test.split("test") or test.split("val")
        if folder is not None:
            for member in members:
                with replaced(folder, folder / f"{_name(member)}.mp4") as file:
                    file.write(read_clip(test, member))
        there = world.agreed(folder)
        assert there is not None
        videos = [Listed(video_id=m.clip_id, path=there / f"{_name(m)}.mp4", label=m.label) for m in members]
        yield Benchmark(task=test.name, classes=_classes(test), splits={members[0].split: videos})
        world.agreed(None)  # nobody reads the clips any more


def _name(member: Member) -> str:
    return plain_name(member.clip_id, "a version names a clip")


def _version(version: Version) -> Known:
    data = LabelledSet(
        task=version.name,
        classes=_classes(version),
        train=examples_of_version(version, "train"),
        validation=examples_of_version(version, "val") or examples_of_version(version, "test"),
    )
    return Known(data, version)


def _classes(version: Version) -> list[str]:
    """Class ids by label; a label that no clip has is its number."""
    names = {member.label: member.class_id for member in version.members}
    return [names.get(label, str(label)) for label in range(1 + max(names))]


def _doubts(train: _OneSplit, test: _OneSplit) -> list[str]:
    """What makes the figures worth less, as far as lists tell."""
    doubts = []
    if both := {video.video_id for video in train.videos} & {video.video_id for video in test.videos}:
        doubts.append(f"{len(both)} videos are in both lists, such as {min(both)}: the figures flatter the model")
    num_classes = len(train.benchmark.classes)
    if untaught := num_classes - len({video.label for video in train.videos}):
        doubts.append(f"{untaught} of {num_classes} classes have no video to learn from")
    return doubts


def _beside(listing: Path) -> Path:
    """The list to validate on that lies beside one to learn from."""
    found = next((listing.with_name(name) for name in _LISTS_BESIDE if listing.with_name(name).is_file()), None)
    if found is None or found == listing:
        raise ValueError(
            f"{listing.parent} holds no {' or '.join(_LISTS_BESIDE)} beside {listing.name}: name a list to validate on "
            "with --val-list"
        )
    return found

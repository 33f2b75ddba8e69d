"""Features of a frozen encoder over one of our versions or a benchmark, in one Parquet file."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from h2a_curation.jobs.evaluate import PATIENCE_S, Means, Task
from h2a_curation.jobs.folder_settings import agree
from h2a_curation.videomae.convert.fill import encoder_from, hash_of_weights
from h2a_curation.videomae.data.shards import open_version
from h2a_curation.videomae.data.views import Views
from h2a_curation.videomae.evaluate.run import Looking
from h2a_curation.videomae.hardware.parallel import joined
from h2a_curation.videomae.model.classifier import Classifier
from h2a_curation.videomae.presets import ModelConfig
from h2a_curation.videomae.probe.extract import Encoding, FeatureProgress, features_of
from h2a_curation.videomae.probe.store import FEATURES, FeatureStore
from h2a_curation.videomae.probe.wanted import WantedSet, of_benchmark, of_version
from schemas import VideoFeature
from schemas.evaluate import OK

SETTINGS = "features.json"
OF_ENCODER = "mean over tokens behind the encoder's last norm, mean over views"
OF_CLASSIFIER = "norm over the mean of tokens, before the head, mean over views"
OF_FIRST_TOKEN = "first token behind the last norm, before the head, mean over views"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAsked:
    """A published version of a lake, and which of its splits."""

    lake: str
    version: str
    split: str | None = None
    cache: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureViews:
    """How videos are looked at; None leaves it as the set is sampled by default."""

    views: tuple[int, int] = (1, 1)
    """Segments and crops: by default the middle of the video."""
    sparse: bool | None = None
    stride: int | None = None

    def of(self, wanted: WantedSet, num_frames: int) -> Views:
        """The views of a model of so many frames."""
        segments, crops = self.views
        return Views(
            num_frames=num_frames,
            stride=self.stride or wanted.stride,
            sparse=wanted.sparse if self.sparse is None else self.sparse,
            num_segments=segments,
            num_crops=crops,
            from_folder=wanted.from_folder,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """What decides the numbers of a file of features: it says so itself, and one that goes on must be of the same."""

    data: str
    """The version or benchmark."""
    videos: str
    """Hash of splits, ids, labels and classes."""
    weights: str
    """Hash of the weights that features come from, whatever layout they lay in."""
    feature: str
    """What a feature is, in words."""
    width: int
    num_heads: int
    num_frames: int
    frame_px: tuple[int, int]
    sampling: str
    stride: int
    num_segments: int
    num_crops: int
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesMade:
    """What came out."""

    file: Path
    num_rows: Counter[str]
    """Rows by split."""
    lost: list[VideoFeature]
    notes: list[str]
    settings: FeatureSettings


def make_features(
    data: Task | VersionAsked, source: Path, out: Path, asked_views: FeatureViews, means: Means,
    asked: Mapping[str, int], progress: FeatureProgress, say: Callable[[str], None],
) -> FeaturesMade | None:  # fmt: skip
    """Write the features of all videos of a set. The same call goes on where it was stopped.

    Under torchrun, processes share the videos, and only the first one has the result. `asked` are fields of the model
    that no weight tells. ValueError in one line for a folder that holds other features.
    """
    wanted = _wanted(data)
    model, fitting, found = encoder_from(source, asked)
    with joined(means.device, patience_s=PATIENCE_S) as world:
        looking = Looking(
            views=asked_views.of(wanted, model.config.num_frames), dtype=means.dtype,
            views_at_once=means.views_at_once, workers=means.workers, world=world,
        )  # fmt: skip
        settings = _settings(wanted, model, looking)
        if world.first:
            say(f"{source}: {found.layout}, {_shape(model.config)}; {fitting}; feature: {settings.feature}")
            agree(out / SETTINGS, settings, rows=FEATURES, plural="features", other="other features")
        store = FeatureStore(out, settings.width, world.rank)
        rows = features_of(wanted, model, looking, store, progress)
        if not world.first:
            return None
        version = {} if isinstance(data, Task) else {"version": data.version, "indices": wanted.indices}
        file = store.finish(rows, {**asdict(settings), **version, "layout": found.layout, "checkpoint": source.name})
    return FeaturesMade(
        file=file,
        num_rows=Counter(row.about.split for row in rows),
        lost=[row.about for row in rows if row.about.status != OK],
        notes=list(wanted.notes),
        settings=settings,
    )


def _wanted(data: Task | VersionAsked) -> WantedSet:
    if isinstance(data, Task):
        return of_benchmark(data.read())
    wanted = of_version(open_version(data.lake, data.version, cache=data.cache))
    return wanted if data.split is None else wanted.of_split(data.split)


def _settings(wanted: WantedSet, model: Encoding, looking: Looking) -> FeatureSettings:
    views, config = looking.views, model.config
    feature = OF_ENCODER
    if isinstance(model, Classifier):
        feature = OF_CLASSIFIER if model.mean_pooling else OF_FIRST_TOKEN
    return FeatureSettings(
        data=wanted.name,
        videos=wanted.hash,
        weights=hash_of_weights(model),
        feature=feature,
        width=config.width,
        num_heads=config.num_heads,
        num_frames=views.num_frames,
        frame_px=config.frame_px,
        sampling="sparse" if views.sparse else "dense",
        stride=1 if views.sparse else views.stride,
        num_segments=views.num_segments,
        num_crops=views.num_crops,
        dtype=looking.dtype,
    )


def _shape(config: ModelConfig) -> str:
    height, width = config.frame_px
    return (
        f"width {config.width}, depth {config.depth}, {config.num_heads} heads, {config.num_frames} frames of"
        f" {height}x{width} px"
    )

"""What an experiment measured: rows of `experiment.parquet` in its folder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRun:
    """A model that was pretrained on one arm's clips with one seed, fine-tuned and tested. Shares are of 1."""

    arm: str
    seed: int
    num_clips: int
    """Clips that were pretrained on; 0 where all weights are drawn."""
    clips: str
    """Hash of their ids: equal for equal clips."""
    num_steps: int
    """Steps of pretraining; 0 where all weights are drawn."""
    reconstruction_loss: float | None
    """Loss on the version's held-out clips at the end of pretraining."""
    num_videos: int
    """Videos that it was tested on."""
    top1: float
    """Share of the test videos that the fine-tuned model told right."""
    top5: float
    mean_class: float
    """Mean over classes of the share of their videos that was told right."""
    knn_top1: float | None
    """The same share by nearest neighbours on features before fine-tuning; None where all weights are drawn."""
    linear_top1: float | None
    """The same share by a linear probe on them."""
    seconds: float
    """Wall time of the whole run; of one that was stopped, that of the calls that saw it through."""

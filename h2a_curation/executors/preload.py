"""Imports what computing parts need, some seconds' worth: for a process that workers are forked from."""

from h2a_curation.measure import cut, embed, perceptual_hash, probe, sense
from h2a_curation.models import clip
from h2a_curation.pipeline import part
from h2a_curation.video import child, sample_frames, scenes, transcode

__all__ = [
    "child",
    "clip",
    "cut",
    "embed",
    "part",
    "perceptual_hash",
    "probe",
    "sample_frames",
    "scenes",
    "sense",
    "transcode",
]

clip.import_open_clip()

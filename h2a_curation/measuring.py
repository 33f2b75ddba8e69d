"""Imports what computing parts need, some seconds' worth: for a process that workers are forked from."""

from h2a_curation import clip_model, work
from h2a_curation.measure import cut, embed, hash, probe, sense
from h2a_curation.video import child, look, scenes, transcode

__all__ = ["child", "clip_model", "cut", "embed", "hash", "look", "probe", "scenes", "sense", "transcode", "work"]

clip_model.import_open_clip()

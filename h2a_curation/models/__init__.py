"""Whoever loads weights: CLIP, the person and face detectors, and the files that they need."""

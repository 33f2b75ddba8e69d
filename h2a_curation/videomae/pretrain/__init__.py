"""Masked pre-training: its step, its loop and its result."""

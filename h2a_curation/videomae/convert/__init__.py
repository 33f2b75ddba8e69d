"""Checkpoints of one layout into those of another: the official code's, which is ours too, and Hugging Face's.

Between the two, weights have the names of the official pretraining model; a classifier has `fc_norm.` and `head.` too.
"""

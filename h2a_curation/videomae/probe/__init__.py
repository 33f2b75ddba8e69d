"""Probes: features of a frozen encoder, and how well simple classifiers tell classes by them."""

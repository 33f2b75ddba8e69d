"""Benchmarks: each prints ratios measured in one run, and fails where a goal is missed."""

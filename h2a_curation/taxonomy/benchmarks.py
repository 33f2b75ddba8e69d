"""The class lists of the four benchmarks that H2A models are measured on, by their exact names."""

from functools import cache

from h2a_curation.foundation.shipped_data import data_folder


@cache
def benchmark_classes(benchmark: str) -> tuple[str, ...]:
    """Names of a benchmark's classes, sorted: 400 of kinetics400, 101 of ucf101, 51 of hmdb51, 174 of ssv2."""
    text = (data_folder() / "benchmarks" / f"{benchmark}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())

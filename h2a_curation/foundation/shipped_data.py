"""Find the reviewed data files: `data/` in a clone, inside the package in a wheel."""

from pathlib import Path


def data_folder() -> Path:
    """The folder with classes, prompts, recipes and the sample world's model."""
    package = Path(__file__).parents[1]
    in_wheel = package / "_data"
    return in_wheel if in_wheel.is_dir() else package.parent / "data"

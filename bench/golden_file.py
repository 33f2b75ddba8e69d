"""One golden file: what is in it, and what of that nobody has looked at."""

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from h2a_curation.videomae.loop import checkpoint

Meta = Mapping[str, Any]
UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, SafetensorError, zipfile.BadZipFile)
"""What a damaged file, or one that lacks something, raises."""


class Contents(Mapping[str, Any]):
    """Values by name, which remembers the names asked for: what nobody asks for nobody checks."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self._asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def under(self, prefix: str) -> dict[str, Any]:
        """Those whose names begin so, without it."""
        return {name.removeprefix(prefix): self[name] for name in self if name.startswith(prefix)}

    def unasked(self) -> list[str]:
        """Names that nobody asked for."""
        return [name for name in self._values if name not in self._asked]


class Settings(Contents):
    """What a manifest says of a file, and what it says inside of that."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__({name: _nested(value) for name, value in values.items()})

    def unasked(self) -> list[str]:
        """Names that nobody asked for, those inside of others too."""
        names = super().unasked()
        for name, value in self._values.items():
            for inner in value if isinstance(value, list) else [value]:
                if name not in names and isinstance(inner, Settings):
                    names += [f"{name}.{each}" for each in inner.unasked()]
        return list(dict.fromkeys(names))


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Settings(value)
    return [_nested(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class GoldenFile:
    """A file with its settings."""

    path: Path
    meta: Settings
    contents: Contents


def read(path: Path, settings: Meta) -> GoldenFile:
    """One of UNREADABLE for a file that is damaged or of a kind not used here.

    Settings that the manifest lacks come from the file's own header.
    """
    meta = Settings(settings)
    if not path.exists():
        raise ValueError("it is in the manifest, and not in the folder")
    if path.is_dir():
        return GoldenFile(path, meta, Contents({entry.name: entry for entry in path.iterdir()}))
    if path.suffix == ".safetensors":
        with safe_open(path, "pt") as opened:
            header = opened.metadata() or {}
        own = {name: _plain(value) for name, value in header.items()}
        return GoldenFile(path, Settings({**own, **settings}), Contents(load_file(path)))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return GoldenFile(path, meta, Contents({name: arrays[name] for name in arrays.files}))
    if path.suffix == ".pth":
        return GoldenFile(path, meta, Contents(checkpoint.weights(checkpoint.load(path))))
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        return GoldenFile(path, meta, Contents(content if isinstance(content, dict) else {"": content}))
    raise ValueError(f"files that end in {path.suffix} are not known here")


def check_complete(file: GoldenFile, entry: Meta) -> None:
    """ValueError unless all arrays are there that the manifest lists, by name or by their number."""
    if absent := [name for name in entry.get("arrays", {}) if name not in file.contents]:
        raise ValueError(f"it lacks {', '.join(absent)}")
    number = str(entry.get("tensors", "")).partition(" ")[0]
    if number.isdigit() and int(number) != len(file.contents):
        raise ValueError(f"it holds {len(file.contents)} tensors, and the manifest says {number}")


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value

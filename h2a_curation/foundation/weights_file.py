"""Refuse files of weights that would take far more memory or time than their size says, before anything is read."""

import struct
import zipfile
from pathlib import Path

_SLACK_BYTES = 64 * 2**20
_MOST_HEADER_BYTES = 16 * 2**20
"""A tensor takes 100 bytes of a header."""
_MOST_TENSORS = 20_000
"""The largest model here has 700. Each costs its reader 40 microseconds, and programs that look through names more."""


def check(file: Path) -> None:
    """ValueError in one line for a zip that unpacks to far more than it holds, or safetensors of too many parts.

    Any other file, damaged ones among them, passes: its reader says what is wrong with it. OSError as from opening it.
    """
    if file.suffix == ".safetensors":
        _check_header(file)
    elif zipfile.is_zipfile(file):
        _check_zip(file)


def _check_zip(file: Path) -> None:
    """torch.save compresses nothing, and weights hardly can be."""
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return
    stored = file.stat().st_size
    if unpacked > 2 * stored + _SLACK_BYTES:
        raise ValueError(
            f"{file} has {stored:,} bytes and unpacks to {unpacked:,}: it is compressed, or made to fill memory;"
            " save it again with torch.save"
        )


def _check_header(file: Path) -> None:
    with file.open("rb") as opened:
        start = opened.read(8)
        num_bytes = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if num_bytes > file.stat().st_size:
            return
        if num_bytes > _MOST_HEADER_BYTES:
            raise ValueError(f"{file} has a header of {num_bytes:,} bytes: it is no file of a model's weights")
        num_tensors = opened.read(num_bytes).count(b'"data_offsets"')
    if num_tensors > _MOST_TENSORS:
        raise ValueError(f"{file} has {num_tensors:,} tensors: it is no file of a model's weights")

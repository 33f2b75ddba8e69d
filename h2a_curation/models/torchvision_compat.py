"""Makes torchvision importable beside a CPU build of torch.

The package index's torchvision is built for CUDA: beside a CPU torch its compiled operators do not load, and its
import fails with "operator torchvision::nms does not exist". open_clip and timm import it for its transforms, which
need none of those operators. Delete this module once the index's torchvision imports beside a CPU torch
(tests/models/test_clip.py says when). `torchvision.ops.nms` and `torchvision.io.decode_jpeg` stay broken.
"""

import importlib
import sys

import torch

_kept_alive: list[torch.library.Library] = []
"""The operators vanish with the library object that defined them."""

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def make_importable() -> None:
    """Call before the first import of torchvision, open_clip or timm; again is free."""
    if "torchvision" in sys.modules:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
            del sys.modules[name]
        _define_operators()
        importlib.import_module("torchvision")


def _define_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)  # type: ignore[no-untyped-call]
    _kept_alive.append(library)

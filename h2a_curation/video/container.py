"""Opens untrusted video files: only formats that hold their own data, and no damage glossed over."""

import contextlib
import os
from collections.abc import Iterator

import av
import av.logging
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from h2a_curation.foundation.media_formats import FORMATS, ONLY_ITSELF

Source = str | int
"""A file's path, or the descriptor of one that is open: a confined process opens nothing."""

DECODER = av.__version__
"""PyAV's version, which names the decoders that it carries: a part of each measurement's fingerprint."""
MAX_SIDE_PX = 8192
MAX_FRAMES = 250_000
"""More than an hour at 60 frames a second: a small file can hold millions of frames that show one picture."""

_STRICT = {"err_detect": "crccheck+bitstream+buffer+explode"}

av.logging.set_level(av.logging.PANIC)


def decoder_fingerprint() -> str:
    """PyAV's version stands for the FFmpeg libraries that its wheel carries."""
    return f"av-{av.__version__}"


@contextlib.contextmanager
def opened(file: Source) -> Iterator[InputContainer]:
    """The file's container. Raises av.FFmpegError when it is not one of the known formats or its index is broken."""
    name, options = str(file), ONLY_ITSELF
    if isinstance(file, int):
        os.lseek(file, 0, os.SEEK_SET)
        name, options = "fd:", {"format_whitelist": FORMATS, "protocol_whitelist": "fd", "fd": name}
    with av.open(name, options=options, metadata_errors="replace") as container:
        yield container


def video_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures: a cover picture is none, nor is a stream in a codec that nobody knows."""
    shown = (s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic)
    return next((s for s in shown if s.codec_context is not None), None)


def make_strict(stream: VideoStream, **options: str) -> None:
    """Decode on one thread, and raise on damage instead of concealing it."""
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {**_STRICT, **options}


def shown_size(stream: VideoStream, frame: VideoFrame | None = None) -> tuple[int, int]:
    """Width and height in square pixels, after rotation (which only a decoded frame tells)."""
    stored = stream.codec_context if frame is None else frame
    width, height = stored.width, stored.height
    if aspect := stream.sample_aspect_ratio:
        width = round(width * aspect)
    if frame is not None and frame.rotation % 180:
        width, height = height, width
    return width, height

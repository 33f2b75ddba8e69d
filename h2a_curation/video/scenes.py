"""Finds the longest scene of a file with PySceneDetect's AdaptiveDetector.

The detector is fed by our own decoder, frame by frame: PySceneDetect's backends convert whole pictures before they
shrink them, truncate damaged files silently, and place cuts by frame number, which variable frame rates make wrong.
"""

from fractions import Fraction
from importlib.metadata import version
from itertools import pairwise

import av
from av.video.reformatter import VideoReformatter

from h2a_curation.measure.cut import CutRules
from h2a_curation.measure.facts import Scene
from h2a_curation.video.container import decoder_fingerprint, make_strict, opened, video_stream
from h2a_curation.video.entry import frames

VERSION = 1
"""Of how a scene is found, beside the programs and settings in its fingerprint. Files are cut anew when it rises.
Raise it when the same input gives another output: tests/measure/test_goldens.py says so when it does."""

_SHORT_SIDE_PX = 64
"""The detector compares mean colour differences, which survive shrinking: 14 real clips have the same at 256."""


def longest_scene(file: str, rules: CutRules) -> Scene | None:
    """The longest stretch between two cuts, the first of equals; None when the file does not decode to its end."""
    try:
        times_s, cuts = _times_and_cuts(file, rules)
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        return None
    return longest(times_s, cuts)


def scenes_fingerprint() -> str:
    """The programs and the settings, beside the rules, that a scene depends on."""
    return f"scenes@{_SHORT_SIDE_PX}px+scenedetect-{version('scenedetect-headless')}+{decoder_fingerprint()}"


def longest(times_s: list[float], cuts: list[int]) -> Scene | None:
    """The longest scene of frames shown at these times, where a scene begins at 0 and at each index in `cuts`.

    >>> longest([0.0, 0.5, 1.0, 1.5], [1])
    Scene(start_s=0.5, end_s=2.0, num_scenes=2)
    """
    if len(times_s) < 2:
        return None
    frame_s = (times_s[-1] - times_s[0]) / (len(times_s) - 1)
    edges = [time - times_s[0] for time in (times_s[0], *(times_s[cut] for cut in cuts), times_s[-1] + frame_s)]
    start_s, end_s = max(pairwise(edges), key=lambda scene: scene[1] - scene[0])
    return Scene(start_s=start_s, end_s=end_s, num_scenes=len(edges) - 1)


def _times_and_cuts(file: str, rules: CutRules) -> tuple[list[float], list[int]]:
    """When each frame is shown, in order, and which frames begin a new scene."""
    from scenedetect import AdaptiveDetector, FrameTimecode

    detector = AdaptiveDetector(
        adaptive_threshold=rules.cut_ratio,
        min_content_val=rules.min_cut_levels,
        min_scene_len=rules.min_scene_frames,
    )
    times_s: list[float] = []
    cuts: list[int] = []
    with opened(file) as container:
        stream = video_stream(container)
        if stream is None:
            return [], []
        make_strict(stream, skip_loop_filter="all")
        width, height = stream.codec_context.width, stream.codec_context.height
        scale = min(1.0, _SHORT_SIDE_PX / min(width, height))
        size = {"width": max(2, round(width * scale)), "height": max(2, round(height * scale))}
        shrink = VideoReformatter()
        for index, frame in enumerate(frames(container, stream)):
            if frame.time is None:
                return [], []
            picture = shrink.reformat(frame, **size, format="bgr24", interpolation="AREA", threads=1).to_ndarray()
            # The detector only subtracts its timecodes: frame numbers at any constant rate do.
            timecode = FrameTimecode(index, Fraction(25))
            cuts += [cut.frame_num for cut in detector.process_frame(timecode, picture)]
            times_s.append(frame.time)
    # Some AVI files show frames out of order by their time stamps; the decoder's order is the true one.
    return sorted(times_s), cuts

"""Files of every kind in which frames were lost, or their colours: each is a painted film, written by ffmpeg."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.video import painted
from tests.videos import make

NUM_FRAMES = 40
RATE = 24
H264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -crf 12 -bf 2 -g 10"
H264_10 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -crf 10"
HEVC_10 = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -crf 10 -x265-params log-level=none"
VPX = "-b:v 2M -deadline realtime -cpu-used 8 -lag-in-frames 10"
EARLY = "-output_ts_offset -0.5 -avoid_negative_ts disabled"
FRAGMENTS = "-movflags frag_keyframe+empty_moov+default_base_moof"
THIN = "-vf select=lt(n\\,12)+not(mod(n\\,3)) -fps_mode passthrough"
HELD = "-vf setpts=if(eq(N\\,39)\\,N+200\\,N)/24/TB -fps_mode passthrough"

Write = Callable[[Path], Path]


@dataclass(frozen=True)
class Odd:
    """One kind of file."""

    name: str
    write: Write
    """`write(folder)` makes the file in a folder of its own."""
    numbers: tuple[int, ...] = tuple(range(NUM_FRAMES))
    """The frames that it shows."""
    has_odd_times: bool = False
    scene: tuple[int, int] | None = None
    """First frame of its longest scene, and of the next; None: all are one."""
    colour_error: float = 5.0
    """Most levels by which a patch may differ: two encodings lose some, and white is darker beside room for glare."""


def film(folder: Path, num: int = NUM_FRAMES, first: int = 0, size: tuple[int, int] = painted.SIZE) -> tuple[str, ...]:
    """ffmpeg's arguments for a painted film as input."""
    return "-r", str(RATE), *painted.film(folder / f"film{first}_{size[0]}.rgb", num, size, first)


def sound(seconds: float) -> str:
    """ffmpeg's arguments for a tone as input."""
    return f"-f lavfi -i sine=d={seconds}"


def told(name: str, output: str, *, before: str = "", after: str = "") -> Write:
    """`before` the film's input and `after` it stand what else is read; `output` is how it is written."""
    return lambda folder: make(folder / name, *before.split(), *film(folder), *after.split(), *output.split())


def subtitled(seconds: float) -> Write:
    """With subtitles that last longer than the pictures."""

    def write(folder: Path) -> Path:
        (folder / "words.srt").write_text(f"1\n00:00:00,100 --> 00:00:{seconds:06.3f}\nwords\n".replace(".", ","))
        words = ("-i", str(folder / "words.srt"), "-map", "0:v", "-map", "1:s", "-c:s", "srt")
        return make(folder / "words.mkv", *film(folder), *words, *H264.split())

    return write


def trimmed(name: str, start_s: float, *more: str) -> Write:
    """Copied from a start between keyframes: MP4 keeps what is before, and an edit list says that it is not shown."""

    def write(folder: Path) -> Path:
        whole = make(folder / "whole.mp4", *film(folder), *sound(2).split(), *H264.split(), "-c:a", "aac")
        return make(folder / name, "-ss", str(start_s), "-i", str(whole), "-c", "copy", *more)

    return write


def pieces(*starts_s: float) -> Write:
    """Pieces of a stream, joined, each with times that begin where it says."""

    def write(folder: Path) -> Path:
        num = NUM_FRAMES // len(starts_s)
        made = []
        for n, start_s in enumerate(starts_s):
            inputs = (*film(folder, num, n * num), *sound(num / RATE).split())
            offset = ("-output_ts_offset", str(start_s))
            made.append(make(folder / f"piece{n}.ts", *inputs, *H264.split(), "-c:a", "mp2", *offset))
        return painted.joined(folder / "joined.ts", *made)

    return write


def resized(name: str, *sizes: tuple[int, int], turned: bool = False) -> Write:
    """A size that changes in mid-stream: an H.264 stream may begin a new one at any keyframe."""

    def write(folder: Path) -> Path:
        num = NUM_FRAMES // len(sizes)
        lying = ("-vf", "transpose=clock") if turned else ()
        made = [
            make(folder / f"piece{n}.h264", *film(folder, num, n * num, size), *lying, *H264.split(), "-bf", "0")
            for n, size in enumerate(sizes)
        ]
        stream = painted.joined(folder / "joined.h264", *made)
        upright = ("-display_rotation", "90") if turned else ()
        moving = make(folder / "moving.ts", "-r", str(RATE), "-f", "h264", "-i", str(stream), "-c", "copy")
        return make(folder / name, *upright, "-i", str(moving), "-c", "copy")

    return write


def rotated(degrees: int) -> Write:
    """Stored as a camera that lies on its side stores it, and upright to whoever heeds what the file says."""

    def write(folder: Path) -> Path:
        turns = {90: "transpose=clock", 180: "hflip,vflip", 270: "transpose=cclock"}[degrees]
        lying = make(folder / "lying.mp4", *film(folder), "-vf", turns, *H264.split())
        return make(folder / "turned.mp4", "-display_rotation", str(degrees), "-i", str(lying), "-c", "copy")

    return write


def covered(folder: Path) -> Path:
    """With a cover picture as the first stream."""
    cover = make(folder / "cover.png", *film(folder, 1, 99), "-frames:v", "1")
    plain = make(folder / "plain.mp4", *film(folder), *H264.split())
    maps = ("-map", "0:v", "-map", "1:v", "-c", "copy", "-disposition:v:0", "attached_pic")
    return make(folder / "covered.mp4", "-i", str(cover), "-i", str(plain), *maps)


def coloured(name: str, tags: str, output: str) -> Write:
    """With levels of what `tags` say: transfer, primaries, matrix and range."""
    transfer, primaries, matrix, levels = tags.split()
    if primaries == "bt2020":
        white = "npl=203"  # SDR's white in HDR, by ITU-R BT.2408
        linear = f"format=gbrpf32le,zscale=tin=bt709:pin=bt709:min=gbr:rin=pc:t=linear:p=bt2020:m=gbr:{white}"
        filters = f"{linear},zscale=t={transfer}:m={matrix}:r={levels}:{white},format=yuv420p10le"
    else:
        filters = f"scale=out_color_matrix={matrix}:out_range={levels}:sws_flags=accurate_rnd+full_chroma_int"
    said = f"setparams=color_trc={transfer}:color_primaries={primaries}:colorspace={matrix}:range={levels}"
    return told(name, f"-vf {filters},{said} {output}")


ODD = (
    Odd("b-frames.mp4", told("a.mp4", H264)),
    Odd("b-frames.mkv", told("a.mkv", H264)),
    Odd("b-frames.avi", told("a.avi", H264), has_odd_times=True),
    Odd("mpeg4-b-frames.avi", told("a.avi", "-c:v mpeg4 -q:v 2 -bf 2")),
    Odd("open-gop.mkv", told("a.mkv", f"{H264} -x264-params open-gop=1:b-pyramid=normal:bframes=3")),
    Odd("sound-longer.mp4", told("a.mp4", f"{H264} -c:a aac", after=sound(9))),
    Odd("sound-longer.flv", told("a.flv", f"{H264} -c:a aac", after=sound(9))),
    Odd("sound-longer.mkv", told("a.mkv", f"{H264} -c:a aac", after=sound(9))),
    Odd("sound-shorter.mp4", told("a.mp4", f"{H264} -c:a aac", after=sound(0.3))),
    Odd("sound-earlier.mp4", told("a.mp4", f"{H264} -c:a aac", before="-itsoffset 0.7", after=sound(3))),
    Odd("sound-earlier.mkv", told("a.mkv", f"{H264} -c:a aac", before="-itsoffset 0.7", after=sound(3))),
    Odd("sound-earlier.ts", told("a.ts", f"{H264} -c:a mp2", before="-itsoffset 13", after=sound(15))),
    Odd("sound-later.ts", told("a.ts", f"{H264} -c:a mp2", after=f"-itsoffset 1.1 {sound(3)}")),
    Odd("sound-much-later.ts", told("a.ts", f"{H264} -c:a mp2", after=f"-itsoffset 12 {sound(3)}")),
    Odd("subtitles-longer.mkv", subtitled(30)),
    Odd("plain.ts", told("a.ts", H264)),
    Odd("offset.ts", told("a.ts", f"{H264} -c:a mp2 -output_ts_offset 5000", after=sound(2))),
    Odd("wraps.ts", told("a.ts", f"{H264} -c:a mp2 -output_ts_offset 95441.5", after=sound(2))),
    Odd("hls-begins-anew.ts", pieces(100, 0), has_odd_times=True),
    Odd("hls-jumps.ts", pieces(0, 500), has_odd_times=True),
    Odd("hls-goes-on.ts", pieces(0, 1)),
    Odd("offset.mkv", told("a.mkv", f"{H264} -output_ts_offset 3")),
    Odd("negative.mkv", told("a.mkv", f"{H264} {EARLY}"), has_odd_times=True),
    Odd("negative.mp4", told("a.mp4", f"{H264} {EARLY} -c:a aac", after=sound(2)), tuple(range(12, NUM_FRAMES))),
    Odd("edit-list.mp4", trimmed("a.mp4", 0.6), tuple(range(15, NUM_FRAMES))),
    Odd("edit-list.mov", trimmed("a.mov", 0.75, "-an"), tuple(range(18, NUM_FRAMES))),
    Odd("fragments.mp4", told("a.mp4", f"{H264} {FRAGMENTS} -c:a aac", after=sound(4))),
    Odd("live.mkv", told("a.mkv", f"{H264} -live 1")),
    *(
        Odd(
            f"thin.{ending}",
            told(f"a.{ending}", f"{THIN} {codec}"),
            tuple(n for n in range(40) if n < 12 or n % 3 == 0),
        )
        for ending, codec in (("mp4", H264), ("mkv", H264), ("avi", "-c:v mjpeg -q:v 2"))
    ),
    Odd("long-last.mp4", told("a.mp4", f"{HELD} {H264}")),
    Odd("mpeg2.mpg", told("a.mpg", "-c:v mpeg2video -q:v 2 -bf 2 -c:a mp2", after=sound(3))),
    Odd("vp8.webm", told("a.webm", f"-c:v libvpx {VPX} -auto-alt-ref 1")),
    Odd("vp9.webm", told("a.webm", f"-c:v libvpx-vp9 {VPX}")),
    Odd("av1.mp4", told("a.mp4", "-c:v libsvtav1 -preset 8 -crf 10")),
    Odd("theora.ogv", told("a.ogv", "-c:v libtheora -q:v 9 -c:a libvorbis", after=sound(3))),
    Odd("wmv.asf", told("a.asf", "-c:v wmv2 -q:v 2 -c:a wmav2", after=sound(3))),
    Odd("cover.mp4", covered),
    *(Odd(f"rotated-{degrees}.mp4", rotated(degrees)) for degrees in (90, 180, 270)),
    Odd("grows.mkv", resized("a.mkv", (160, 90), (320, 180))),
    Odd("shrinks.mp4", resized("a.mp4", (320, 180), (160, 90))),
    Odd("grows-turned.mov", resized("a.mov", (160, 90), (320, 180), turned=True)),
    Odd("other-shape.mkv", resized("a.mkv", (160, 90), (90, 160)), scene=(20, 40)),
    Odd("bt601.mp4", coloured("a.mp4", "smpte170m smpte170m smpte170m tv", H264)),
    Odd("bt709.mp4", coloured("a.mp4", "bt709 bt709 bt709 tv", H264)),
    Odd("full-range.mp4", coloured("a.mp4", "bt709 bt709 bt709 pc", H264)),
    Odd("full-range.mov", told("a.mov", "-c:v mjpeg -pix_fmt yuvj420p -q:v 2")),
    Odd("10-bit.mkv", coloured("a.mkv", "bt709 bt709 bt709 tv", H264_10)),
    Odd("wide.mp4", coloured("a.mp4", "bt709 bt2020 bt2020nc tv", HEVC_10)),
    Odd("pq.mp4", coloured("a.mp4", "smpte2084 bt2020 bt2020nc tv", HEVC_10), colour_error=32),
    Odd("hlg.mkv", coloured("a.mkv", "arib-std-b67 bt2020 bt2020nc tv", HEVC_10), colour_error=32),
)

_CONTAINERS = {
    "mp4": ("aac", [H264, HEVC_10, "-c:v mpeg4 -q:v 2 -bf 2"]),
    "mov": ("pcm_s16le", [H264, "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"]),
    "mkv": ("aac", [H264, HEVC_10, "-c:v ffv1", f"-c:v libvpx-vp9 {VPX}"]),
    "ts": ("mp2", [H264, "-c:v mpeg2video -q:v 2 -bf 2"]),
    "avi": ("mp3", [H264, "-c:v mpeg4 -q:v 2 -bf 2", "-c:v mjpeg -q:v 2"]),
    "flv": ("aac", [H264]),
    "webm": ("libopus", [f"-c:v libvpx {VPX}", f"-c:v libvpx-vp9 {VPX}"]),
}


def drawn(draw: random.Random) -> Odd:
    """A file by lot: container, codec, rate, where its clock begins, and a sound that begins and lasts otherwise."""
    ending = draw.choice(sorted(_CONTAINERS))
    sound_codec, codecs = _CONTAINERS[ending]
    codec = draw.choice(codecs)
    before, after, output = "", "", codec
    if draw.random() < 0.7:
        early, late = draw.choice([(0, 0), (0.37, 0), (2.1, 0), (0, 0.41), (0, 1.7)])
        before = f"-itsoffset {early}" if early else ""
        after = f"-itsoffset {late} {sound(draw.choice([0.4, 1.7, 6]))}"
        output += f" -c:a {sound_codec}"
    if draw.random() < 0.5 and ending in ("ts", "mkv"):
        output += f" -output_ts_offset {draw.choice([0.013, 3, 777.7, 95442])}"
    if draw.random() < 0.3 and ending in ("mp4", "mkv", "mov"):
        output += f" {THIN}"
    is_thin, is_avi_of_h264 = THIN in output, ending == "avi" and codec == H264
    numbers = tuple(n for n in range(NUM_FRAMES) if not is_thin or n < 12 or n % 3 == 0)
    return Odd("drawn", told(f"a.{ending}", output, before=before, after=after), numbers, has_odd_times=is_avi_of_h264)

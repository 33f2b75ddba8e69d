import io

import av
import numpy as np
import pytest

from h2a_curation.videomae.data.frames import decode, decode_region
from tests.videomae.world import encode, frames

NUM = 50


@pytest.fixture(scope="module", params=[0, 2], ids=["in order", "with B-frames"])
def clip(request):
    return encode(frames(1, NUM, 64, 48), b_frames=request.param)


@pytest.mark.parametrize("indices", [range(0, 49, 4), [0, 16, 32, 48], [49], [3, 3, 3], [33, 2, 17, 2], range(NUM)])
def test_decoding_some_frames_gives_the_frames_of_decoding_all(clip, indices):
    with av.open(io.BytesIO(clip)) as container:
        every = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(every) == NUM
    assert np.array_equal(decode(clip, list(indices)), np.stack([every[i] for i in indices]))


@pytest.mark.parametrize("region", [(0, 0, 64, 48), (0, 0, 2, 2), (5, 7, 38, 40), (31, 2, 64, 47), (6, 11, 7, 12)])
@pytest.mark.parametrize("indices", [range(0, 49, 4), [3, 3, 30], [33, 2, 17, 2]])
def test_a_region_is_cut_out_to_the_bit(clip, region, indices):
    left, top, right, bottom = region
    assert np.array_equal(
        decode_region(clip, list(indices), region), decode(clip, list(indices))[:, top:bottom, left:right]
    )


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuvj420p", "gray"])
def test_a_region_of_a_rare_format(pix_fmt):
    clip = encode(frames(1, NUM, 64, 48), pix_fmt=pix_fmt)
    assert np.array_equal(decode_region(clip, [3, 20], (5, 7, 38, 40)), decode(clip, [3, 20])[:, 7:40, 5:38])


def test_a_region_beyond_the_frame_is_an_error(clip):
    with pytest.raises(ValueError, match="a frame of 64x48 px is smaller than the clip's row says"):
        decode_region(clip, [0], (0, 0, 65, 48))


def test_a_frame_beyond_the_end_is_an_error(clip):
    with pytest.raises(ValueError, match="frame 50 of a clip of 50"):
        decode(clip, [0, 50])


@pytest.mark.parametrize("data", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_an_error(data):
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode(data, [0])


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={}\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 32\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:1/{}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_clip_of_a_shard_reads_no_other_file(tmp_path, monkeypatch, playlist):
    """FFmpeg takes a playlist for a video, and reads what it names: a neighbour, or a server."""
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(encode(frames(0, 8, 64, 48)))
    monkeypatch.chdir(tmp_path)
    data = playlist.format(secret.name).encode()
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode(data, [0])


def test_a_playlist_is_read_where_nothing_forbids_it(tmp_path, monkeypatch):
    """Else the test before this one could not fail."""
    (tmp_path / "secret.mp4").write_bytes(encode(frames(0, 8, 64, 48)))
    monkeypatch.chdir(tmp_path)
    data = io.BytesIO(b"ffconcat version 1.0\nfile 'secret.mp4'\n")
    with av.open(data, "r", options={"safe": "0"}) as container:
        assert container.streams.video[0].width == 64


def test_half_a_file_is_an_error(clip):
    with pytest.raises(ValueError, match="decode"):
        decode(clip[: len(clip) // 2], list(range(NUM)))

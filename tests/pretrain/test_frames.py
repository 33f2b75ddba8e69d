import io

import av
import numpy as np
import pytest

from h2a_curation.pretrain.frames import decode
from tests.pretrain.world import encode, frames

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


def test_a_frame_beyond_the_end_is_an_error(clip):
    with pytest.raises(ValueError, match="frame 50 of a clip of 50"):
        decode(clip, [0, 50])


@pytest.mark.parametrize("data", [b"", b"no video at all" * 100])
def test_what_is_no_video_is_an_error(data):
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode(data, [0])


def test_half_a_file_is_an_error(clip):
    with pytest.raises(ValueError, match="decode"):
        decode(clip[: len(clip) // 2], list(range(NUM)))

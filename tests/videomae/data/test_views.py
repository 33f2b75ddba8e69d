"""Views of videos: which frames, which squares, and that one decode gives just those pixels."""

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from h2a_curation.videomae.data.videos import count_frames, look
from h2a_curation.videomae.data.views import Views, folder_indices, resized_size, sparse_indices, training_indices
from tests.videomae.evaluate.miniature import frame_folder, video
from tests.videomae.world import encode, frames


def views(num_segments, num_crops, *, sparse=False, stride=4, num_frames=16, from_folder=False):
    return Views(
        num_frames=num_frames, stride=stride, sparse=sparse, num_segments=num_segments, num_crops=num_crops,
        from_folder=from_folder,
    )  # fmt: skip


def test_a_dense_test_walks_in_exact_strides_and_fills_up_short_videos():
    assert views(5, 3).indices(300)[0] == list(range(0, 64, 4))
    assert [segment[0] for segment in views(5, 3).indices(300)] == [0, 56, 116, 176, 236]
    assert views(2, 3).indices(10) == [[0, 4, 8, *[8] * 13]] * 2


def test_the_middle_of_a_video_is_what_validation_takes():
    official = [0, 4, 8, 12, 17, 21, 25, 29, 34, 38, 42, 46, 51, 55, 59, 63]
    assert views(1, 1).indices(164) == [[50 + i for i in official]]
    assert views(1, 1, sparse=True).indices(32) == [[2 * i for i in range(16)]]
    assert views(1, 1, sparse=True, from_folder=True).indices(32) == [[2 * i + 1 for i in range(16)]]


def test_short_videos():
    assert training_indices(3, 4, 4) == [2, 2, 2, 2]
    assert sparse_indices(3, 4) == [2, 2, 2, 2]
    assert folder_indices(3, 5) == [0, 0, 0, 1, 2]
    assert all(0 <= i < 1 for segment in views(5, 3).indices(1) for i in segment)


def test_crops_lie_along_the_longer_side():
    assert resized_size(40, 56, (32, 32)) == (32, 44)
    assert resized_size(57, 40, (32, 32)) == (45, 32)
    assert views(1, 3).regions(32, 44, (32, 32)) == [(0, 0, 32, 32), (6, 0, 38, 32), (12, 0, 44, 32)]
    assert views(1, 3).regions(45, 32, (32, 32)) == [(0, 0, 32, 32), (0, 6, 32, 38), (0, 13, 32, 45)]
    assert views(1, 1).regions(32, 37, (32, 32)) == [(2, 0, 34, 32)]


def test_frames_that_are_not_square_are_covered():
    assert resized_size(40, 56, (32, 48)) == (34, 48)
    assert resized_size(40, 80, (32, 48)) == (32, 64)
    assert views(1, 3).regions(32, 64, (32, 48)) == [(0, 0, 48, 32), (8, 0, 56, 32), (16, 0, 64, 32)]


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("sparse", [True, False])
def test_one_decode_gives_the_pixels_of_each_view(tmp_path, b_frames, sparse):
    file = tmp_path / "a.mp4"
    file.write_bytes(encode(frames(3, 41, 56, 40), b_frames=b_frames))
    asked = views(3, 3, sparse=sparse, stride=3, num_frames=4)
    seen = look(file, asked, (32, 32))
    with av.open(str(file)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert seen.length == len(decoded) == count_frames(file) == 41
    small = np.stack([cv2.resize(frame, (44, 32), interpolation=cv2.INTER_LINEAR) for frame in decoded])
    wanted = [small[i][:, :, left : left + 32] for i in asked.indices(41) for left in (0, 6, 12)]
    assert np.array_equal(seen.views(), np.stack(wanted))


def test_a_folder_of_frames_is_read_by_its_numbers(tmp_path):
    folder = frame_folder(tmp_path / "frames", 4, 12)
    asked = views(2, 3, sparse=True, num_frames=4)
    seen = look(folder, asked, (40, 40), num_frames=11)
    assert seen.length == 11
    place = asked.indices(11)[1][2]
    picture = np.asarray(Image.open(folder / f"img_{place + 1:05d}.jpg"))
    assert np.abs(seen.views()[3 * 1 + 0][2].astype(int) - picture[:, :40]).max() <= 2
    with pytest.raises(ValueError, match="says 13 frames, and the folder holds 12"):
        look(folder, asked, (40, 40), num_frames=13)
    for file in folder.iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="holds no frames"):
        look(folder, asked, (40, 40))


def test_a_video_that_is_cut_is_refused(tmp_path):
    file = video(tmp_path / "a.mp4", 1)
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(ValueError, match="cannot be read"):
        look(file, views(5, 3), (32, 32))

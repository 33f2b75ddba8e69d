"""Damage that a decoder can tell of is not `ok`, and sound files of the same kinds are."""

import random

import pytest

from bench import damage, damaged_files
from h2a_curation.video.probe import probe
from h2a_curation.video.reports import _HOLE
from tests.videos import make, moving

SEEN_OF_FILES = {"vp9": 0.1, "ffv1": 0.0}
"""Share of damaged files of which a clip may show it: what `python -m bench.damage` prints, with room for one."""


@pytest.mark.parametrize("codec", SEEN_OF_FILES)
def test_few_damaged_files_become_clips_that_show_it(codec, tmp_path):
    seen = damage.judged(codec, 14, 17, tmp_path)
    assert seen.total() == 14
    assert seen["damaged"] <= SEEN_OF_FILES[codec] * 14
    assert seen["rejected"] >= 4


@pytest.mark.parametrize("codec", damaged_files.CODECS)
def test_undamaged_files_of_each_kind_are_ok(codec, tmp_path):
    for file in damaged_files.originals(tmp_path, codec):
        facts = probe(str(file))
        assert (facts.outcome, facts.detail, facts.codec, facts.num_frames) == ("ok", "", codec, 48)


def flipped(file, seed, share_of_head=0.2):
    draw = random.Random(seed)
    content = bytearray(file.read_bytes())
    for _ in range(16):
        content[draw.randrange(int(len(content) * share_of_head), len(content) * 9 // 10)] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("seed", range(4))
def test_bits_that_flip_in_vp9_are_noticed_by_the_decoder_that_counts_its_bytes(tmp_path, seed):
    [file, _] = damaged_files.originals(tmp_path, "vp9")
    assert probe(str(flipped(file, seed))).outcome == "damaged"


def test_deep_vp9_is_decoded_by_the_decoder_that_can(tmp_path):
    told = ("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p10le", "-deadline", "realtime", "-cpu-used", "8")
    facts = probe(str(make(tmp_path / "deep.webm", *moving(0.5), *told)))
    assert (facts.outcome, facts.bit_depth, facts.num_frames) == ("ok", 10, 12)


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
@pytest.mark.parametrize("picture", ["color=black:s=1280x720", "smptebars=s=1280x720"])
def test_plain_pictures_are_no_hole(tmp_path, codec, picture):
    told = ("-pix_fmt", "yuv420p", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "4M")
    file = make(tmp_path / "plain.webm", "-f", "lavfi", "-i", f"{picture}:r=24:d=0.5", "-c:v", codec, *told)
    assert probe(str(file)).outcome == "ok"


@pytest.mark.parametrize("codec", ["vp8", "vp9"])
def test_a_hole_in_what_no_decoder_checks_is_damage(tmp_path, codec):
    file = damaged_files.originals(tmp_path, codec)[0]
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(content[:middle] + bytes(3 * len(_HOLE)) + content[middle + 3 * len(_HOLE) :])
    assert probe(str(file)).outcome == "damaged"


def test_a_matroska_file_whose_elements_do_not_add_up_is_damage(tmp_path):
    file = damaged_files.originals(tmp_path, "hevc")[1]
    content = file.read_bytes()
    cluster = content.rindex(b"\x1f\x43\xb6\x75")
    file.write_bytes(content[: cluster + 12] + bytes(400) + content[cluster + 412 :])
    facts = probe(str(file))
    assert facts.outcome == "damaged"


def test_a_frame_is_compared_with_the_most_alike_of_the_undamaged_ones():
    import numpy as np

    whole = np.stack([np.full(300, level, np.uint8) for level in (10, 60, 200)])
    assert damage._worst_db(whole[[2, 0]], whole) == float("inf")
    assert damage._worst_db(whole + np.uint8(4), whole) == pytest.approx(36.1, abs=0.1)
    assert damage._worst_db(whole[:, :100], whole) == 0

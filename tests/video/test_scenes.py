"""A cut is a change to another picture that stays; light, noise, held frames and glitches are none."""

import numpy as np
import pytest
from scenedetect import AdaptiveDetector, FrameTimecode

from h2a_curation import recipes
from h2a_curation.measure.cut import CutRules
from h2a_curation.video.cut_guard import CutGuard
from h2a_curation.video.scenes import Film, cut_times_s, longest, longest_scene
from tests.videos import make, two_scenes

FINE = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-pix_fmt", "yuv420p")
SCENERY = "mandelbrot=s=96x160:r=24:start_scale=0.02:end_scale=0.01:end_pts=96,trim=duration=4"
"""A picture with shapes that moves a little, for 4 s."""


DIMMED = "lutrgb=r=val*0.3:g=val*0.3:b=val*0.3"


def made(file, graph, encoder=FINE):
    """A video of a filter graph."""
    return make(file, "-f", "lavfi", "-i", graph, *encoder)


def cuts_of(file, **rules):
    return cut_times_s(str(file), CutRules(**rules))


NO_CUTS = {
    "hue of a grey picture": f"{SCENERY},hue=s=0,noise=c1s=14:c2s=14:enable='between(n,40,43)'",
    "each frame held for five": "testsrc2=s=96x160:r=25:d=4,scroll=h=0.11,fps=5,fps=25",
    "a flash": f"{SCENERY},lutyuv=y=val+100:enable='between(n,40,42)'",
    "a lamp goes on": f"{SCENERY},format=gbrp,{DIMMED}:enable='lt(n,40)'",
    "a glitch": f"{SCENERY},negate=enable='between(n,40,46)',hflip=enable='between(n,40,46)'",
    "a fade": f"{SCENERY},fade=out:40:8,fade=in:48:8",
}


@pytest.mark.parametrize("name", NO_CUTS)
def test_what_is_no_other_picture_is_no_cut(name, tmp_path):
    assert cuts_of(made(tmp_path / "film.mp4", NO_CUTS[name])) == []


OTHER = "[1:v]negate,hflip,hue=h=120"
REAL_CUTS = {
    "plain": "[0:v]copy[a];{other}[b];[a][b]concat=n=2:v=1[v]",
    "both dark": "[0:v]lutyuv=y=16+(val-16)*0.2[a];{other},lutyuv=y=16+(val-16)*0.2[b];[a][b]concat=n=2:v=1[v]",
    "both grey, in noise of hue": "[0:v]copy[a];{other}[b];[a][b]concat=n=2:v=1,hue=s=0,noise=c1s=12:c2s=12:allf=t[v]",
    "each frame held for three": "[0:v]copy[a];{other}[b];[a][b]concat=n=2:v=1,fps=8,fps=24[v]",
    "one frame shows both": "[0:v]copy[a];{other}[b];[a][b]concat=n=2:v=1,tmix=frames=2:weights='1 1'[v]",
}


@pytest.mark.parametrize("name", REAL_CUTS)
def test_another_picture_is_a_cut(name, tmp_path):
    inputs = ("-f", "lavfi", "-i", SCENERY, "-f", "lavfi", "-i", "testsrc2=s=96x160:r=24:d=3")
    graph = REAL_CUTS[name].format(other=OTHER)
    file = make(tmp_path / "film.mp4", *inputs, "-filter_complex", graph, "-map", "[v]", *FINE)
    assert cuts_of(file) == [pytest.approx(4, abs=0.05)]


@pytest.mark.parametrize(("rate", "middle_s", "num_scenes"), [(60, 0.4, 2), (60, 0.6, 3), (10, 0.4, 2), (10, 0.6, 3)])
def test_the_shortest_scene_is_told_in_seconds(tmp_path, rate, middle_s, num_scenes):
    scenes = ("-f", "lavfi", "-i", f"testsrc2=s=96x160:r={rate}:d=2", "-f", "lavfi", "-i")
    inputs = (*scenes, f"mandelbrot=s=96x160:r={rate},trim=duration={middle_s}")
    graph = "[0:v]split[a][c];[c]trim=duration=1.5,negate,hflip,vflip,hue=h=120[d];[a][1:v][d]concat=n=3:v=1[v]"
    file = make(tmp_path / "three.mp4", *inputs, "-filter_complex", graph, "-map", "[v]", *FINE)
    scene = longest_scene(str(file), CutRules())
    assert scene.num_scenes == num_scenes
    assert (scene.start_s, scene.end_s) == pytest.approx((0, 2), abs=0.02)  # of what lies between, no frame


def shown(*pictures):
    """The cuts of a film of pictures at 24 a second."""
    guard = CutGuard(CutRules())
    for n, picture in enumerate(pictures):
        guard.see(n / 24, picture)
    guard.end()
    return guard.cuts


def picture(seed, level=0):
    """Blocks of colours."""
    small = np.random.default_rng(seed).integers(0, 120, (8, 8, 3))
    return np.clip(np.kron(small, np.ones((8, 8, 1))) + level, 0, 255).astype(np.uint8)


def test_noise_in_the_dark_is_no_cut_though_a_detector_proposes_it():
    dark = np.random.default_rng(0).integers(0, 6, (48, 64, 64, 3)).astype(np.uint8)
    dark[:24] = dark[0]  # the noise is another from one frame on, and in it all hues are
    dark[25:] = dark[24]
    detector, guard = AdaptiveDetector(), CutGuard(CutRules())
    proposed = []
    for n, frame in enumerate(dark):
        guard.see(n / 24, frame)
        for cut in detector.process_frame(FrameTimecode(n, 24.0), frame):
            proposed.append(cut.frame_num)
            guard.propose(cut.frame_num)
    guard.end()
    assert proposed == [24]
    assert guard.cuts == []


def test_held_frames_are_motion_and_slides_are_scenes():
    assert shown(*[picture(n // 24) for n in range(96)]) == [24, 48, 72]
    assert shown(*[picture(n // 13) for n in range(52)]) == [13, 26, 39]
    assert shown(*[picture(n // 6) for n in range(72)]) == []
    assert shown(*[picture(n // 3) for n in range(72)]) == []


def test_a_cut_between_held_frames_that_move_little_is_found():
    film = [picture(1, level=10 * (n // 3 % 2)) for n in range(36)]
    assert shown(*film, *[picture(2, level=10 * (n // 3 % 2)) for n in range(36)]) == [36]


def test_black_before_a_scene_is_another_picture():
    black = np.zeros((64, 64, 3), np.uint8)
    assert shown(*[black] * 24, *[picture(1)] * 24) == [24]


def test_a_picture_that_comes_back_later_than_a_scene_lasts_was_cut_away_from():
    a, b = picture(1), picture(2)
    assert shown(*[a] * 24, *[b] * 24, *[a] * 24) == [24, 48]
    assert shown(*[a] * 24, *[b] * 8, *[a] * 24) == []


def test_pictures_are_let_go():
    guard = CutGuard(CutRules())
    for n in range(500):
        guard.see(n / 24, picture(n % 2))
    assert len(guard._pictures) < 60


def test_a_cut_after_a_frame_that_stands_for_long_is_found():
    guard = CutGuard(CutRules())
    for n, seed in enumerate([1, 1, 2, 2, 3, 3]):
        guard.see(n * 5.0, picture(seed))
        if n >= 2:
            guard.propose(n - 2)
    guard.end()
    assert guard.cuts == [2, 4]


def film(*moves, cut_s=4.0, seconds=8.0):
    """A film at 4 frames a second with a cut, whose frames change by so many levels before and after it."""
    times_s = [n / 4 for n in range(int(seconds * 4))]
    cut = int(cut_s * 4)
    return Film(times_s=times_s, cuts=[cut], moves=[(t, moves[t >= cut_s]) for t in times_s[1:]])


@pytest.mark.parametrize(
    ("levels", "cut_s", "start_s"),
    [
        ((3.0, 0.1), 3.0, 0.0),  # an end card of 5 s after 3 s of action
        ((0.1, 3.0), 5.0, 5.0),
        ((3.0, 0.3), 3.0, 3.0),  # somebody who hardly moves
        ((0.1, 0.1), 3.0, 3.0),  # nothing moves anywhere
        ((3.0, 0.1), 1.5, 1.5),  # too short to be taken for it
        ((3.0, 3.0), 4.0, 0.0),
    ],
)
def test_the_longest_scene_that_moves_becomes_the_clip(levels, cut_s, start_s):
    assert longest(film(*levels, cut_s=cut_s), CutRules()).start_s == start_s


def test_one_change_of_slide_is_no_motion():
    slides = film(3.0, 0.0, cut_s=3.0)
    slides.moves[20] = (slides.moves[20][0], 90.0)
    assert longest(slides, CutRules()).start_s == 0


def test_all_scenes_move_where_the_rule_is_off():
    assert longest(film(3.0, 0.1, cut_s=3.0), CutRules(min_scene_motion=0)).start_s == 3


def test_an_end_card_does_not_become_the_clip(tmp_path):
    card = "color=c=black:s=96x160:r=24:d=4,drawbox=x=30:y=60:w=36:h=36:color=white:t=fill"
    inputs = ("-f", "lavfi", "-i", "testsrc2=s=96x160:r=24:d=2.5", "-f", "lavfi", "-i", card)
    joined = ("-filter_complex", "[0:v][1:v]concat=n=2:v=1[v]", "-map", "[v]")
    scene = longest_scene(str(make(tmp_path / "card.mp4", *inputs, *joined, *FINE)), CutRules())
    assert (scene.start_s, scene.end_s, scene.num_scenes) == (0, pytest.approx(2.5, abs=0.01), 2)


@pytest.mark.parametrize(
    ("key", "says"),
    [("min_scene_frames: 15", "say min_scene_s, such as 0.5"), ("min_cut_levels: 15", "say min_change_levels")],
)
def test_a_recipe_with_an_old_key_is_told_the_new_one(tmp_path, key, says):
    file = tmp_path / "old.yaml"
    file.write_text(f"cut:\n  {key}\n")
    with pytest.raises(ValueError, match=r"^[^\n]*old\.yaml:2: [^\n]*$") as refused:
        recipes.load(str(file))
    assert says in str(refused.value)


@pytest.mark.parametrize("rules", [{"cut_ratio": 1.0}, {"min_change_levels": -1.0}, {"min_scene_s": -0.1}])
def test_rules_by_which_no_scene_can_be_told_are_refused(rules):
    with pytest.raises(ValueError, match="no scene can be told by this"):
        CutRules(**rules)


def test_two_scenes_are_found_to_the_frame(tmp_path):
    assert cuts_of(two_scenes(tmp_path / "two.mp4", 1, 1)) == [pytest.approx(1, abs=0.005)]

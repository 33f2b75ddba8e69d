import numpy as np
import pytest

from h2a_curation.decide.screen import ClipRules
from h2a_curation.measure.frames import LookRules
from h2a_curation.measure.sense import SIGNALS, SenseRules, Signal, black, motion, sense
from h2a_curation.models.sensors import available
from h2a_curation.models.weights import model_folder
from h2a_curation.video.sample_frames import look as look_at
from tests.measure.looks import look
from tests.videos import CLIPS, H264, make

FIELD = CLIPS.parent / "clips_field"
"""52 real clips of public repositories, beside the others; absent on other machines."""
MODELS = {signal.name: "s" for signal in SIGNALS}


def grey(*levels, noise=0):
    """One plain small frame a level, with noise of that many grey levels."""
    film = np.array(levels, np.int16)[:, None, None] + np.zeros((1, 64, 64), np.int16)
    return np.clip(film + np.random.default_rng(0).integers(0, noise + 1, film.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("film", "value"),
    [
        (grey(100, 100, 100, 100), 0),
        (grey(100), 0),
        (grey(0, 10, 20, 30), 10),
        (grey(30, 30, 30, 200, 200, 200), 0),  # a slide changes once
    ],
)
def test_motion_is_the_median_change(film, value):
    assert motion(look(grey=film)) == value


def test_what_needs_no_detector_is_measured_without_one():
    assert measured("motion", look(grey=grey(0, 10, 20))) == 10
    assert measured("black", look(grey=grey(0, 0, 90, 90))) == 0.5


def test_noise_is_no_motion():
    assert motion(look(grey=grey(100, 100, 100, noise=2))) < 1


@pytest.mark.parametrize(("film", "value"), [(grey(0, 0, 90, 90), 0.5), (grey(24, 25), 0.5), (grey(90, 90), 0)])
def test_black_is_a_share_of_the_time(film, value):
    assert black(look(grey=film), SenseRules()) == value


def measured(signal, seen):
    """A signal's value, as its line in the table of signals gets it."""
    rows = sense([("c1", seen)], SenseRules(), models={signal: "s"}, detectors={})
    return next(row.value for row in rows)


def scores(*values):
    return lambda frames: np.array(values, np.float32)


@pytest.mark.parametrize(
    ("detectors", "signals"),
    [
        ({}, {}),
        ({"person": scores(0.8, 0.6)}, {"person": 1}),
        ({"person": scores(0.8, 0.1), "face": scores(0.1, 0.9)}, {"face": 1, "person": 2}),
        ({"person": scores(0.8, 0.1), "face": scores(0.9, 0.5)}, {"face": 1, "person": 1}),
        ({"person": scores(0.7, 0.1), "face": scores(0.1, 0.9)}, {"face": 1, "person": 1}),
    ],
)
def test_a_face_is_a_person_and_an_absent_sensor_has_no_row(detectors, signals):
    wanted = dict.fromkeys(("motion", "black", "face", "person"), "s")
    rows = list(sense([("c1", look())], SenseRules(), models=wanted, detectors=detectors))
    assert {row.signal: row.value for row in rows if row.signal not in ("motion", "black")} == signals
    assert [row.signal for row in rows][:2] == ["motion", "black"]


@pytest.mark.parametrize(
    ("bodies", "person"),
    [
        ([0.98] * 8, 8),
        ([0.79, 0.70, 0.65, 0.62, 0.46, 0.43, 0.40, 0.34], 4),  # somebody far away who walks a dog
        ([0.80, 0.72, 0.70, 0.47, 0.37, 0.32, 0.25, 0.24], 3),  # a batter in a cage
        ([0.71, 0.70, 0.70, 0.70, 0.69, 0.68, 0.67, 0.57], 0),  # an apple
        ([0.75, 0.73, 0.73, 0.69, 0.64, 0.57, 0.31, 0.26], 0),  # a drawn rabbit
        ([0.85, 0.76, 0.48, 0.26, 0.24, 0.19, 0.11, 0.11], 0),  # bottles on a belt
        ([0.64, 0.57, 0.57, 0.57, 0.46, 0.45, 0.45, 0.10], 0),  # a dog on a skateboard
    ],
)
def test_bodies_count_where_one_of_them_is_sure_and_enough_frames_show_one(bodies, person):
    """Scores of real clips, the highest first."""
    seen = look(frames=np.zeros((8, 16, 16, 3), np.uint8))
    detectors = {"person": scores(*bodies), "face": scores(*[0.1] * 8)}
    rows = sense([("c1", seen)], SenseRules(), models={"person": "s"}, detectors=detectors)
    assert [row.value for row in rows] == [person]


def test_faces_count_whatever_bodies_say():
    seen = look(frames=np.zeros((8, 16, 16, 3), np.uint8))
    detectors = {"person": scores(*[0.7] * 8), "face": scores(0.6, 0.6, *[0.1] * 6)}
    [row] = sense([("c1", seen)], SenseRules(), models={"person": "s"}, detectors=detectors)
    assert row.value == 2


def test_only_the_signals_that_are_asked_for_are_measured_each_under_its_own_fingerprint():
    asked = []
    detectors = {"face": lambda frames: asked.append("face"), "person": lambda frames: asked.append("person")}
    rows = list(sense([("c1", look())], SenseRules(), models={"black": "b", "motion": "m"}, detectors=detectors))
    assert [(row.signal, row.model) for row in rows] == [("motion", "m"), ("black", "b")]
    assert not asked


def test_a_detector_is_asked_once_a_clip():
    asked = []

    def face(frames):
        asked.append(len(frames))
        return np.array([0.9, 0.1], np.float32)

    detectors = {"face": face, "person": scores(0.0, 0.7)}
    list(sense([("c1", look()), ("c2", look())], SenseRules(), models=MODELS, detectors=detectors))
    assert asked == [2, 2]


@pytest.mark.parametrize(
    ("name", "version", "own"), [("motion", 1, False), ("motion", 2, True), ("face", 1, False), ("text", 1, True)]
)
def test_a_signal_has_its_own_fingerprint_once_it_is_mended_or_when_it_came_later(name, version, own):
    signal = Signal(name=name, unit="", meaning="", measure=lambda seen: None, version=version)
    assert signal.has_own_fingerprint == own


def test_the_table_of_signals_names_rules_that_there_are():
    rules = ClipRules()
    for signal in SIGNALS:
        assert signal.unit
        assert signal.meaning.endswith(".")
        assert not signal.rule or hasattr(rules, signal.rule), signal.name
    assert len(MODELS) == len(SIGNALS)


@pytest.mark.skipif(not CLIPS.exists(), reason="../shared/clips is absent")
@pytest.mark.skipif(not available(model_folder()).detectors, reason=available(model_folder()).reason)
def test_real_people_are_seen_and_cat_and_slides_are_not(tmp_path):
    detectors = available(model_folder()).detectors
    seen = {}
    people = ["paragliding.mp4", "basketball.mp4", "clean_and_jerk.mp4", "eye_makeup.avi"]
    for file in [*people, "cat.mp4", "slides_static_text.mp4"]:
        small = ("-t", "3", "-vf", "scale='if(lt(iw,ih),320,-2)':'if(lt(iw,ih),-2,320)'", "-an", *H264)
        clip = make(tmp_path / f"{file}.mp4", "-i", str(CLIPS / file), *small)
        rows = sense([(file, look_at(str(clip), LookRules()))], SenseRules(), models=MODELS, detectors=detectors)
        seen[file] = {row.signal: row.value for row in rows}
    assert min(seen[file]["person"] for file in people) >= 2
    assert seen["cat.mp4"]["person"] < 2
    assert seen["slides_static_text.mp4"]["person"] < 2
    still = seen["slides_static_text.mp4"]["motion"]
    assert still < 1 < min(seen[file]["motion"] for file in people)


@pytest.mark.skipif(not FIELD.exists(), reason="../shared/clips_field is absent")
@pytest.mark.skipif(not available(model_folder()).detectors, reason=available(model_folder()).reason)
def test_an_apple_that_a_detector_takes_for_a_body_is_no_person(tmp_path):
    small = ("-vf", "scale='if(lt(iw,ih),320,-2)':'if(lt(iw,ih),-2,320)'", "-an", *H264)
    clip = make(tmp_path / "apple.mp4", "-i", str(FIELD / "119_co-track_apple.mp4"), *small)
    detectors = available(model_folder()).detectors
    seen = look_at(str(clip), LookRules())
    assert (detectors["person"](seen.frames) > SenseRules().min_person_score).sum() >= 3
    [row] = sense([("apple", seen)], SenseRules(), models={"person": "s"}, detectors=detectors)
    assert row.value == 0

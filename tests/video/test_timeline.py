from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2a_curation.video.timeline import timeline

STEPS = st.lists(st.floats(0.001, 2.0), min_size=1, max_size=60)


def times_of(steps, start_s=0.0):
    times_s = [start_s]
    for step in steps:
        times_s.append(times_s[-1] + step)
    return times_s


@given(stored=st.lists(st.none() | st.floats(-1e5, 1e5), max_size=60), gap_s=st.sampled_from([10.0, float("inf")]))
def test_whatever_is_stored_each_frame_has_a_time_and_these_rise_from_0(stored, gap_s):
    frames = timeline(stored, 0.04, gap_s)
    assert len(frames.times_s) == len(stored)
    assert frames.times_s[:1] in ([], [0.0])
    assert all(earlier < later for earlier, later in pairwise(frames.times_s))


@given(steps=STEPS, start_s=st.floats(-100, 100_000))
def test_times_that_rise_are_kept_wherever_they_begin(steps, start_s):
    frames = timeline(times_of(steps, start_s), 0.04)
    assert frames.is_stored
    assert frames.times_s == pytest.approx(times_of(steps), abs=1e-6)


@given(steps=STEPS, data=st.data())
def test_times_of_frames_that_were_reordered_are_put_in_order(steps, data):
    times_s = times_of(steps)
    groups = [times_s[n : n + 4] for n in range(0, len(times_s), 4)]
    stored = [time_s for group in groups for time_s in data.draw(st.permutations(group))]
    assert timeline(stored, 0.04).times_s == pytest.approx(times_s, abs=1e-6)


@pytest.mark.parametrize("second_start_s", [-50.0, 0.0, 12.0, 500.0, 95443.0])
def test_a_clock_that_jumps_costs_no_time(second_start_s):
    stored = [n / 25 for n in range(50)] + [second_start_s + n / 25 for n in range(50)]
    frames = timeline(stored, 0.04, max_gap_s=10.0)
    assert frames.times_s == pytest.approx([n / 25 for n in range(100)])
    assert not frames.is_stored


def test_times_that_are_absent_lie_between_those_that_are_not():
    frames = timeline([None, 1.0, None, None, 1.6, None], 0.1)
    assert frames.times_s == pytest.approx([0, 0.1, 0.3, 0.5, 0.7, 0.8])
    assert timeline([None, None], 0.1).times_s == [0.0, 0.1]

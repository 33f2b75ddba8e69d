"""The bench of an evaluation on one small video."""

from bench.evaluate import VIEWS, figures, measured, videos


def test_it_measures_all_parts_and_the_whole(tmp_path):
    listed = videos(tmp_path, 1, 1.0)
    found = measured(listed, tmp_path / "out")
    assert all(seconds > 0 for seconds in found.values())
    assert VIEWS.num_segments * VIEWS.num_crops == 15
    ratios = {one.name: one for one in figures([found], 1) if one.goal}
    assert ratios["a decode for each view by one decode"].value == found["a decode for each view"] / found["decoding"]
    assert ratios["the whole by its parts"].value > 0

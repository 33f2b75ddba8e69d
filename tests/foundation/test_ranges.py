"""Ranges of numbers in the types of fields."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from h2a_curation.foundation.misfit import MisfitError
from h2a_curation.foundation.ranges import Range, check_ranges
from h2a_curation.foundation.yaml_file import check


@dataclass(frozen=True, kw_only=True)
class Oven:
    """What is told of an oven."""

    heat: Annotated[float, Range(above=0, at_most=300)] = 180
    minutes: Annotated[int | None, Range(at_least=1)] = None
    shares: tuple[Annotated[float, Range(at_least=0, below=1)], Annotated[float, Range(at_least=0, below=1)]] = (0, 0.5)
    name: str = "oven"

    def __post_init__(self) -> None:
        check_ranges(self)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"heat": 0}, "heat must be above 0 and at most 300, not 0"),
        ({"heat": 301}, "not 301"),
        ({"heat": float("nan")}, "not nan"),
        ({"heat": float("inf")}, "not inf"),
        ({"minutes": 0}, "minutes must be at least 1, not 0"),
        ({"shares": (0, 1)}, "shares must be at least 0 and below 1, not 1"),
    ],
)
def test_a_number_out_of_its_range_is_refused_with_its_field(given, says):
    with pytest.raises(MisfitError, match=says) as refused:
        Oven(**given)
    assert refused.value.place == (next(iter(given)),)


def test_numbers_at_the_edges_and_none_fit():
    assert Oven(heat=300, minutes=1, shares=(0, 0.99)).minutes == 1
    assert Oven().minutes is None


def test_from_plain_content_off_is_none_and_true_is_no_number():
    assert check({"minutes": False}, Oven) == check({"minutes": "off"}, Oven) == Oven()
    assert check({"minutes": "5", "heat": "1e-3"}, Oven) == Oven(minutes=5, heat=1e-3)
    for content in ({"heat": True}, {"minutes": True}, {"heat": False}, {"shares": [True, 0]}):
        with pytest.raises(MisfitError, match="must be a number, not"):
            check(content, Oven)


def test_an_option_is_told_as_it_is_spelt():
    oven = Oven()
    object.__setattr__(oven, "minutes", -1)
    with pytest.raises(MisfitError, match=r"^--minutes must be at least 1, not -1$"):
        check_ranges(oven, spelt="--{}")

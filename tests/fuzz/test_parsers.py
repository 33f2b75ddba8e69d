"""Noise and damage into every parser: a few dozen examples each here, and for as long as asked in `make fuzz`."""

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from h2a_curation.acquire.errors import FetchError
from h2a_curation.foundation.plain_text import abridged
from tests.fuzz.mutations import damaged
from tests.fuzz.parsers import PARSERS, PATIENCE_S, Parser

EXAMPLES = 15
"""Of each parser in the fast suite, the same in each run."""
ASKED = [name for name in PARSERS if os.environ.get("PARSER", name) == name]
"""Parsers of `make fuzz`: all, or the one named."""
SECONDS = float(os.environ.get("FUZZ_SECONDS", 300)) / max(len(ASKED), 1)
"""Of each parser in `make fuzz`: equal shares."""
SEED = int(os.environ.get("SEED") or time.time_ns() % 2**32)
"""Printed where a fault is found, and taken again by `make fuzz SEED=...`."""
MOST_LETTERS = 4_000


def faults(parser: Parser, content: bytes) -> str | None:
    """What is wrong with how a parser takes this content."""
    with tempfile.TemporaryDirectory(prefix="h2a-fuzz-") as folder:
        file = Path(folder) / f"in{parser.suffix}"
        file.write_bytes(content)
        start = time.monotonic()
        try:
            parser.read(file)
        except FetchError:
            pass
        except UnicodeError as broken:
            return f"{type(broken).__name__}: {broken}"
        except ValueError as refused:
            said = abridged(str(refused))
            if not said.strip():
                return "says nothing"
            if "set_int_max_str_digits" in said or len(said) > MOST_LETTERS:
                return f"is no line for people: {said[:200]!r}"
        took_s = time.monotonic() - start
    return f"took {took_s:.0f} s" if took_s > PATIENCE_S else None


@pytest.mark.parametrize("name", PARSERS)
def test_good_examples_are_read(name, tmp_path):
    for number, content in enumerate(PARSERS[name].good()):
        file = tmp_path / str(number) / f"in{PARSERS[name].suffix}"
        file.parent.mkdir()
        file.write_bytes(content)
        PARSERS[name].read(file)


@pytest.mark.parametrize("name", PARSERS)
def test_damage_is_taken_or_refused_in_one_line(name):
    look_into(name, settings(max_examples=EXAMPLES, derandomize=True, phases=[Phase.explicit, Phase.generate]))


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", ASKED)
def test_for_as_long_as_asked(name):
    """Rounds of 200 examples until the share of the time is over; each round has a seed of its own."""
    end, round_no = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        now = SEED + round_no
        try:
            look_into(name, settings(max_examples=200, phases=[Phase.explicit, Phase.generate, Phase.shrink]), now)
        except BaseException as fault:
            fault.add_note(f'replay it: make fuzz SEED={now} PARSER="{name}"')
            raise
        round_no += 1


def look_into(name: str, how: settings, seed_of_round: int = 0) -> None:
    parser = PARSERS[name]
    good = parser.good()
    faults(parser, good[0])  # what it imports once takes seconds

    @seed(seed_of_round)
    @settings(how, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(damaged(good), damaged(good), damaged(good), st.binary(max_size=2_000)))
    def check(content: bytes) -> None:
        assert (fault := faults(parser, content)) is None, f"{name} {fault}"

    check()

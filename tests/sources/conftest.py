from collections.abc import Iterator

import pytest

from h2a_curation.sources.politeness.pace import OF_PROCESS
from tests.loopback import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def new_hosts() -> None:
    """A port may serve another test after one whose host asked for a pause of an hour."""
    OF_PROCESS.forget()

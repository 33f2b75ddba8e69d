"""Progress lines, and a Ctrl-C that no library can swallow."""

import signal

import pytest

from h2a_curation.jobs.progress import shown


class Destructor:
    """Where Python drops whatever is raised."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def swallowed_ctrl_c():
    thing = Destructor()
    del thing


@pytest.fixture(autouse=True)
def _in_the_foreground():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_runs_in_the_background_is_left_alone():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with shown():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_was_swallowed_ends_the_job_at_its_next_step():
    steps = []

    def job():
        with shown() as progress:
            progress("fetch", 0, 2)
            swallowed_ctrl_c()
            steps.append("went on")
            progress("fetch", 1, 2)
            steps.append("went on too long")

    with pytest.raises(KeyboardInterrupt):
        job()
    assert steps == ["went on"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_was_swallowed_at_the_very_end_is_not_forgotten():
    def job():
        with shown():
            swallowed_ctrl_c()

    with pytest.raises(KeyboardInterrupt):
        job()


def test_python_s_own_handler_is_back_afterwards(capsys):
    with shown() as progress:
        for done in range(101):
            progress("look", done, 100)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(capsys.readouterr().err.splitlines()) == 11

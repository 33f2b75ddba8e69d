import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from h2a_curation.acquire.errors import FetchError
from h2a_curation.sources.tiktok_research.quota import DailyQuota

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TAKE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from h2a_curation.sources.tiktok_research.quota import DailyQuota
day = datetime(2026, 5, 1, tzinfo=UTC)
quota = DailyQuota(1000, account="key", folder=Path(sys.argv[1]), clock=lambda: day, name="q")
sys.stdin.readline()
for _ in range(50):
    quota.take()
"""


class Clock:
    now = NOON

    def __call__(self):
        return self.now


def quota(folder, clock, per_day=3, account="key"):
    return DailyQuota(per_day, account=account, folder=folder, clock=clock, name="q")


def take_all(quota):
    for num in range(50):
        try:
            quota.take()
        except FetchError:
            return num
    raise AssertionError("no end")


def test_processes_share_one_count(tmp_path):
    command = [sys.executable, "-c", TAKE, str(tmp_path)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(2)]
    for process in running:
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    assert quota(tmp_path, lambda: NOON, per_day=1000).used() == 100


def test_lanes_share_one_count(tmp_path):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: [quota(tmp_path, Clock(), per_day=1000).take() for _ in range(25)], range(4)))
    assert quota(tmp_path, Clock(), per_day=1000).used() == 100


def test_a_day_is_utc_and_the_next_one_is_full(tmp_path):
    clock = Clock()
    assert take_all(quota(tmp_path, clock)) == 3
    clock.now = datetime(2026, 5, 1, 23, 59, tzinfo=UTC).astimezone()
    assert take_all(quota(tmp_path, clock)) == 0
    clock.now = datetime(2026, 5, 2, 0, 1, tzinfo=UTC)
    assert take_all(quota(tmp_path, clock)) == 3


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=40_000)])
def test_a_clock_that_jumps_and_comes_back_refills_nothing(tmp_path, jump):
    clock = Clock()
    take_all(quota(tmp_path, clock))
    clock.now = NOON + jump
    take_all(quota(tmp_path, clock))
    clock.now = NOON
    assert take_all(quota(tmp_path, clock)) == 0


def test_old_days_are_forgotten(tmp_path):
    clock = Clock()
    for _ in range(30):
        quota(tmp_path, clock).take()
        clock.now += timedelta(days=1)
    assert (tmp_path / "q-quota.json").read_text().count("2026-") <= 9


def test_accounts_are_counted_apart_and_not_named(tmp_path):
    take_all(quota(tmp_path, Clock(), account="one-key"))
    assert take_all(quota(tmp_path, Clock(), account="another")) == 3
    assert "one-key" not in (tmp_path / "q-quota.json").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"2026-05-01": "x"}}'])
def test_a_broken_file_is_written_anew(tmp_path, text):
    (tmp_path / "q-quota.json").write_text(text)
    assert take_all(quota(tmp_path, Clock())) == 3
    assert take_all(quota(tmp_path, Clock())) == 0


def test_without_a_folder_the_process_counts_for_itself():
    counted = quota(None, Clock())
    assert (take_all(counted), take_all(counted)) == (3, 0)

"""A schedule fires: a real server and worker run the deployment that docs name."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from h2a_curation.lake import decisions
from tests.loopback import Answer, serving
from tests.videos import H264, make, moving

ROOT = Path(__file__).parents[2]
PREFECT = Path(sys.executable).with_name("prefect")
BAD = re.compile(r"\b(ERROR|CRITICAL|Traceback|\w+Error)\b")
RECORD = re.compile(r"^(?=\d\d:\d\d:\d\d\.\d\d\d \| )", re.MULTILINE)
MET = "sqlite3.OperationalError: database is locked"
"""Of two transactions of Prefect's server that meet on a busy machine one fails, and its client asks again."""


@pytest.mark.slow
def test_a_cron_fires_and_its_run_publishes_a_version(tmp_path):
    with serving() as site, installed(tmp_path, site) as prefect:
        prefect.command("work-pool", "create", "h2a", "--type", "process")
        with prefect.background("worker", "start", "--pool", "h2a", "--limit", "1") as worker:
            prefect.command("deploy", "--all", "--prefect-file", deployment_file(tmp_path, prefect.second_soon()))
            run = until(prefect.finished_run, 300, "no run of the schedule has finished")
            assert (run["state_type"], run["auto_scheduled"]) == ("COMPLETED", True), prefect.logs()
            # the flow asked through curl_cffi, whose threads must not keep its process
            until(lambda: not descendants(worker.pid) or None, 60, "the flow's process does not end")
    lake = tmp_path / "lake"
    assert [version.name for version in (lake / "versions").iterdir()] == ["v1"]
    assert connect(lake, decision=decisions.newest(lake)).query("FROM selection").num_rows == 2
    assert [said for said in RECORD.split(prefect.logs()) if BAD.search(said) and MET not in said] == []


def deployment_file(folder, second):
    """The project's own prefect.yaml, its schedule switched on, each minute at this second, for a recipe of ours."""
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    [deployment] = content["deployments"]
    [schedule] = deployment["schedules"]
    schedule |= {"cron": f"* * * * * {second}", "active": True}
    deployment["parameters"] |= {
        "recipe": str(folder / "recipe.yaml"),
        "lake": str(folder / "lake"),
        "allow_private": True,
    }
    (folder / "prefect.yaml").write_text(yaml.safe_dump(content))
    return folder / "prefect.yaml"


def put_recipe(folder, site):
    """A table of two small videos, asked for as a browser asks."""
    pictures = {"a": moving(2.5), "b": ("-f", "lavfi", "-i", "mandelbrot=s=96x160:r=24,trim=duration=2.5")}
    for name, picture in pictures.items():
        video = make(folder / f"{name}.mp4", *picture, *H264).read_bytes()
        site.answers[f"/{name}.mp4"] = lambda _, body=video: Answer(body=body, headers={"Content-Type": "video/mp4"})
    (folder / "posts.csv").write_text(f"url,class\n{site.url}/a.mp4,yoga\n{site.url}/b.mp4,yoga\n")
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": [{"id": "yoga"}]}))
    short = {"min_duration_s": 1.0, "min_short_side_px": 90}
    content = {
        "classes": "classes.yaml",
        "source": {"kind": "table", "name": "table", "file": "posts.csv", "options": {"impersonate": "chrome"}},
        "adapt": False,
        "mine": {"num_rounds": 1, "pages_per_round": 1},
        "first_files_share": 1.0,
        "embed": {"model": f"local-dir:{data_folder() / 'sample_world'}", "pretrained": None},
        "decide": {
            "post": short,
            "clip": {**short, "person": "off", "motion": "off"},
            "validate": {"mode": "record"},
        },
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content))


@contextmanager
def installed(folder, site):
    """A server of Prefect with a home of its own; it has ended, with all that it began, when the block ends."""
    put_recipe(folder, site)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    prefect = Prefect(folder, port)
    with prefect.background("server", "start"):
        until(prefect.is_healthy, 240, "the server does not start")
        yield prefect


class Prefect:
    """Prefect's command line and its server at a free port of loopback."""

    def __init__(self, folder, port):
        self.api = f"http://127.0.0.1:{port}/api"
        self._folder = folder
        self._env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")} | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_API_PORT": str(port),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(ROOT),
        }

    def command(self, *words):
        done = subprocess.run(
            [PREFECT, *words], cwd=ROOT, env=self._env, capture_output=True, text=True, timeout=240, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def background(self, *words):
        """A command that goes on; it writes to a log of its own."""
        with (self._folder / f"{words[0]}.log").open("w") as log:
            process = subprocess.Popen(
                [PREFECT, *words], cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            end(process)

    def logs(self):
        return "".join(log.read_text() for log in sorted(self._folder.glob("*.log")))

    def is_healthy(self):
        with suppress(OSError), urllib.request.urlopen(f"{self.api}/health", timeout=5) as answer:
            return answer.status == 200
        return None

    def finished_run(self):
        body = json.dumps({"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}).encode()
        wanted = urllib.request.Request(
            f"{self.api}/flow_runs/filter", body, {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(wanted, timeout=30) as answer:
            return next(iter(json.load(answer)), None)

    def second_soon(self):
        """Of a minute, when a deployment that begins now should be made."""
        return int(time.time() + 15) % 60


def until(found, patience_s, otherwise):
    """What is found at last."""
    deadline_s = time.monotonic() + patience_s
    while (answer := found()) is None:
        assert time.monotonic() < deadline_s, otherwise
        time.sleep(0.5)
    return answer


def end(process):
    """SIGTERM, which Prefect's worker may ignore, then SIGKILL; and to what it began, in sessions of their own."""
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(15)
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid):
    """Ids of its children, theirs and so on."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [tuple(map(int, line.split())) for line in lines]
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        children = [child for child, of in pairs if of == parent]
        found += children
        todo += children
    return found

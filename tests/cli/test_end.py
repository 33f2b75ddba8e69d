"""A command ends when its work is done, whatever threads a library keeps: with its output, files and exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from h2a_curation.catalog.views import connect
from h2a_curation.foundation.shipped_data import data_folder
from tests.loopback import Answer, serving
from tests.videos import H264, make, moving

PATIENCE_S = 120
POOL = "from concurrent.futures import ThreadPoolExecutor as P; pool = P(); pool.submit(int).result()"
QUEUE = "import queue, threading; threading.Thread(target=queue.Queue().get).start()"
BUSY = "from concurrent.futures import ThreadPoolExecutor as P; pool = P(); pool.submit(time.sleep, 600)"
SLOW = "threading.Thread(target=lambda: (time.sleep(0.5), open('slow', 'w').write('whole'))).start()"


@pytest.mark.parametrize("library", [POOL, QUEUE, BUSY], ids=["idle pool", "thread that waits", "busy pool"])
def test_a_librarys_threads_keep_no_command_alive(library):
    ran = ended(f"import threading, time; {library}", ["--help"])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "pretrain" in ran.stdout


def test_a_mistake_keeps_its_line_and_exit_code():
    ran = ended(POOL, ["nope"])
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "No such command 'nope'" in ran.stderr


def test_a_thread_that_is_about_to_end_may_finish(tmp_path):
    assert ended(f"import threading, time; {SLOW}", ["--help"], tmp_path).returncode == 0
    assert (tmp_path / "slow").read_text() == "whole"


def ended(before, arguments, cwd=None):
    """The command as a program, after this line of Python in its process; it must end in time."""
    program = f"{before}\nimport sys\nsys.argv = ['h2a', *{arguments}]\nfrom h2a_curation.cli import program\nprogram()"
    return run([sys.executable, "-c", program], cwd)


def run(command, cwd=None):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE_S, cwd=cwd, check=False
    )


@pytest.fixture
def recipe(tmp_path):
    """A table's, fetched with a browser's fingerprint: curl_cffi keeps a pool of threads for its answers."""
    content = {
        "classes": "classes.yaml",
        "source": {"kind": "table", "name": "table", "options": {"impersonate": "chrome"}},
        "adapt": False,
        "mine": {"num_rounds": 1, "pages_per_round": 1},
        "fetch": {"max_tries": 1, "first_wait_s": 0.1, "max_wait_s": 0.2},
        "embed": {"model": f"local-dir:{data_folder() / 'sample_world'}", "pretrained": None},
        "decide": {"clip": {"person": "off"}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "classes.yaml").write_text(yaml.safe_dump({"classes": [{"id": "yoga"}]}))
    return tmp_path / "recipe.yaml"


@pytest.fixture
def url(tmp_path):
    """Of a real video that must be asked for as Chrome asks."""
    video = make(tmp_path / "a.mp4", *moving(1.0), *H264).read_bytes()
    with serving() as site:
        site.answers["/a.mp4"] = lambda _: Answer(body=video, headers={"Content-Type": "video/mp4"})
        site.answers["/page.mp4"] = lambda _: Answer(body=b"<html>", headers={"Content-Type": "video/mp4"})
        yield site.url


H2A = Path(sys.executable).with_name("h2a")


def test_a_video_that_came_through_curl_cffi_is_shown_and_the_command_ends(recipe, url):
    ran = run([H2A, "try", f"{url}/a.mp4", "--recipe", recipe, "--allow-private"])
    assert ran.returncode == 0, ran.stderr
    assert "best classes" in ran.stdout


def test_a_build_through_curl_cffi_ends_with_its_rows_and_exit_code(recipe, url, tmp_path):
    (tmp_path / "posts.csv").write_text(f"url,class\n{url}/page.mp4,yoga\n")
    ran = run(
        [H2A, "build", tmp_path / "posts.csv", "--recipe", recipe, "--lake", tmp_path / "lake", "--allow-private"]
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("h2a: no file c")
    assert connect(tmp_path / "lake").query("FROM media").num_rows == 1

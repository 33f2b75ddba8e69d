"""What many tests share: one finished build of the mini world, made once a session by the command itself."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from h2a_curation.cli import main
from h2a_curation.foundation import secret_text

# Its process would start with each of the suite's runs; the test that looks at it switches it on.
os.environ["WANDB_MODE"] = "disabled"
if "PYTEST_XDIST_WORKER" in os.environ:
    # Two processes test at a time, on two cores perhaps: more threads in each would only wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED = Path(__file__).parents[2] / "shared"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def h2a(*arguments: object, cwd: Path | None = None, **env: str) -> Ran:
    """Run the installed command as a user does."""
    program = Path(sys.executable).with_name("h2a")
    done = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=570,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **env},
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def h2a_within(*arguments: object) -> Ran:
    """Run the command within this process, for fixtures that last longer than a test.

    What the processes that it starts say is not in `out` and `err`.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _code(arguments)
    return Ran(code, out.getvalue(), err.getvalue())


def _code(arguments: Sequence[object], cwd: Path | None = None, **env: str) -> int:
    """How the command ends within this process."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(sys, "argv", ["h2a", *map(str, arguments)])
        for name, value in {"COLUMNS": "160", **env}.items():
            changed.setenv(name, value)
        if cwd is not None:
            changed.chdir(cwd)
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _secrets_are_of_one_test():
    """A process hides what it was given for as long as it runs; what one test gave is a plain word in another."""
    yield
    secret_text.forget()


@pytest.fixture
def h2a_here(capfd):
    """The command run within the test's process, where imports cost once: `h2a_here(arguments, cwd=..., ENV=...)`."""

    def run(*arguments: object, cwd: Path | None = None, **env: str) -> Ran:
        capfd.readouterr()
        code = _code(arguments, cwd, **env)
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def mini(tmp_path_factory, worker_id):
    """The folder of a quickstart on the mini world: lake, truth, checkpoint, report, summary. Read only.

    It is made once for all processes that test: the first one makes it, and the others wait.
    """
    own = tmp_path_factory.getbasetemp()
    folder = own if worker_id == "master" else own.parent
    out = folder / "mini" / "quickstart"
    with FileLock(folder / "mini.lock"):
        if not (out / "summary.json").exists():
            done = h2a_within("quickstart", "--recipe", "sample-mini", "--preset", "micro", "--out", out)
            assert done.code == 0, done.err
    return out


@pytest.fixture(scope="session")
def prefect():
    """A server of Prefect on a database of its own."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def shared():
    if not SHARED.is_dir():
        pytest.skip("../shared is not beside this clone")
    return SHARED

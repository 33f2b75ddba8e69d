"""What confinement takes away and leaves, seen in processes of their own: there is no way back from it."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from h2a_curation.foundation import confinement
from h2a_curation.foundation.system_calls import COMPUTES, NUMBERS, REACHES_OUT

FOUND = confinement.available()
needs = pytest.mark.skipif(not (FOUND.landlock and FOUND.seccomp), reason="this kernel has not both, or refuses one")
REFUSED = {"landlock": (444,), "seccomp": (317, 277), "both": (444, 317, 277)}
"""System calls by which each is asked for."""


def run(code: str, *words: str) -> list[str]:
    """What a program prints that has `confinement` imported, by line."""
    head = "import os, socket, subprocess, sys, threading\nfrom h2a_curation.foundation import confinement\n"
    command = [sys.executable, "-c", head + textwrap.dedent(code), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


ATTEMPTS = {
    "read": "os.open('/etc/hostname', os.O_RDONLY)",
    "write": "os.open(sys.argv[1] + '/made', os.O_CREAT | os.O_WRONLY)",
    "stat": "os.stat('/etc/hostname')",
    "list": "os.listdir('/')",
    "remove": "os.remove(sys.argv[1] + '/there')",
    "connect": "socket.socket().connect(('127.0.0.1', 9))",
    "abstract socket": "socket.socket(socket.AF_UNIX).bind('\\0h2a')",
    "fork": "os.fork()",
    "exec": "os.execv('/nowhere', ['nowhere'])",
    "signal": "os.kill(parent, 0)",
    "limits": "__import__('resource').prlimit(parent, 0)",
    "machine code": "__import__('mmap').mmap(-1, 4096, prot=7)",
}


@needs
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_confined_process_is_refused(tmp_path, attempt):
    (tmp_path / "there").touch()
    said = run(
        f"""
        import mmap, resource
        parent = os.getppid()
        assert confinement.confine_process().seccomp
        try:
            {attempt}
        except PermissionError as error:
            print("refused", error.errno)
        """,
        str(tmp_path),
    )
    assert said == ["refused 1"]
    assert [file.name for file in tmp_path.iterdir()] == ["there"]


@needs
def test_a_confined_process_computes_starts_threads_and_reads_what_is_open(tmp_path):
    (tmp_path / "there").write_text("words")
    said = run(
        """
        file = os.open(sys.argv[1] + "/there", os.O_RDONLY)
        print(confinement.confine_process())
        thread = threading.Thread(target=lambda: print(os.read(file, 9).decode(), len(bytearray(1 << 26))))
        thread.start()
        thread.join()
        """,
        str(tmp_path),
    )
    assert said == [str(FOUND), f"words {1 << 26}"]


@needs
def test_all_threads_are_confined(tmp_path):
    """One that ran before could open files for the others else."""
    said = run(
        """
        begin = threading.Event()
        def late():
            begin.wait()
            try:
                open("/etc/hostname")
            except PermissionError:
                print("refused")
        thread = threading.Thread(target=late)
        thread.start()
        confinement.confine_process()
        begin.set()
        thread.join()
        """
    )
    assert said == ["refused"]


@needs
def test_a_confined_program_reaches_what_it_was_granted_alone(tmp_path):
    for name in ("granted", "other"):
        (tmp_path / name).write_text(name)
    paths = {Path(folder): confinement.RUN for folder in ("/bin", "/usr", "/lib", "/lib64")}
    paths |= {tmp_path / "granted": confinement.READ, Path("/dev/null"): confinement.READ | confinement.WRITE}
    script = f"cat {tmp_path}/granted {tmp_path}/other; echo x > {tmp_path}/granted; echo x > {tmp_path}/made"
    done = confinement.confined(
        lambda: subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True), paths
    )
    assert done.stdout == "granted"
    assert done.stderr.count("ermission denied") == 3
    assert (tmp_path / "other").read_text() == "other"  # this process is as free as before


def test_what_starting_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        confinement.confined(lambda: 1 // 0, {})


@needs
@pytest.mark.parametrize(
    ("refused", "left"), [("landlock", "seccomp"), ("seccomp", f"Landlock {FOUND.landlock}"), ("both", "none")]
)
def test_what_a_kernel_refuses_is_done_without(refused, left):
    assert run(f"{REFUSING}\nrefuse({REFUSED[refused]})\nprint(confinement.confine_process())") == [left]


REFUSING = """
def refuse(numbers):
    machine = confinement.MACHINES[confinement.platform.machine()]
    answers = [confinement._answer(number, 0x00050000 | 38) for number in numbers]
    confinement._gives_up_privileges()
    assert confinement._filter(confinement._program(machine.audit_arch, answers, 0x7FFF0000), all_threads=True)
"""
"""As an older kernel answers, or a container's own filter."""


def test_another_system_has_nothing_to_confine_with(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert confinement.confine_process() == confinement.InForce(0, seccomp=False)
    confinement.available.cache_clear()
    assert "limits of time and memory alone" in confinement.gap()
    confinement.available.cache_clear()


def test_each_call_that_is_allowed_or_refused_has_a_number():
    assert {*COMPUTES, *REACHES_OUT} <= NUMBERS.keys()
    assert not {*COMPUTES} & {*REACHES_OUT}
    for column in (0, 1):
        numbers = [pair[column] for pair in NUMBERS.values() if pair[column] is not None]
        assert len(numbers) == len({*numbers})

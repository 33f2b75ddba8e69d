"""Takes from a process what decoding a file needs not: names of files, the network, other programs and processes.

Two parts of Linux do it, without rights of root and for good, for a thread and what it starts. Landlock (from 5.13 on)
knows files and ports; seccomp knows system calls. Each is used as far as the kernel has it and lets us.
"""

import ctypes
import functools
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from errno import ENOSYS, EPERM
from pathlib import Path
from typing import TypeVar

from h2a_curation.foundation.system_calls import COMPUTES, MACHINES, NUMBERS, REACHES_OUT

_Made = TypeVar("_Made")

READ, RUN, WRITE = 0b1100, 0b1101, 0x4006
"""Rights of Landlock beneath a path: read files and folders; run programs too; write, read back and empty a file."""
_OF_A_FILE = 0xC007
"""Rights that a rule for a single file may have."""
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls that have the same numbers on all processors."""
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x3FFF, 3: 0x7FFF, 4: 0x7FFF, 5: 0xFFFF}
"""All rights to files that a version of Landlock knows, which are those that it can take away."""
_PORTS, _SCOPES = 0b11, 0b11
"""Binding and connecting TCP ports, from version 4; abstract sockets and signals to others, from version 6."""

_SET_NO_NEW_PRIVILEGES, _SECCOMP, _SET_NAME = 38, {"x86_64": 317, "aarch64": 277}, 15
_ALL_THREADS = 1
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AND, _AT_LEAST, _RETURN = 0x20, 0x15, 0x54, 0x35, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
"""Places in what the filter sees of a call."""
_X32 = 0x40000000
"""Calls of x86_64's second set begin here."""
_THREAD, _EXECUTABLE, _EMPTY_PATH = 0x10000, 4, 0x1000


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds a process."""

    landlock: int
    """Its version, 0 where the kernel has none or refuses it."""
    seccomp: bool

    def __str__(self) -> str:
        kinds = [f"Landlock {self.landlock}"] * bool(self.landlock) + ["seccomp"] * self.seccomp
        return " and ".join(kinds) or "none"


@dataclass(frozen=True, slots=True)
class _If:
    """A call is allowed where some bits of one of its arguments are these."""

    argument: int
    bits: int
    are: int


def confine_process() -> InForce:
    """Leave this process its open files, memory, threads and clock, and no path, port, program or other process.

    All that it imports and loads must be there already. Landlock holds the calling thread and those that it starts,
    seccomp all threads. What is refused fails with EPERM; a call of another processor's kind ends the process.
    """
    if not _gives_up_privileges():
        return InForce(0, seccomp=False)
    landlock = _restrict({})
    return InForce(landlock, _filter(_allowing(os.getpid()), all_threads=True))


def confined(start: Callable[[], _Made], paths: Mapping[Path, int]) -> _Made:
    """Let a thread of its own, confined first, start a program, which stays so: `start` returns it, such as a Popen.

    The program reaches these paths with these rights, and no port. What `start` raises is raised here.
    """
    made: list[_Made] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            if _gives_up_privileges():
                _restrict(paths)
                _filter(_refusing(), all_threads=False)
            made.append(start())
        except BaseException as error:  # noqa: BLE001  # raised in the thread that asked
            raised.append(error)

    thread = threading.Thread(target=work, name="confined")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return made[0]


@functools.cache
def available() -> InForce:
    """What this kernel gives to this user, as a thread that tries it sees."""
    found: list[InForce] = []

    def work() -> None:
        if _gives_up_privileges():
            found.append(InForce(_restrict({}), _filter(_refusing(), all_threads=False)))

    thread = threading.Thread(target=work, name="confinement")
    thread.start()
    thread.join()
    return found[0] if found else InForce(0, seccomp=False)


def gap() -> str:
    """What to tell somebody whose files are decoded with less than both; nothing where there are both."""
    found = available()
    if found.landlock and found.seccomp:
        return ""
    kept = "limits of time and memory" if str(found) == "none" else "seccomp" if found.seccomp else "Landlock"
    lacks = " and ".join(["Landlock"] * (not found.landlock) + ["seccomp"] * (not found.seccomp))
    return f"decoders of files are held by {kept} alone: this system lacks {lacks}, or refuses it (docs/real-data.md)"


def _gives_up_privileges() -> bool:
    """Whether programs that run as another user are out of reach from now on, as the kernel asks first."""
    return sys.platform == "linux" and bool(_libc().prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0)


def _restrict(paths: Mapping[Path, int]) -> int:
    """Landlock's version that holds this thread now; 0 for none."""
    call = _libc().syscall
    version = call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if version < 1:
        return 0
    rights = _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]
    attributes = struct.pack("QQQ", rights, _PORTS, _SCOPES)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    rules = call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if rules < 0:
        return 0
    try:
        for path, wanted in paths.items():
            _add_rule(rules, path, wanted & rights)
        return version if call(_RESTRICT_SELF, rules, ctypes.c_uint(0)) == 0 else 0
    finally:
        os.close(rules)


def _add_rule(rules: int, path: Path, rights: int) -> None:
    """Grant rights beneath a path; nothing for one that does not exist."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        granted = rights if path.is_dir() else rights & _OF_A_FILE
        rule = struct.pack("=Qi", granted, place)
        _libc().syscall(_ADD_RULE, rules, 1, rule, ctypes.c_uint(0))
    finally:
        os.close(place)


def _allowing(pid: int) -> bytes | None:
    """A filter that lets pass what a process needs that computes, by COMPUTES and these arguments."""
    clear = [_If(2, _EXECUTABLE, 0)]
    conditions = {
        "mmap": clear,
        "mprotect": clear,
        "clone": [_If(0, _THREAD, _THREAD)],
        "tgkill": [_If(0, 0xFFFFFFFF, pid)],
        "prlimit64": [_If(0, 0xFFFFFFFF, 0)],
        "prctl": [_If(0, 0xFFFFFFFF, _SET_NAME)],
        "newfstatat": [_If(3, _EMPTY_PATH, _EMPTY_PATH)],
        "fcntl": [_If(1, 0xFFFFFFFF, command) for command in (0, 1, 2, 3, 1030)],  # copies and flags
    }
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return None
    passed = [_answer(number, _ALLOW) for number in _numbers(COMPUTES, machine.column)]
    for name, ifs in conditions.items():
        passed += [_answer_if(number, one) for one in ifs for number in _numbers([name], machine.column)]
    # glibc falls back to clone, whose flags can be seen.
    passed += [_answer(number, _ERROR | ENOSYS) for number in _numbers(["clone3", "statx"], machine.column)]
    return _program(machine.audit_arch, passed, _ERROR | EPERM)


def _refusing() -> bytes | None:
    """A filter that refuses REACHES_OUT, and lets all else pass."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return None
    refused = [_answer(number, _ERROR | EPERM) for number in _numbers(REACHES_OUT, machine.column)]
    return _program(machine.audit_arch, refused, _ALLOW)


def _numbers(names: Iterable[str], column: int) -> Iterator[int]:
    return (number for name in names if (number := NUMBERS[name][column]) is not None)


def _program(audit_arch: int, answers: list[bytes], otherwise: int) -> bytes:
    """Instructions of BPF: calls of another processor's kind end the process, x86_64's second set is refused."""
    head = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, audit_arch, over_if=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32, over_else=1),
        _step(_RETURN, _ERROR | ENOSYS),
    ]
    return b"".join([*head, *answers, _step(_RETURN, otherwise)])


def _answer(number: int, answer: int) -> bytes:
    return _step(_EQUAL, number, over_else=1) + _step(_RETURN, answer)


def _answer_if(number: int, one: _If) -> bytes:
    """Allow a call by its argument's lower half: all that are looked at are ints or flags."""
    checked = [
        _step(_LOAD, _ARGUMENTS + 8 * one.argument),
        _step(_AND, one.bits),
        _step(_EQUAL, one.are, over_else=1),
        _step(_RETURN, _ALLOW),
        _step(_LOAD, _NUMBER),
    ]
    return _step(_EQUAL, number, over_else=len(checked)) + b"".join(checked)


def _step(code: int, value: int, *, over_if: int = 0, over_else: int = 0) -> bytes:
    return struct.pack("HBBI", code, over_if, over_else, value)


def _filter(program: bytes | None, *, all_threads: bool) -> bool:
    """Whether the filter is in force now."""
    call = _SECCOMP.get(platform.machine())
    if program is None or call is None:
        return False
    kept = ctypes.create_string_buffer(program, len(program))
    told = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
    flags = ctypes.c_uint(_ALL_THREADS if all_threads else 0)
    return bool(_libc().syscall(call, ctypes.c_uint(1), flags, told) == 0)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

"""Faults of the machine: whatever is at hand when one arises, it is not that item's fault, and the next fails too."""

import errno

_OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
)
"""No room, no right to write at all, no file handles, no memory, no processes."""


class MachineError(RuntimeError):
    """Something is not there or not right that every item needs, such as a program."""


def is_of_machine(error: BaseException) -> bool:
    """Whether an error speaks of the machine, and not of the item at which it arose."""
    if isinstance(error, MachineError | MemoryError):
        return True
    return isinstance(error, OSError) and error.errno in _OF_THE_MACHINE

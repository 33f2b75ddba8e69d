"""The command table, and how a mistake, a fault or Ctrl-C ends: one line and an exit code."""

import atexit
import contextlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from h2a_curation.acquire.errors import ErrorKind, FetchError
from h2a_curation.cli import (
    audit,
    catalog,
    classes,
    evaluation,
    experiment,
    finetuning,
    jobs,
    mining,
    models,
    probes,
    single,
    training,
)
from h2a_curation.foundation import child_processes
from h2a_curation.foundation.plain_text import abridged
from h2a_curation.foundation.terminal import remark, say

MISTAKE, FAULT, INTERRUPTED = 2, 1, 130
_PATIENCE_S = 5.0
"""How long a command that is done waits for threads of libraries."""

_REMEDIES = {
    ErrorKind.NOT_PERMITTED: "see whether that address is meant",
    ErrorKind.UNREACHABLE: "check the network and the recipe's addresses",
    ErrorKind.EXTRACTOR_BROKEN: "where the site has changed, a newer yt-dlp may know it",
    ErrorKind.BLOCKED: "wait a while, ask less often (min_interval_s), or try another address",
    ErrorKind.RATE_LIMITED: "wait a while, and ask less often (min_interval_s)",
    ErrorKind.LOGIN: "wait a while, or give cookies of your own",
    ErrorKind.IMPERSONATION: "set the option impersonate (docs/sources.md)",
    ErrorKind.GONE: "see whether the canary is still there",
    ErrorKind.PRIVATE: "see whether the canary is still public",
    ErrorKind.QUOTA: "wait for the next day (UTC)",
    ErrorKind.CREDENTIALS: "check the key or the cookies that you gave",
    ErrorKind.UNEXPECTED: "report it with the log",
}

app = typer.Typer(
    name="h2a",
    help="From hashtags to a curated catalog of action clips, and from its shards to a video model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(jobs.quickstart)
app.command()(jobs.build)
app.command()(mining.mine)
app.command()(jobs.decide)
app.command()(jobs.pretrain)
app.command()(finetuning.finetune)
app.command()(evaluation.evaluate)
app.command()(probes.features)
app.command()(probes.probe)
app.command()(probes.predict)
app.add_typer(experiment.app, name="experiment")
app.command()(training.convert)
app.command("export-model")(training.export_model)
app.command()(training.release)
app.command()(training.plan)
app.command("try")(single.try_video)
app.command()(single.trace)
app.command()(mining.tags)
app.add_typer(mining.explain, name="explain")
app.command()(catalog.sql)
app.command()(catalog.verify)
app.add_typer(audit.app, name="audit")
app.add_typer(classes.app, name="classes")
app.add_typer(models.app, name="models")


def program() -> NoReturn:
    """`h2a` as a program: `main`, then an end that does not take down what was imported, which takes a second."""
    _begin_again_in_utf8()
    sys.excepthook = _show_bug
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    _end_threads()
    _leave(code)


def main() -> None:
    """The command in `sys.argv`. Exit codes: 0 done, 1 something around us failed, 2 the user can mend it, 130 Ctrl-C.

    With $H2A_TRACEBACK set, the place of a mistake or fault is shown before its line.
    """
    child_processes.keep_safe()
    try:
        # It returns the code of a typer.Exit, and 130 for Ctrl-C: typer raises neither.
        code = app(list(map(_with_home, sys.argv[1:])), standalone_mode=False)
    except TyperException as misuse:
        if misuse.format_message().startswith("Usage:"):  # a group without a command: typer says the group's help
            say(misuse.format_message())
            sys.exit(MISTAKE)
        _end(_usage(misuse), MISTAKE)
    except FetchError as failed:
        remedy = _REMEDIES.get(failed.kind, "wait a while")
        _end(f"the source fails: {failed}; {remedy}, then run the same command again: what is done is kept", FAULT)
    except ValueError as mistake:
        _end(str(mistake), MISTAKE)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as blocked:
        _end(f"{blocked.filename}: {_in_the_way(blocked)}; name another place, or move it away", MISTAKE)
    except OSError as fault:
        _end(f"{fault.filename}: {fault.strerror}" if fault.filename and fault.strerror else str(fault), FAULT)
    except (RuntimeError, ArithmeticError) as fault:
        _end(str(fault), FAULT)
    if code == INTERRUPTED:  # nobody waits for threads, which may wait on a network for minutes
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _say("stopped; what was finished is kept, and the same command goes on from there")
        _leave(INTERRUPTED)
    sys.exit(code)


def _in_the_way(blocked: OSError) -> str:
    if isinstance(blocked, IsADirectoryError):
        return "a folder stands where a file is to be"
    return "a file stands where a folder is to be"


def _end(line: str, code: int) -> NoReturn:
    if os.environ.get("H2A_TRACEBACK"):
        remark(traceback.format_exc())
    _say(line)
    sys.exit(code)


def _show_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody expected, as Python shows it: its text may quote what others wrote."""
    remark("".join(traceback.format_exception(kind, error, trace)).rstrip())


def _say(text: str) -> None:
    remark(f"h2a: {abridged(' '.join(text.split()))}")


def _begin_again_in_utf8() -> None:
    """Run the program anew where Python reads names of files as ASCII: DuckDB and Arrow take them as UTF-8 only."""
    if sys.getfilesystemencoding() != "utf-8":
        os.environ |= {"PYTHONUTF8": "1"}
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # nosec B606  # itself, as it was called


def _with_home(argument: str) -> str:
    """The argument with the user's home for a `~` that no shell replaced, as in `--lake=~/h2a` or a unit of systemd."""
    option, sign, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    return f"{option}{sign}{Path(value).expanduser()}" if value.startswith("~/") else argument


def _usage(misuse: TyperException) -> str:
    context = getattr(misuse, "ctx", None)
    command = context.command_path if context else "h2a"
    said = misuse.format_message().replace("Value error, ", "").rstrip(".")
    return f"{said}; `{command} --help` shows what there is"


def _end_threads() -> None:
    """Tell pools that nothing more comes, and wait for threads, as the interpreter does at its end; but not for ever.

    What is ours has ended by now: each pool of ours is closed by the block that opened it. A library's pool may be
    idle, and waits for work until it is told; or its thread may wait on a network, for what nobody wants any more.
    """

    def end() -> None:
        for tell in reversed(getattr(threading, "_threading_atexits", ())):  # that of concurrent.futures is one of them
            tell()
        for thread in threading.enumerate():
            if not thread.daemon and thread is not threading.main_thread():
                thread.join()

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(_PATIENCE_S)


def _leave(code: int) -> NoReturn:
    """End the process as the interpreter does, but join no thread and free nothing: that takes a second."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError, ValueError):  # nobody reads on, or it is closed
            stream.flush()
    os._exit(code)

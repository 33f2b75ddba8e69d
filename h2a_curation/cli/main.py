"""The command table, and how a mistake, a fault or Ctrl-C ends: one line and an exit code."""

import os
import sys
import traceback

import typer

from h2a_curation.cli import catalog, classes, jobs, models, single

MISTAKE, FAULT, INTERRUPTED = 2, 1, 130

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
app.command()(jobs.decide)
app.command()(jobs.pretrain)
app.command("try")(single.try_video)
app.command()(single.trace)
app.command()(catalog.sql)
app.command()(catalog.verify)
app.add_typer(classes.app, name="classes")
app.add_typer(models.app, name="models")


def main() -> None:
    """Entry point of `h2a`. Exit codes: 0 done, 1 something around us failed, 2 the user can mend it, 130 Ctrl-C."""
    try:
        app(standalone_mode=False)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except typer.Abort:
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        _say("stopped; what was finished is kept, and the same command goes on from there")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(FAULT)
    except ValueError as mistake:
        _say(_one_line(mistake))
        sys.exit(MISTAKE)
    except (OSError, RuntimeError) as fault:
        _say(_one_line(fault))
        sys.exit(FAULT)


def _say(line: str) -> None:
    print(f"h2a: {line}", file=sys.stderr)  # noqa: T201


def _one_line(error: BaseException) -> str:
    if os.environ.get("H2A_TRACEBACK"):
        traceback.print_exc()
    return " ".join(str(error).split()) or type(error).__name__

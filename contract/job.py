"""How every job begins and ends: one command-line parser, one log format, exit status 0, 1 or 2, one line per error.

Standard library only: a job that is asked often, or by hand, starts with nothing else.
"""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

DONE, FAILED, WRONG_ARGUMENTS = 0, 1, 2
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JobFailedError(Exception):
    """The job can't do what it was asked for; the message is one line that says where and what to do."""


class JobParser(argparse.ArgumentParser):
    """A parser that refuses in one line: it is read in a task's log, where a usage text would only hide it."""

    def __init__(self, prog: str, documentation: str | None, **options: Any) -> None:
        """The documentation's first paragraph is the help's head, the rest its end."""
        summary, _, details = (documentation or "").partition("\n\n")
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=summary, epilog=details, formatter_class=formatter, **options)

    def error(self, message: str) -> NoReturn:
        """Ends the process with status 2 and one line on stderr."""
        sys.stderr.write(f"{self.prog}: error: {one_line(message)}\n")
        raise SystemExit(WRONG_ARGUMENTS)

    def environment(self, name: str, meaning: str) -> str:
        """A variable of the environment, for what may not stand on a command line; an error where it is not set."""
        return os.environ.get(name) or self.error(f"{name} is not set: {meaning}")


def one_line(message: object) -> str:
    """The message with each run of white space as one blank."""
    return " ".join(str(message).split())


def job_main(name: str, run: Callable[[], int | None], *failures: type[Exception]) -> int:
    """Logs to stderr, runs the job, and turns its failures into one line each.

    Args:
        name: the job's, as the log has it.
        run: parses the arguments and works; returns the exit status, None for done.
        failures: what may go wrong, beside JobFailedError; their messages say where. Anything else is a bug, and
            shows its trace.

    Returns:
        The exit status: 0 done, 1 failed. Wrong arguments end the process with status 2 (`JobParser.error`).
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=LOG_FORMAT)
    expected: tuple[type[Exception], ...] = (JobFailedError, *failures)
    try:
        return run() or DONE
    except expected as error:
        reason = one_line(error) or type(error).__name__
        logging.getLogger(name).error("%s", reason)  # noqa: TRY400 - one clear line, no trace
        return FAILED

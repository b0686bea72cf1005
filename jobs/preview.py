"""Counts like the count stage and shows the counts as they come; writes to no books. `python jobs/preview.py --help`.

Exit status: 0 ended as asked, 1 failed (one clear line on stderr), 2 wrong arguments.
"""

import sys
from collections.abc import Sequence

from contract.job import job_main
from counting.clocks import RowsDropped
from counting.session import session
from counting.topic import TopicUnreadable
from counting.watch import StopRequest
from previewing.run import run
from previewing.settings import parse_arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until the duration is over, a signal comes, or, with --until-caught-up, everything is counted."""

    def preview() -> None:
        settings = parse_arguments(argv)
        stop_requested = StopRequest()
        with session(settings.name, settings) as spark:
            run(spark, settings, stop_requested)

    return job_main("preview", preview, TopicUnreadable, RowsDropped, ValueError, OSError)


if __name__ == "__main__":
    sys.exit(main())

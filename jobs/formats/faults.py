"""What reading a record must survive: a mistake of ours ends as a dead letter, never as a stream that stands."""

import logging
import sys
import traceback

MACHINE_FAULTS = (MemoryError, OSError, ImportError)
"""These are the machine's, not the record's: they are raised, so that the task fails and is tried again elsewhere."""

log = logging.getLogger(__name__)

_logged: set[tuple[str, str, int]] = set()


def log_once(what: str) -> None:
    """Logs the exception being handled with its traceback, once for each place that raises it in this process."""
    raised = sys.exception()
    if raised is None:
        return
    last = traceback.extract_tb(raised.__traceback__)[-1]
    place = (type(raised).__name__, last.filename, last.lineno or 0)
    if place not in _logged:
        _logged.add(place)
        log.exception("%s: this is a mistake in our code, please report it", what)

"""What is said when something is late."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


async def report_is_late(context: dict[str, Any], **_: Any) -> None:
    """One clear line in the triggerer's log; whoever wants mail or chat puts a notifier in its place.

    Args:
        context: Airflow's: the run and the deadline that it missed.
    """
    run, deadline = context["dag_run"], context["deadline"]
    log.error("%s: the report is late, it was due at %s", run["dag_run_id"], deadline["deadline_time"])

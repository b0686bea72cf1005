"""The deadline alert of a late report."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


async def report_is_late(context: dict[str, Any], **_: Any) -> None:
    """Logs one line in the triggerer; replace it by a notifier for mail or chat.

    Args:
        context: Airflow's, with the run and the deadline that it missed.
    """
    run, deadline = context["dag_run"], context["deadline"]
    log.error("%s: the report is late, it was due at %s", run["dag_run_id"], deadline["deadline_time"])

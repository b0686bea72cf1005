"""Arguments shared by the two DAGs that supervise a process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

DAG_ARGS: dict[str, Any] = {
    "schedule": "@continuous",
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    # No dagrun_timeout: it calls on_kill, as a person does who wants the stream stopped.
    "default_args": {"owner": "hashtide"},
    "tags": ["hashtide", "stream"],
}

TASK_ARGS: dict[str, Any] = {
    # For unforeseen errors; a watched process that fails is restarted without a retry.
    "retries": 5,
    "retry_delay": timedelta(seconds=15),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    # Bounds a decision (a stop, a start, a submit), not the wait.
    "execution_timeout": timedelta(minutes=5),
}

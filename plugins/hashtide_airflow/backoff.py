"""How long to wait before something is started, or asked, again."""

from __future__ import annotations

from contract.backoff import Backoff

RESTART = Backoff(10.0, 300.0, jitter=0.0)
RESUME_AFTER_S = 7.0
"""No trigger fires sooner. In Airflow 3.3 the worker of a task that has deferred lingers for 5 s; where the task runs
again by then, the scheduler takes the worker's end for the task's: `up_for_retry`, and the task is killed at work."""
HEALTHY_S = 600.0  # what ran this long before it failed, failed for a new reason


def restart_delay_s(failures: int) -> float:
    """Seconds to wait after that many failures in a row: 0, 10, 20, 40 … and never more than five minutes."""
    return RESTART.wait_s(failures)


def poll_delay_s(unanswered: int, interval_s: float) -> float:
    """Seconds to wait before a service is asked again that has not answered that many times: up to half a minute."""
    return Backoff(interval_s, max(30.0, interval_s), jitter=0.0).wait_s(unanswered + 1)

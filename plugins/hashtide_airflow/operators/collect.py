"""The lease on the collector: a process of its own, beside the task that started it, one for a spool."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException

from hashtide_airflow import kafka_file, settings
from hashtide_airflow.backoff import HEALTHY_S, restart_delay_s
from hashtide_airflow.collect_request import request_of
from hashtide_airflow.commands import check_command, collect_command
from hashtide_airflow.hooks.collector import CollectorHook
from hashtide_airflow.hooks.process import environment
from hashtide_airflow.operators.supervise import SuperviseOperator, is_marked_failed
from hashtide_airflow.tokens import token_files
from hashtide_airflow.triggers.collector import FIRST_WORD_S, CollectorTrigger, look

if TYPE_CHECKING:
    from airflow.sdk import Context

STOP_S = 60.0  # what is read has to be acknowledged
LAST_WORD_S = 60.0  # the collector ends by its own clock, which begins later
CHECK_WITHIN_S = 60.0


class SuperviseCollector(SuperviseOperator):
    """Attaches to the spool's collector, or starts it; replaces it where another source is wanted.

    A start is never followed by the next sooner than after a delay that grows with each failure in a row: the trigger
    is told not to report the end before. The spool's own lock keeps a second collector out, whoever starts it.
    """

    def execute(self, context: Context) -> None:
        """A lease; or, by hand, of a source of its own, for as long as was asked.

        Raises:
            AirflowFailException: what was asked for is refused; the collector goes on.
        """
        request = request_of(context)
        if request.is_plain:
            super().execute(context)
            return
        source = request.address(settings.source())
        require_understood(source)
        self._fulfil_wish()
        length_s = request.minutes * 60 + LAST_WORD_S if request.minutes else settings.supervision_s()
        self.log.info("asked for: %s, for %.0f minutes at most", source, length_s / 60)
        self.turn(
            context, datetime.now(UTC) + timedelta(seconds=length_s), asked_for=source, by_form=bool(request.source)
        )

    def turn(
        self,
        context: Context,
        ends_at: datetime,
        failures: int = 0,
        started_at: str | None = None,
        asked_for: str | None = None,
        by_form: bool = False,
        **_: Any,
    ) -> NoReturn:
        """Look at the process and what it wrote; attach, replace, wait, or start; then watch.

        Args:
            context: the task's.
            ends_at: the lease's end.
            failures: how often in a row it ended within this lease.
            started_at: when this lease last started it, ISO 8601.
            asked_for: this run's own source; None is the variable's.
            by_form: whether its form named the source.
        """
        collecting = settings.collecting(asked_for)
        hook = CollectorHook(collecting.spool)
        outcome, why = look(collecting.spool, lambda: collecting.source)
        if outcome == "fine":
            self.log.info("attached to the collector of %s: %s", collecting.source, why or hook.holder())
            trigger = CollectorTrigger(str(collecting.spool), ends_at.isoformat(), source=asked_for)
            self.wait(trigger, ends_at, asked_for=asked_for, by_form=by_form)
        # These may refuse: before anything is stopped.
        tokens = token_files(collecting.source, named_by_form=by_form)
        collecting = collecting.model_copy(update={"kafka_config": kafka_file.for_collector()})
        if outcome == "source_changed":
            self.log.info("another source is wanted: stopping the collector %s", why)
            hook.stop(STOP_S)
        now = datetime.now(UTC)
        if started_at and (now - datetime.fromisoformat(started_at)).total_seconds() >= HEALTHY_S:
            failures = 0
        self._start(context, hook, collecting, tokens)
        not_before = now + timedelta(seconds=restart_delay_s(failures + 1))
        self.wait(
            CollectorTrigger(str(collecting.spool), ends_at.isoformat(), not_before.isoformat(), source=asked_for),
            ends_at,
            asked_for=asked_for,
            by_form=by_form,
            failures=failures + 1,
            started_at=now.isoformat(),
        )

    def _start(
        self, context: Context, hook: CollectorHook, collecting: settings.Collecting, tokens: dict[str, str]
    ) -> None:
        """Start it and wait for its first word in the spool; a failure is logged, the trigger sees it too."""
        command = collect_command(collecting)
        self.log.info("Running: %s; its output goes to %s", command, hook.log_path)
        process = hook.start(command, environment(**tokens))
        deadline = time.monotonic() + FIRST_WORD_S
        while process.poll() is None and not self.was_killed and time.monotonic() < deadline:
            holder, state = hook.holder(), hook.state()
            if holder and state and holder.pid_here == process.pid and state.is_of(holder):
                self.log.info("the collector runs, pid %s", process.pid)
                break
            time.sleep(0.2)
        if is_marked_failed(context):  # while it was being started: younger than the wish, so nobody else stops it
            process.terminate()
        elif process.poll():
            self.log.error("the collector failed, status %s: %s", process.returncode, last_line(hook))
        elif time.monotonic() >= deadline:
            self.log.warning("the collector (pid %s) has said nothing for %s s", process.pid, FIRST_WORD_S)


def require_understood(source: str) -> None:
    """Ask the collector itself, before anything is stopped for an address that it would refuse.

    Raises:
        AirflowFailException: why it refuses.
    """
    command = check_command(source)
    asked = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=CHECK_WITHIN_S, check=False
    )
    if asked.returncode != 0:
        raise AirflowFailException(f"refused: {(asked.stderr.strip().splitlines() or ['not understood'])[-1]}")


def last_line(hook: CollectorHook) -> str:
    """Why the collector failed: the last line that it printed."""
    return (hook.last_words(1) or "it said nothing").strip()

"""Supervises the collector: one process a spool, beside the task that started it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException

from contract.source_address import SourceAddress, read_stored, shown
from hashtide_airflow import kafka_file, settings
from hashtide_airflow.backoff import HEALTHY_S, restart_delay_s
from hashtide_airflow.collect_request import request_of
from hashtide_airflow.commands import check_command, collect_command
from hashtide_airflow.hooks.collector import CollectorHook
from hashtide_airflow.hooks.process import environment
from hashtide_airflow.operators.supervise import SuperviseOperator, is_marked_failed
from hashtide_airflow.tokens import token_files
from hashtide_airflow.triggers.collector import FIRST_WORD_S, CollectorTrigger, snapshot

if TYPE_CHECKING:
    from airflow.sdk import Context

STOP_S = 60.0  # what is read has to be acknowledged
LAST_WORD_S = 60.0  # the collector ends by its own clock, which begins later
CHECK_WITHIN_S = 60.0


class SuperviseCollector(SuperviseOperator):
    """Attaches to the spool's collector, or starts it; replaces it when another source is chosen.

    After a start the trigger reports an end only after a delay, which grows with each failure in a row, so restarts
    slow down. The spool's own lock keeps a second collector out, whoever starts it.
    """

    def execute(self, context: Context) -> None:
        """One supervision run; triggered by hand it may collect a source of its own for a limited time.

        Raises:
            AirflowFailException: the request is refused; the collector keeps running.
        """
        request = request_of(context)
        if request.is_plain:
            super().execute(context)
            return
        asked_for = request.addresses(settings.sources())
        require_understood(asked_for)
        self._apply_stop_request()
        length_s = request.minutes * 60 + LAST_WORD_S if request.minutes else settings.supervision_s()
        self.log.info("requested: %s, for at most %.0f minutes", shown(asked_for), length_s / 60)
        self.turn(
            context,
            datetime.now(UTC) + timedelta(seconds=length_s),
            asked_for=list(map(str, asked_for)),
            by_form=bool(request.source),
        )

    def turn(
        self,
        context: Context,
        ends_at: datetime,
        failures: int = 0,
        started_at: str | None = None,
        asked_for: Sequence[str] | None = None,
        by_form: bool = False,
        **_: Any,
    ) -> NoReturn:
        """Looks at the process and its files; attaches, replaces, waits or starts; then watches.

        Args:
            context: the task's.
            ends_at: when the run ends.
            failures: how often in a row the collector ended within this run.
            started_at: when this run last started it, ISO 8601.
            asked_for: this run's own addresses (older versions stored one text); None stands for the variable's.
            by_form: whether the run's form named the source.
        """
        collecting = settings.collecting(read_stored(asked_for))
        hook = CollectorHook(collecting.spool)
        outcome, why = snapshot(collecting.spool, lambda: collecting.sources)
        if outcome == "fine":
            self.log.info("attached to the collector of %s: %s", shown(collecting.sources), why or hook.holder())
            trigger = CollectorTrigger(str(collecting.spool), ends_at.isoformat(), source=asked_for)
            self.wait(trigger, ends_at, asked_for=asked_for, by_form=by_form)
        # These may refuse: before anything is stopped.
        tokens = token_files(collecting.sources, named_by_form=by_form)
        collecting = collecting.model_copy(update={"kafka_config": kafka_file.for_collector()})
        if outcome == "source_changed":
            self.log.info("the wanted source has changed: stopping the collector %s", why)
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
        """Starts the collector and waits for its first state; a failure is logged, and the trigger sees it."""
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
        if is_marked_failed(context):  # the stop request is older than this start, so nobody else will stop it
            process.terminate()
        elif process.poll():
            self.log.error("the collector failed with status %s: %s", process.returncode, last_line(hook))
        elif time.monotonic() >= deadline:
            self.log.warning("the collector (pid %s) has written no state for %s s", process.pid, FIRST_WORD_S)


def require_understood(sources: Sequence[SourceAddress]) -> None:
    """Asks the collector itself, so that nothing is stopped for an address that it would refuse.

    Raises:
        AirflowFailException: with its reason.
    """
    command = check_command(sources)
    asked = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=CHECK_WITHIN_S, check=False
    )
    if asked.returncode != 0:
        raise AirflowFailException(f"refused: {(asked.stderr.strip().splitlines() or ['not understood'])[-1]}")


def last_line(hook: CollectorHook) -> str:
    """The last line that the collector printed, which says why it failed."""
    return (hook.last_words(1) or "it printed nothing").strip()

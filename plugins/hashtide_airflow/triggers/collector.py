"""Watches the collector until it ends, the wanted source changes, or the run's time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from contract.source_address import SourceAddress, read_stored, shown
from contract.spool.lock import Holder
from hashtide_airflow import backoff, settings
from hashtide_airflow.hooks.collector import CollectorHook
from hashtide_airflow.stopping import stop_collector
from hashtide_airflow.triggers.stopping import manual_run_waits, shielded, wants_stop

STOP_S = 20.0  # Airflow gives on_kill 30 s
FIRST_WORD_S = 60.0  # from the collector's start until it must have written its state


class CollectorTrigger(BaseTrigger):
    """Fires once, with `{"outcome": …, "why": …}`.

    - `ended`: the process is gone before its source was finished, or it holds the spool without writing its state;
      and `not_before` has passed;
    - `source_changed`: the variable `hashtide_source` names another source than the collector's;
    - `run_over`: the run's time is up and the collector runs or has finished its source; or a manual run waits for its
      turn; or what this run itself requested is collected;
    - `run_over_without`: the time is up and the collector neither runs nor has finished.

    It runs on the collector's machine, in any container that has the spool.

    Args:
        spool: the collector's directory.
        run_ends_at: ISO 8601 with a zone.
        not_before: no `ended` before this moment, ISO 8601: the time to wait after failures. None: at once.
        poll_interval_s: between two snapshots.
        source: the addresses that this run itself requested (older versions stored one text); None: the variable's.
        lease_ends_at: `run_ends_at` of a task that an older version deferred.
    """

    def __init__(
        self,
        spool: str,
        run_ends_at: str = "",
        not_before: str | None = None,
        poll_interval_s: float = 5.0,
        source: Sequence[str] | None = None,
        lease_ends_at: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.spool = spool
        self.run_ends_at = run_ends_at or lease_ends_at
        self.not_before = not_before
        self.poll_interval_s = poll_interval_s
        self.source = source
        self.watched: Holder | None = None  # the collector that was last seen alive

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's path and its arguments."""
        return "hashtide_airflow.triggers.collector.CollectorTrigger", {
            "spool": self.spool,
            "run_ends_at": self.run_ends_at,
            "not_before": self.not_before,
            "poll_interval_s": self.poll_interval_s,
            "source": self.source,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Takes snapshots until there is something to decide."""
        ends_at = datetime.fromisoformat(self.run_ends_at)
        not_before = datetime.fromisoformat(self.not_before) if self.not_before else datetime.now(UTC)
        resume_from = time.monotonic() + backoff.RESUME_AFTER_S
        while True:
            outcome, why = await sync_to_async(self._snapshot)()
            now = datetime.now(UTC)
            if now >= ends_at:
                outcome = "run_over_without" if outcome == "ended" else "run_over"
            elif outcome == "ended" and now < not_before:
                outcome = "fine"
            elif outcome == "fine" and self.source is None and await manual_run_waits(self):
                outcome, why = "run_over", "a manual run waits for its turn"
            if outcome != "fine":
                await asyncio.sleep(max(0.0, resume_from - time.monotonic()))
                yield TriggerEvent({"outcome": outcome, "why": why})  # type: ignore[no-untyped-call]
                return
            left_s = (ends_at - now).total_seconds()
            await asyncio.sleep(max(0.0, min(self.poll_interval_s, left_s)))

    def _snapshot(self) -> tuple[str, str]:
        self.watched = CollectorHook(Path(self.spool)).holder() or self.watched
        asked_for = None if self.source is None else read_stored(self.source)
        outcome, why = snapshot(Path(self.spool), settings.sources if asked_for is None else lambda: asked_for)
        if asked_for is not None and outcome == "fine" and why:
            return "run_over", "the request is collected"
        return outcome, why

    async def on_kill(self) -> None:
        """Stops the watched collector if the task was marked as failed; otherwise the next run attaches to it."""
        await shielded(self._on_kill())

    async def _on_kill(self) -> None:
        if not await wants_stop(self):
            self.log.info("the collector keeps running; the next try or run attaches to it")
            return
        # The listener stops it too, so the next run may have started another one by now.
        try:
            stopped = await sync_to_async(stop_collector)(Path(self.spool), lambda one: one == self.watched, STOP_S)
        except TimeoutError as error:
            self.log.warning("stopping the collector failed: %s; the next run will stop it", error)
            return
        self.log.info("marked as failed: %s", stopped or "the watched collector has already ended")


def snapshot(spool: Path, wanted: Callable[[], Sequence[SourceAddress]]) -> tuple[str, str]:
    """The collector's state as `fine`, `ended` or `source_changed`, and why; the reason is empty while it runs.

    Args:
        spool: the collector's directory.
        wanted: returns the sources that are wanted now.
    """
    hook = CollectorHook(spool)
    holder, state = hook.holder(), hook.state()  # in this order: it still holds the spool after writing its last state
    if holder:
        if state is None or not state.is_of(holder):
            silent_s = time.time() - holder.started_at
            return ("fine", "") if silent_s < FIRST_WORD_S else ("ended", f"pid {holder.pid} writes no state")
        return ("fine", "") if state.sources == tuple(wanted()) else ("source_changed", f"of {shown(state.sources)}")
    if state is None:
        return "ended", "none was started"
    if state.status == "running":  # its error is then what held it up
        return "ended", "the process ended without writing a last state"
    if state.status != "finished":
        return "ended", f"{state.status}: {state.error}" if state.error else state.status
    if state.sources != tuple(wanted()):
        return "ended", f"{shown(state.sources)} is finished and another source is wanted"
    return "fine", f"{shown(state.sources)} is finished"

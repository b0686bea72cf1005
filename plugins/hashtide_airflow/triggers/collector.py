"""Watches the collector until it ends, another source is wanted, or the lease ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from hashtide_airflow import backoff, settings
from hashtide_airflow.hooks.collector import CollectorHook, Holder
from hashtide_airflow.stopping import stop_collector
from hashtide_airflow.triggers.stopping import shielded, somebody_waits, wants_stop

STOP_S = 20.0  # Airflow gives on_kill 30 s
FIRST_WORD_S = 60.0  # what it may take from its start until it says something


class CollectorTrigger(BaseTrigger):
    """Fires once, with `{"outcome": …, "why": …}`.

    - `ended`: the process is gone and its source was not finished, or it holds the spool and says nothing; and
      `not_before` has passed;
    - `source_changed`: the variable `hashtide_source` names another source than the collector's;
    - `lease_over`: the lease's end has come, and the collector runs or has finished its source; or a run by hand waits
      for its turn; or what this run asked for itself is collected;
    - `lease_over_without`: it has come, and the collector does neither.

    It runs on the collector's machine, in whatever container that has the spool.

    Args:
        spool: the collector's directory.
        lease_ends_at: ISO 8601 with a zone.
        not_before: no `ended` before this moment, ISO 8601: the time to wait after failures. None: at once.
        poll_interval_s: between two looks.
        source: what this run asked for itself; None: what the variable says.
    """

    def __init__(
        self,
        spool: str,
        lease_ends_at: str,
        not_before: str | None = None,
        poll_interval_s: float = 5.0,
        source: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.spool = spool
        self.lease_ends_at = lease_ends_at
        self.not_before = not_before
        self.poll_interval_s = poll_interval_s
        self.source = source
        self.watched: Holder | None = None  # the collector that was last seen alive

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's path and its arguments."""
        return "hashtide_airflow.triggers.collector.CollectorTrigger", {
            "spool": self.spool,
            "lease_ends_at": self.lease_ends_at,
            "not_before": self.not_before,
            "poll_interval_s": self.poll_interval_s,
            "source": self.source,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to decide."""
        ends_at = datetime.fromisoformat(self.lease_ends_at)
        not_before = datetime.fromisoformat(self.not_before) if self.not_before else datetime.now(UTC)
        resume_from = time.monotonic() + backoff.RESUME_AFTER_S
        while True:
            outcome, why = await sync_to_async(self._look)()
            now = datetime.now(UTC)
            if now >= ends_at:
                outcome = "lease_over_without" if outcome == "ended" else "lease_over"
            elif outcome == "ended" and now < not_before:
                outcome = "fine"
            elif outcome == "fine" and self.source is None and await somebody_waits(self):
                outcome, why = "lease_over", "a run by hand waits for its turn"
            if outcome != "fine":
                await asyncio.sleep(max(0.0, resume_from - time.monotonic()))
                yield TriggerEvent({"outcome": outcome, "why": why})  # type: ignore[no-untyped-call]
                return
            left_s = (ends_at - now).total_seconds()
            await asyncio.sleep(max(0.0, min(self.poll_interval_s, left_s)))

    def _look(self) -> tuple[str, str]:
        self.watched = CollectorHook(Path(self.spool)).holder() or self.watched
        wanted, asked_for = settings.source, self.source
        outcome, why = look(Path(self.spool), wanted if asked_for is None else lambda: asked_for)
        if asked_for is not None and outcome == "fine" and why:
            return "lease_over", "what was asked for is collected"
        return outcome, why

    async def on_kill(self) -> None:
        """Stop the collector that was watched if the task was marked as failed; else leave it to the next lease."""
        await shielded(self._on_kill())

    async def _on_kill(self) -> None:
        if not await wants_stop(self):
            self.log.info("the collector goes on; the next try or run attaches to it")
            return
        # The listener is at it too, so the next lease may have started another one by now.
        try:
            stopped = await sync_to_async(stop_collector)(Path(self.spool), lambda one: one == self.watched, STOP_S)
        except TimeoutError as error:
            self.log.warning("marked as failed, but %s: the next lease sees to it", error)
            return
        self.log.info("marked as failed: %s", stopped or "what was watched is gone already")


def look(spool: Path, wanted_source: Callable[[], str]) -> tuple[str, str]:
    """The collector's state as `fine`, `ended` or `source_changed`, and why; of `fine` empty while it runs.

    Args:
        spool: the collector's directory.
        wanted_source: says which source is wanted, when called.
    """
    hook = CollectorHook(spool)
    holder, state = hook.holder(), hook.state()  # in this order: after its last word it still holds the spool
    if holder:
        if state is None or not state.is_of(holder):
            silent_s = time.time() - holder.started_at
            return ("fine", "") if silent_s < FIRST_WORD_S else ("ended", f"pid {holder.pid} says nothing")
        return ("fine", "") if state.source == wanted_source() else ("source_changed", f"of {state.source}")
    if state is None:
        return "ended", "none was started"
    if state.status == "running":  # its error is then what held it up
        return "ended", "the process is gone, without a last word"
    if state.status != "finished":
        return "ended", f"{state.status}: {state.error}" if state.error else state.status
    if state.source != wanted_source():
        return "ended", f"{state.source} is finished and another source is wanted"
    return "fine", f"{state.source} is finished"

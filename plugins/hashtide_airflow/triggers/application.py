"""Watches the streaming job on YARN until it ends or the run's time is up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from contract import names
from contract.hadoop_rest import Unreachable
from hashtide_airflow import backoff
from hashtide_airflow.hooks.yarn import Application, YarnHook
from hashtide_airflow.stopping import stop_stream
from hashtide_airflow.triggers.stopping import shielded, wants_stop


class ApplicationTrigger(BaseTrigger):
    """Fires once, with `{"outcome": …, "application_id": …, "why": …}`.

    - `ended`: YARN says that no application of the generation is active, and `not_before` has passed;
    - `run_over`: the run's time is up and an application is active;
    - `run_over_without`: the time is up and no application is active, or YARN has not answered.

    No answer means unknown, not gone: the ResourceManager is asked again with growing delays until the run ends.

    Args:
        generation: whose streaming job.
        run_ends_at: ISO 8601 with a zone.
        not_before: no `ended` before this moment, ISO 8601: the time to wait after failures. None: at once.
        poll_interval_s: between two requests to YARN while it answers.
        yarn_connection_id, hdfs_connection_id: names of connections, so that no secret is stored.
        lease_ends_at: `run_ends_at` of a task that an older version deferred.
    """

    def __init__(
        self,
        generation: int,
        run_ends_at: str = "",
        not_before: str | None = None,
        poll_interval_s: float = 2.0,
        yarn_connection_id: str = names.YARN,
        hdfs_connection_id: str = names.HDFS,
        lease_ends_at: str = "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.generation = generation
        self.run_ends_at = run_ends_at or lease_ends_at
        self.not_before = not_before
        self.poll_interval_s = poll_interval_s
        self.yarn_connection_id = yarn_connection_id
        self.hdfs_connection_id = hdfs_connection_id
        self._yarn = YarnHook(yarn_connection_id)
        self.watched = ""  # the application that was last seen

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class's path and its arguments."""
        return "hashtide_airflow.triggers.application.ApplicationTrigger", {
            "generation": self.generation,
            "run_ends_at": self.run_ends_at,
            "not_before": self.not_before,
            "poll_interval_s": self.poll_interval_s,
            "yarn_connection_id": self.yarn_connection_id,
            "hdfs_connection_id": self.hdfs_connection_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Polls YARN until there is something to decide."""
        ends_at = datetime.fromisoformat(self.run_ends_at)
        not_before = datetime.fromisoformat(self.not_before) if self.not_before else datetime.now(UTC)
        resume_from = time.monotonic() + backoff.RESUME_AFTER_S
        unanswered, seen = 0, ""
        while True:
            newest, unknown = await self._newest()
            self.watched = newest.id if newest else self.watched
            if newest and (now_seen := f"{newest.id} is {newest.state}") != seen:
                self.log.info("watching: %s %s", now_seen, newest.tracking_url)
                seen = now_seen
            unanswered = unanswered + 1 if unknown else 0
            if event := self._event(newest, unknown, ends_at, not_before):
                await asyncio.sleep(max(0.0, resume_from - time.monotonic()))
                yield TriggerEvent(event)  # type: ignore[no-untyped-call]
                return
            left_s = (ends_at - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(max(0.0, min(backoff.poll_delay_s(unanswered, self.poll_interval_s), left_s)))

    async def _newest(self) -> tuple[Application | None, str]:
        """The active application, else the latest; and why neither is known, empty if one is."""
        try:
            found = await self._yarn.find(names.application_tag(self.generation))
            active = [application for application in found if application.active]
            for surplus in active[:-1]:  # newest first: the eldest stays, whoever looks
                self.log.warning("%s and %s are both active: killing the younger", surplus.id, active[-1].id)
                await sync_to_async(self._yarn.kill)(surplus.id)
        except Unreachable as error:
            self.log.warning("asking YARN failed: %s; asking again", error)
            return None, str(error)
        if active:
            return active[-1], ""
        return (found[0] if found else None), ""

    def _event(
        self, newest: Application | None, unknown: str, ends_at: datetime, not_before: datetime
    ) -> dict[str, str | None] | None:
        """The event to fire, if any."""
        now = datetime.now(UTC)
        name = newest.id if newest else None
        if newest and newest.active:
            return {"outcome": "run_over", "application_id": name, "why": ""} if now >= ends_at else None
        why = unknown or (
            f"{newest.id} is {newest.final_status}: {newest.diagnostics}" if newest else "none was started"
        )
        if now >= ends_at:
            return {"outcome": "run_over_without", "application_id": name, "why": why}
        if not unknown and now >= not_before:
            return {"outcome": "ended", "application_id": name, "why": why}
        return None

    async def on_kill(self) -> None:
        """Stops the watched application if the task was marked as failed; otherwise the next run attaches to it."""
        await shielded(self._on_kill())

    async def _on_kill(self) -> None:
        if not await wants_stop(self):
            self.log.info("the streaming job keeps running; the next try or run attaches to it")
            return
        stopped = await sync_to_async(stop_stream)(
            self.generation, lambda application: application.id == self.watched, self.hdfs_connection_id
        )
        self.log.info("marked as failed: %s", stopped or "the watched application has already ended")

"""Detects that waiting is pointless: a stage failed, or nothing has moved."""

import time
from collections.abc import Callable

from contract.source_address import SourceAddress
from stack.config.errors import StackError
from stack.config.hints import Hints
from stack.observe.stages import Snapshot

FAILED_SUBMITS = 3
"""Failed submits of the streaming job since the start; YARN has already tried each ten times."""


class Watch:
    """Checks one snapshot after the other.

    Attributes:
        source: the source that is waited for.
        began_at_s: epoch seconds; earlier failures are ignored.
        stall_timeout_s: give up when no stage has made progress for this long.
        hints: the commands that error messages name.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        source: tuple[SourceAddress, ...],
        began_at_s: float,
        stall_timeout_s: float,
        hints: Hints,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._hints = hints
        self._began_at_s = began_at_s
        self._stall_timeout_s = stall_timeout_s
        self._clock = clock
        self._progress: tuple[object, ...] = ()
        self._moved_at = clock()

    def check(self, now: Snapshot) -> None:
        """Raises StackError: a stage has failed permanently, or nothing moves."""
        self._check_collector(now)
        self._check_streaming_job(now)
        if now.progress() != self._progress:
            self._progress, self._moved_at = now.progress(), self._clock()
        if self._clock() - self._moved_at > self._stall_timeout_s:
            raise StackError(
                f"nothing has moved for {self._stall_timeout_s:.0f} s ({describe(now)}); see {self._hints.status}"
            )

    def _check_collector(self, now: Snapshot) -> None:
        collector = now.collector
        if collector is None or collector.sources != self._source or collector.status != "failed":
            return
        if collector.updated_at >= self._began_at_s:
            raise StackError(
                f"collect_posts: the collector failed: {collector.error}; see {self._hints.logs('collect')}"
            )

    def _check_streaming_job(self, now: Snapshot) -> None:
        failed = [each for each in now.applications or () if each.failed and each.started_at_s >= self._began_at_s]
        if len(failed) >= FAILED_SUBMITS:
            why = " ".join(failed[0].diagnostics.split())[:200]
            raise StackError(
                f"count_posts: the streaming job failed {len(failed)} times, the last was"
                f" {failed[0].application_id}: {why}; see {self._hints.logs('count')}"
            )


def describe(now: Snapshot) -> str:
    """The position of every stage, in one short line."""
    collector, applications, ledger = now.collector, now.applications, now.ledger
    collected = f"{collector.lines_read:,} lines" if collector else "not yet"
    if collector and collector.status != "running":
        collected += f", {collector.status}"
    job = "unknown" if applications is None else applications[0].state.lower() if applications else "not submitted"
    batches = "unknown" if now.newest_batch is None else f"{now.newest_batch + 1} batch{'es' * (now.newest_batch != 0)}"
    in_postgres = "unknown" if ledger is None else f"{ledger.records:,} records"
    return f"collect: {collected} · count: {job}, {batches} · compact: {in_postgres}"

"""Watches the running query: when to end it, and when it must not continue."""

import json
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from pyspark.sql.streaming.query import StreamingQuery

from counting.clocks import RECOUNT, RowsDropped
from counting.files import Files

CHECK_INTERVAL_S = 1
BATCH_LIMIT_S = 120.0
"""How long the current batch may take when the job is asked to stop; then it is cut off and will run again."""

log = logging.getLogger(__name__)


class StopRequest:
    """SIGTERM or SIGINT, remembered."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._remember)

    def __call__(self) -> bool:
        """Whether one of them came."""
        return self._asked.is_set()

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        log.info("%s received", signal.Signals(number).name)
        self._asked.set()


def watch(query: StreamingQuery, files: Files, stop_marker: str, asked_to_end: Callable[[], bool]) -> None:
    """Returns when the query has ended, by itself or because it was asked to by the marker or a signal.

    Raises:
        RowsDropped: the watermark has dropped records, so the counts are no longer whole.
        StreamingQueryException: the query failed.
    """
    while not query.awaitTermination(CHECK_INTERVAL_S):
        check_dropped(_progress(query))
        if asked_to_end() or _marked(files, stop_marker):
            log.info("stopping after the current batch")
            _end_after_batch(query)
            break
    check_dropped(_progress(query))


def check_dropped(progress: list[dict[str, Any]]) -> None:
    """Raises RowsDropped where one of the query's progress reports has rows dropped by the watermark.

    A second line: `counting.clocks` refuses such a batch by its plan, before it is counted.
    """
    for report in progress:
        dropped = sum(operator["numRowsDroppedByWatermark"] for operator in report["stateOperators"])
        if dropped:
            raise RowsDropped(
                f"batch {report['batchId']}: the watermark dropped {dropped} rows, so a clock has jumped back. "
                f"The counts of this generation are not whole. {RECOUNT}"
            )


def _progress(query: StreamingQuery) -> list[dict[str, Any]]:
    return [json.loads(report.json) for report in query.recentProgress]


def _marked(files: Files, stop_marker: str) -> bool:
    try:
        return files.exists(stop_marker)
    except OSError as error:
        # A lasting outage of the file system ends the query; looking for the marker must not end it sooner.
        log.warning("looking for the stop marker failed: %s; trying again in %d s", error, CHECK_INTERVAL_S)
        return False


def _end_after_batch(query: StreamingQuery) -> None:
    """Stops the query when the current batch has committed or takes too long, or between batches."""
    deadline = time.monotonic() + BATCH_LIMIT_S
    committed = _last_batch(query)
    while query.isActive and query.status["isTriggerActive"] and _last_batch(query) == committed:
        if time.monotonic() > deadline:
            log.warning("the current batch takes more than %d s: cutting it off; it will run again", BATCH_LIMIT_S)
            break
        time.sleep(0.05)
    query.stop()


def _last_batch(query: StreamingQuery) -> int:
    progress = query.lastProgress
    return -1 if progress is None else int(json.loads(progress.json)["batchId"])

"""When the running query is ended."""

import json
from typing import Any, cast

import pytest
from pyspark.sql.streaming.query import StreamingQuery

from counting import watch as watching
from counting.clocks import RowsDropped
from counting.files import Files
from counting.watch import check_dropped, watch


class Report:
    def __init__(self, batch_id: int, dropped: int = 0) -> None:
        operators = [{"numRowsDroppedByWatermark": 0}, {"numRowsDroppedByWatermark": dropped}]
        self.json = json.dumps({"batchId": batch_id, "stateOperators": operators})


class Query:
    """A query whose batch under way commits after some looks at its status."""

    def __init__(self, looks_until_commit: int = 3, dropped: int = 0) -> None:
        self._looks, self._dropped, self.stopped_at_batch = looks_until_commit, dropped, -1
        self.isActive = True

    @property
    def status(self) -> dict[str, Any]:
        self._looks -= 1
        return {"isTriggerActive": True}

    @property
    def lastProgress(self) -> Report:  # noqa: N802 - Spark's name
        return Report(4 if self._looks > 0 else 5)

    @property
    def recentProgress(self) -> list[Report]:  # noqa: N802 - Spark's name
        return [Report(3), Report(4, self._dropped)]

    def awaitTermination(self, _timeout_s: int) -> bool:  # noqa: N802 - Spark's name
        return not self.isActive

    def stop(self) -> None:
        self.stopped_at_batch = json.loads(self.lastProgress.json)["batchId"]
        self.isActive = False


class Markers:
    """A file system that is away for some looks, then has the marker."""

    def __init__(self, outages: int) -> None:
        self._outages = outages

    def exists(self, _path: str) -> bool:
        self._outages -= 1
        if self._outages >= 0:
            raise OSError("Connection refused")
        return True


def run(query: Query, markers: Markers, *, asked: bool = False) -> None:
    watch(cast(StreamingQuery, query), cast(Files, markers), "stop/generation=1", lambda: asked)


def test_the_query_ends_after_the_batch_under_way() -> None:
    query = Query(looks_until_commit=3)
    run(query, Markers(0))
    assert query.stopped_at_batch == 5


def test_an_outage_of_the_file_system_is_borne_while_looking_for_the_marker() -> None:
    query = Query()
    run(query, Markers(outages=3))
    assert not query.isActive


def test_a_signal_ends_it_too() -> None:
    query = Query()
    run(query, Markers(outages=1_000), asked=True)
    assert not query.isActive


def test_a_batch_that_never_commits_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "BATCH_LIMIT_S", 0.2)
    query = Query(looks_until_commit=1_000_000)
    run(query, Markers(0))
    assert query.stopped_at_batch == 4


def test_rows_dropped_by_the_watermark_end_it_with_what_to_do() -> None:
    query = Query(dropped=2)
    with pytest.raises(RowsDropped, match=r"batch 4: the watermark dropped 2 rows.*`./hashtide recount`"):
        run(query, Markers(0))


def test_without_dropped_rows_nothing_is_said() -> None:
    check_dropped([json.loads(Report(1).json)])

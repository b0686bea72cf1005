"""What a wrong clock does to a batch, told from its plan alone: before anything of the batch is computed.

All records of a batch have one time, the batch's own. Spark drops a record whose time is at or below the watermark of
the plan before, and forgets counts and identities at or below the watermark of this plan. Watermarks only grow, so
where a batch's time lies above its own plan's watermark nothing of it can be dropped; elsewhere all of it would be.
"""

from datetime import UTC, datetime

from counting.checkpoint import Planned

MAX_AHEAD_S = 600
"""How far a batch's time may run ahead of the file system's clock."""

RECOUNT = "`./hashtide recount` (in the containers `hashtide recount`) counts anew, see docs/operations.md"


class RowsDropped(Exception):  # noqa: N818 - it states a condition
    """The watermark drops records: the counts of this generation are not whole, or would not be."""


class ClockAhead(Exception):  # noqa: N818 - it states a condition
    """The driver's clock runs ahead of the file system's. The batch has to be planned again; nothing is lost."""

    def __init__(self, batch_id: int, message: str) -> None:
        super().__init__(message)
        self.batch_id = batch_id


def require_above_watermark(batch_id: int, planned: Planned) -> None:
    """Raises RowsDropped where the watermark would drop the batch's records. The same plan is refused each time."""
    if planned.records and planned.processed_at_ms <= planned.watermark_ms:
        raise RowsDropped(
            f"batch {batch_id}: its time {_iso(planned.processed_at_ms)} is not after the watermark "
            f"{_iso(planned.watermark_ms)}: a clock was ahead by more than the dedup window and was put back. "
            f"Its {planned.records} records would be dropped, so it is not counted. {RECOUNT}"
        )


def require_not_ahead(batch_id: int, planned: Planned, planned_at_ms: int) -> None:
    """Raises ClockAhead where the batch's time is far after that at which its plan was written.

    The time of writing is the NameNode's clock, the batch's time the driver's. It is compared before the batch is
    computed: afterwards the watermark would follow the wrong clock, and could not go back with it.
    """
    ahead_s = (planned.processed_at_ms - planned_at_ms) / 1000
    if ahead_s > MAX_AHEAD_S:
        raise ClockAhead(
            batch_id,
            f"batch {batch_id}: the driver's clock is {ahead_s:,.0f} s ahead of the file system's, which wrote "
            f"the plan at {_iso(planned_at_ms)}; at most {MAX_AHEAD_S} s are allowed. Set the clocks by NTP; "
            "the batch is planned again at the next start, nothing is lost",
        )


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

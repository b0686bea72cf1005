"""The spool's records after a position. Where some are lost, a gap event stands in their place.

What is lost is known by the counts: each record has its number, each segment that of its first one. The event is made
anew whenever it is read, always with the same bytes: so it has one identity, and is acknowledged like any record.
"""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from collecting.spool.archive import Archive
from collecting.spool.recovery import counted
from collecting.spool.scan import Hole, last_record, read_records, scan
from collecting.spool.segments import CURSOR_ONLY, EVENT, Record, read_header
from contract.spool.position import Position

log = logging.getLogger(__name__)

Item = tuple[Position, str, Record]


def read(archive: Archive, after: Position, durable: Position) -> Iterator[Item]:
    """Yields each record between two positions, in order: the position after it, its source's id, the record.

    Raises:
        SpoolCorrupt: a segment's header is not whole, or too much is damaged.
    """
    return _Reading(archive, after, durable).items()


class _Reading:
    """One pass over the segments.

    Attributes:
        at: up to where all was yielded.
        holes: the damage since then, if counts have not said yet what is lost by it.
    """

    def __init__(self, archive: Archive, after: Position, durable: Position) -> None:
        self.at = after
        self.holes: list[Hole] = []
        self._archive = archive
        self._durable = durable

    def items(self) -> Iterator[Item]:
        durable = self._durable
        for number in [n for n in self._archive.numbers if self.at.segment <= n <= durable.segment]:
            yield from self._segment(number)
        if durable.segment == self.at.segment and durable.records > self.at.records:
            yield self._gap(durable, read_header(self._archive.path(durable.segment))[0].source_id, 0)

    def _segment(self, number: int) -> Iterator[Item]:
        path = self._archive.path(number)
        header, first = read_header(path)
        if number != self.at.segment or self.at.offset < first:
            start = Position(number, first, header.first_record, header.first_note)
            if self.at.segment and start.records > self.at.records:
                began_ms = header.began_ms or next((each.received_at for each in read_records(path, first)), 0)
                yield self._gap(start, header.source_id, began_ms)
            self.at, self.holes = start, []
        at = self.at.offset
        limit = self._durable.offset if number == self._durable.segment else path.stat().st_size
        for each in scan(path, at, limit):
            if isinstance(each, Hole):
                log.error("%s@%d: %d bytes are damaged", path, each.start, each.end - each.start)
                self.holes.append(each)
            else:
                yield from self._record(number, header.source_id, at, each)
            at = each.end

    def _record(self, number: int, source_id: str, begin: int, record: Record) -> Iterator[Item]:
        records, notes = counted(record, self.at.records, self.at.notes)
        is_counted, is_note = record.kind != CURSOR_ONLY, record.kind == EVENT
        if records - is_counted > self.at.records:
            before = Position(number, begin, records - is_counted, notes - is_note)
            yield self._gap(before, source_id, record.received_at)
        if record.records is not None:
            self.holes = []
        self.at = Position(number, record.end, records, notes)
        if is_counted:
            yield self.at, source_id, record

    def _gap(self, until: Position, source_id: str, until_ms: int) -> Item:
        """The event that stands for all records from `at` to another position."""
        path = self._archive.path(self.at.segment)
        last = None
        if path.exists():
            source_id = read_header(path)[0].source_id
            last = last_record(path, self.holes[0].start if self.holes else self.at.offset)
        from_ms = last.received_at if last else until_ms
        until_ms = max(from_ms, until_ms)
        where = ", ".join(f"{path}@{hole.start}: {hole.end - hole.start} bytes damaged" for hole in self.holes)
        why = f"{where or f'{path}@{self.at.offset}: what follows is missing'}: {until.records - self.at.records} lost"
        gap = {"source": source_id, "from": _iso(from_ms), "to": _iso(until_ms), "why": why}
        raw = json.dumps({"hashtide": {"gap": gap}}).encode()
        cursor = last.cursor if last else ""
        return until, source_id, Record(until.offset, EVENT, until_ms, cursor, "hashtide", raw, "")


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()

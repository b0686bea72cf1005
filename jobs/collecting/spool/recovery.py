"""What a crash or the disk left of the newest segment: where it ends, what it holds, from where its source resumes.

A crash may leave anything of the group of frames that was being written; everything before was fsynced. A frame that
begins a group proves that, and so does an acknowledgement. So a hole before that point is damage, and what stands
behind it is kept. A hole after it is the torn group: of a source that yields its lines again it is cut off with all
behind it, since nobody has seen these lines; of a live source the whole frames behind it are the only copy.
"""

import logging
from pathlib import Path
from typing import NamedTuple

from collecting.spool.scan import Hole, scan
from collecting.spool.segments import CURSOR_ONLY, EVENT, VERSION, Header, Record, read_header
from contract.spool.position import NOWHERE, Position

log = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """The newest segment, as it is to be used.

    Attributes:
        end: everything before is kept, everything after is to be cut off. Records that are lost are counted in it.
        cursor: the last one; None if there is none.
        cursor_before: of a live source, the one before the torn group, if something behind that is kept: it may still
            have what is lost.
        has_unnumbered_loss: an older version's segment has lost records: only the next segment's header can say so.
    """

    header: Header
    end: Position
    cursor: str | None
    cursor_before: str | None
    has_unnumbered_loss: bool


def recover(path: Path, number: int, acked: Position) -> Recovered:
    """Reads the newest segment. Changes nothing.

    Raises:
        SpoolCorrupt: its header is not whole, or too much is damaged.
    """
    header, first = read_header(path)
    if acked.segment < number:
        acked = NOWHERE
    elif acked.segment > number:  # the disk lost whole segments
        acked = Position(number, path.stat().st_size, 0, 0)
    holes, fsynced = _holes(path, first)
    proven = max(fsynced, acked.offset)
    torn = [hole for hole in holes if hole.start >= proven]
    size = path.stat().st_size
    cuts = [hole.start for hole in holes if hole.end == size or (header.replayable and hole in torn)]
    end = cuts[0] if cuts else size
    holes = [hole for hole in holes if hole.start < end]
    _report(path, size, end, holes, acked.offset)
    # What is read again must have the same key: in an older version's segment it has another one.
    before = torn[0].start if torn and torn[0] in holes and header.version == VERSION else None
    return _count(path, number, end, acked, before)


def _holes(path: Path, first: int) -> tuple[list[Hole], int]:
    """All holes, and where the last group begins whose beginning is whole: what stands before was fsynced."""
    holes, fsynced, at = [], first, first
    for each in scan(path, first):
        if isinstance(each, Hole):
            holes.append(each)
        elif each.begins_group:
            fsynced = at
        at = each.end
    return holes, fsynced


def _report(path: Path, size: int, end: int, holes: list[Hole], acked: int) -> None:
    for hole in holes:
        what = "all of it was published" if hole.end <= acked else "the gap will be listed if records are lost"
        log.error("%s@%d: %d bytes are damaged: %s", path, hole.start, hole.end - hole.start, what)
    if size > end:
        log.warning(
            "%s@%d: cutting %d bytes behind the last whole record: a crash left them half-written, or the last record "
            "is damaged (the two look alike)",
            path,
            end,
            size - end,
        )


def _count(path: Path, number: int, end: int, acked: Position, before: int | None) -> Recovered:
    header, first = read_header(path)
    records, notes, loss = header.first_record, header.first_note, False
    cursor = cursor_before = None
    for each in scan(path, first, end):
        if isinstance(each, Hole):
            if each.start == before:
                cursor_before = cursor
            if header.version < VERSION and each.end > acked.offset:
                if each.start < acked.offset:
                    records, notes = acked.records, acked.notes
                records, loss = records + 1, True  # how many there were is not known
            continue
        cursor = each.cursor or None
        records, notes = counted(each, records, notes)
        if header.version < VERSION and each.end == acked.offset:
            records, notes = acked.records, acked.notes  # which counted what is damaged by now
    return Recovered(header, Position(number, end, records, notes), cursor, cursor_before, loss)


def counted(record: Record, records: int, notes: int) -> tuple[int, int]:
    """The counts after a record, from those before it: its own, which know what is lost before it, if it has them."""
    if record.records is not None and record.notes is not None:
        return record.records, record.notes
    return records + (record.kind != CURSOR_ONLY), notes + (record.kind == EVENT)

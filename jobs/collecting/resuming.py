"""Where a source resumes, from everything in the spool, whether it was read alone or as one of several.

Only the headers of segments are read, and the last cursor of each source's newest segment; of removed segments, the
cursors that were kept.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from collecting.filtering.filtered import apart
from collecting.source_api import Line, Skipping, Source
from collecting.sources.merged import SEVERAL, cursors_of
from collecting.spool import segments
from collecting.spool.scan import read_records
from contract.spool.cursors import read_cursors


def cursor_for(source: Source, own: str | None, directory: Path) -> str | None:
    """The cursor to resume from.

    Args:
        source: as it is about to be read.
        own: the last cursor under its own id.
        directory: the spool's, before anything of this run is appended.
    """
    wanted = _parts(source)
    found: dict[str, str] = {}
    for source_id, cursors in _newest_cursors(wanted, directory):
        if source_id == source.source_id and not found:
            return own  # the newest of all that concerns it
        found = cursors | found
        if len(found) == len(wanted):
            break
    if not found:
        return own
    if wanted == (source.source_id,):
        return found[source.source_id]
    taken, _ = apart(own)
    cursor = json.dumps(_by_part(source.source_id, own, wanted) | found)
    return f"taken={taken};{cursor}" if taken else cursor


def _newest_cursors(wanted: tuple[str, ...], directory: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Source ids that have some of the wanted sources, newest first, each with their last cursors."""
    seen: set[str] = set()
    for number in reversed(segments.segment_numbers(directory)):
        path = segments.segment_path(directory, number)
        source_id = segments.read_header(path)[0].source_id
        if source_id not in seen and _concerns(source_id, wanted) and (cursor := _last_cursor(path)):
            seen.add(source_id)
            yield source_id, _by_part(source_id, cursor, wanted)
    # What is still there is newer: the oldest are removed first.
    for source_id, cursor in reversed(read_cursors(directory).items()):
        if source_id not in seen and _concerns(source_id, wanted):
            yield source_id, _by_part(source_id, cursor, wanted)


def replay_tail(source: Source, directory: Path) -> Iterator[Line]:
    """The source's last lines in the spool, as many as it asks for or some more, oldest first.

    Each has the cursor that the source would give it now.
    """
    wanted = _parts(source)
    for path, source_id in _newest_segments(wanted, source.skips if isinstance(source, Skipping) else 0, directory):
        for record in read_records(path, segments.read_header(path)[1]):
            if record.kind != segments.LINE:
                continue
            if source_id == source.source_id:
                yield Line(record.cursor, record.raw, record.dialect, record.post_id)
                continue
            if (found := _line_of(source_id, record.cursor, wanted)) is not None:
                part, cursor = found
                own = cursor if wanted == (source.source_id,) else json.dumps({part: cursor})
                yield Line(own, record.raw, record.dialect, record.post_id)


def _newest_segments(wanted: tuple[str, ...], lines: int, directory: Path) -> list[tuple[Path, str]]:
    """The newest segments of the source, so many records together, oldest first; each with its source id."""
    chosen: list[tuple[Path, str]] = []
    after: int | None = None
    for number in reversed(segments.segment_numbers(directory)):
        if lines <= 0:
            break
        path = segments.segment_path(directory, number)
        header, _ = segments.read_header(path)
        if _concerns(header.source_id, wanted):
            chosen.append((path, header.source_id))
            lines -= 0 if after is None else after - header.first_record
        after = header.first_record
    return chosen[::-1]


def _parts(source: Source) -> tuple[str, ...]:
    """The ids of the sources that it merges; its own if it is a single one."""
    parts: tuple[str, ...] = getattr(source, "parts", ())
    return parts or (source.source_id,)


def _concerns(source_id: str, wanted: tuple[str, ...]) -> bool:
    return source_id in wanted or source_id.startswith(f"{SEVERAL}-")


def _by_part(source_id: str, cursor: str | None, wanted: tuple[str, ...]) -> dict[str, str]:
    """The wanted sources' cursors in a cursor. A merged one is taken apart at any depth, unless it is wanted itself."""
    if not cursor:
        return {}
    if source_id in wanted:
        return {source_id: cursor}
    found: dict[str, str] = {}
    if source_id.startswith(f"{SEVERAL}-"):
        for part, each in cursors_of(apart(cursor)[1]).items():
            found |= _by_part(part, each, wanted)
    return found


def _line_of(source_id: str, cursor: str, wanted: tuple[str, ...]) -> tuple[str, str] | None:
    """Which of the wanted sources a line came from, and its cursor there; None: from another source."""
    while source_id not in wanted:
        if not cursor or not source_id.startswith(f"{SEVERAL}-"):
            return None
        source_id, cursor = list(cursors_of(apart(cursor)[1]).items())[-1]
    return source_id, cursor


def _last_cursor(path: Path) -> str | None:
    cursor = None
    for record in read_records(path, segments.read_header(path)[1]):
        cursor = record.cursor or cursor
    return cursor

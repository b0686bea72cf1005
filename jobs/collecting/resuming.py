"""Where a source goes on, by all that the spool has of it: read alone, or as one of several.

Only the headers of segments are read, and of a slug's newest segment the last cursor; of removed segments the cursors
that they left.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from collecting import segments
from collecting.cursors import Cursors
from collecting.lines import Line, Skipping, Source
from collecting.sources.selected import apart
from collecting.sources.several import SEVERAL, cursors_of


def cursor_for(source: Source, own: str | None, directory: Path) -> str | None:
    """The cursor to go on from.

    Args:
        source: as it is about to be read.
        own: the last cursor under its own slug.
        directory: the spool's; nothing of this source is appended yet.
    """
    wanted = _parts(source)
    found: dict[str, str] = {}
    for slug, cursors in _newest_cursors(wanted, directory):
        if slug == source.slug and not found:
            return own  # the newest of all that concerns it
        found = cursors | found
        if len(found) == len(wanted):
            break
    if not found:
        return own
    if wanted == (source.slug,):
        return found[source.slug]
    taken, _ = apart(own)
    cursor = json.dumps(_by_part(source.slug, own, wanted) | found)
    return f"taken={taken};{cursor}" if taken else cursor


def _newest_cursors(wanted: tuple[str, ...], directory: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Of each slug that concerns the source, the newest first: the last cursors of what is wanted of it."""
    seen: set[str] = set()
    for number in reversed(segments.segment_numbers(directory)):
        path = segments.segment_path(directory, number)
        slug = segments.read_header(path)[0].slug
        if slug not in seen and _concerns(slug, wanted) and (cursor := _last_cursor(path)):
            seen.add(slug)
            yield slug, _by_part(slug, cursor, wanted)
    for slug, cursor in Cursors(directory).newest_first():  # what is still there is newer: the oldest are removed first
        if slug not in seen and _concerns(slug, wanted):
            yield slug, _by_part(slug, cursor, wanted)


def held(source: Source, directory: Path) -> Iterator[Line]:
    """The last lines that the spool has of the source, as many as it asks for and some more, oldest first.

    Each has the cursor that the source would give it now.
    """
    wanted = _parts(source)
    for path, slug in _newest_segments(wanted, source.skips if isinstance(source, Skipping) else 0, directory):
        for record in segments.read_records(path, segments.read_header(path)[1]):
            if record.kind != segments.LINE:
                continue
            if slug == source.slug:
                yield Line(record.cursor, record.raw, record.dialect)
                continue
            if (found := _line_of(slug, record.cursor, wanted)) is not None:
                part, cursor = found
                own = cursor if wanted == (source.slug,) else json.dumps({part: cursor})
                yield Line(own, record.raw, record.dialect)


def _newest_segments(wanted: tuple[str, ...], lines: int, directory: Path) -> list[tuple[Path, str]]:
    """Segments that concern the source and hold so many records together, oldest first; each with its slug."""
    chosen: list[tuple[Path, str]] = []
    after: int | None = None
    for number in reversed(segments.segment_numbers(directory)):
        if lines <= 0:
            break
        path = segments.segment_path(directory, number)
        header, _ = segments.read_header(path)
        if _concerns(header.slug, wanted):
            chosen.append((path, header.slug))
            lines -= 0 if after is None else after - header.first_record
        after = header.first_record
    return chosen[::-1]


def _parts(source: Source) -> tuple[str, ...]:
    """The slugs of the sources that it is made of; of a single one its own."""
    parts: tuple[str, ...] = getattr(source, "parts", ())
    return parts or (source.slug,)


def _concerns(slug: str, wanted: tuple[str, ...]) -> bool:
    return slug in wanted or slug.startswith(f"{SEVERAL}-")


def _by_part(slug: str, cursor: str | None, wanted: tuple[str, ...]) -> dict[str, str]:
    """What a cursor says of the wanted sources. One of several is opened, however deep, unless it is wanted itself."""
    if not cursor:
        return {}
    if slug in wanted:
        return {slug: cursor}
    found: dict[str, str] = {}
    if slug.startswith(f"{SEVERAL}-"):
        for part, each in cursors_of(apart(cursor)[1]).items():
            found |= _by_part(part, each, wanted)
    return found


def _line_of(slug: str, cursor: str, wanted: tuple[str, ...]) -> tuple[str, str] | None:
    """Which of the wanted sources a line came from, and its cursor there; None: from another one."""
    while slug not in wanted:
        if not cursor or not slug.startswith(f"{SEVERAL}-"):
            return None
        slug, cursor = list(cursors_of(apart(cursor)[1]).items())[-1]
    return slug, cursor


def _last_cursor(path: Path) -> str | None:
    cursor = None
    for record in segments.read_records(path, segments.read_header(path)[1]):
        cursor = record.cursor or cursor
    return cursor

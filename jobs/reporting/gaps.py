"""Joins gaps for readers: messages that a network repeats minute by minute become one gap."""

from collections.abc import Iterable
from dataclasses import replace

from reporting.day_rows import Gap


def join_adjacent(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gaps; adjacent ones that control messages of one source and kind reported are joined.

    The last message stands for all: X's `limit` counts from the connection's start. The collector's own gaps stay.

    Args:
        gaps: by start, as sql/reporting/gaps.sql gives them.
    """
    done: list[Gap] = []
    going_on: dict[tuple[str, str], int] = {}
    for gap in gaps:
        key = (gap.source, gap.said or "")
        before = done[going_on[key]] if key in going_on else None
        if gap.said and gap.start and gap.end and before and before.end and gap.start <= before.end:
            done[going_on[key]] = replace(gap, start=before.start, end=max(before.end, gap.end), notes=before.notes + 1)
            continue
        if gap.said and gap.start:
            going_on[key] = len(done)
        done.append(gap)
    return tuple(done)

"""Gaps as people want to read them: what a network says minute by minute is one gap where it goes on."""

from collections.abc import Iterable
from dataclasses import replace

from reporting.day_rows import Gap


def join_adjacent(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """The gaps; those that control messages said are one where they are of one source and kind and touch.

    The last message speaks for all: X's `limit` counts from the connection's start. What the collector noted stays.

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

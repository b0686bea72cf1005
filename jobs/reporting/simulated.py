"""Whether a day's posts are real or simulated, by when each source was collected: the posts look the same."""

from datetime import datetime, timedelta
from enum import StrEnum

from contract.sources import SIMULATOR
from reporting.day_rows import DayBooks

_ARRIVAL = timedelta(minutes=10)
"""Arrivals are kept in steps of ten minutes; a post's own time may be that far ahead of them (docs/contracts.md)."""


class Simulated(StrEnum):
    """How much of a day is simulated."""

    NO = "no"
    PARTLY = "partly"  # the simulator and others were collected: the books cannot separate their posts
    YES = "yes"


NOTES = {
    Simulated.NO: "",
    Simulated.PARTLY: "Partly simulated: some of these posts may be made by Hashtide's simulator, not by people.",
    Simulated.YES: "Simulated posts: made by Hashtide's simulator, not by people.",
}
"""The line above everything else."""


def simulated(books: DayBooks, *, start: datetime, end: datetime) -> Simulated:
    """Judge the day [start, end) by the sources that can have brought its posts.

    A source can have, if it began before the last of them arrived and ended after the day's start: no post is written
    after it is collected. Without notes (another collector, a topic that others fill) nothing is claimed.
    """
    reach = books.position.processed_at
    if not books.every_post or reach is None:
        return Simulated.NO
    arrivals = books.arrivals
    known = arrivals.last is not None and arrivals.known == books.every_post
    last = arrivals.last + _ARRIVAL if known and arrivals.last else max(reach, end)
    kinds = {
        kind
        for each in books.collected
        if each.began_at < last and (each.ended_at is None or each.ended_at + _ARRIVAL > start)
        for kind in each.kinds
    }
    if SIMULATOR not in kinds:
        return Simulated.NO
    return Simulated.YES if kinds == {SIMULATOR} else Simulated.PARTLY

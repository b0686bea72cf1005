"""The geometry of the pictures: pure functions from counts to lengths; the templates only draw.

Widths are percentages, heights pixels, and no picture is scaled, so letters stay legible on a telephone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reporting.day_rows import Gap
from reporting.ranking import HOURS

PLOT_HEIGHT = 160
SPARK_WIDTH, SPARK_HEIGHT = 96, 22


@dataclass(frozen=True)
class Column:
    """One hour of the day: x and width in percent of the plot, y and height in pixels from its top."""

    hour: int
    posts: int
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True)
class Band:
    """A shaded time of the day: x and width in percent of the plot."""

    x: float
    width: float


@dataclass(frozen=True)
class Tick:
    """A line of the scale: value, and y in pixels from the plot's top."""

    value: int
    y: float


def bar_width(value: int, longest: int) -> float:
    """Length of a bar in percent of the longest."""
    return round(100 * value / longest, 2) if longest > 0 else 0.0


def ticks(largest: int, *, at_most: int = 4) -> list[int]:
    """The values of a scale from 0 to at least `largest`, in whole steps of 1, 2 or 5 times a power of ten."""
    step, factors = 1, (2.0, 2.5, 2.0)
    turn = 0
    while step * at_most < largest:
        step = int(step * factors[turn % len(factors)])
        turn += 1
    return list(range(0, max(largest, 1) + step, step))[: -(-max(largest, 1) // step) + 1]


def columns(hours: Sequence[int]) -> tuple[list[Column], list[Tick]]:
    """The posts of 24 hours as columns, and the lines of their scale."""
    scale = ticks(max(hours))
    top, slot = scale[-1], 100 / HOURS
    drawn = []
    for hour, posts in enumerate(hours):
        height = round(PLOT_HEIGHT * posts / top, 2)
        x, width = round(hour * slot + slot * 0.1, 3), round(slot * 0.8, 3)
        drawn.append(Column(hour, posts, x, width, round(PLOT_HEIGHT - height, 2), height))
    return drawn, [Tick(value, round(PLOT_HEIGHT * (1 - value / top), 2)) for value in scale]


def band(begins: datetime, ends: datetime, *, start: datetime) -> Band | None:
    """The part of [begins, ends) in the day from `start`; None if they do not overlap."""
    end = start + timedelta(days=1)
    begins, ends = max(begins, start), min(ends, end)
    if ends <= begins:
        return None
    whole = timedelta(days=1)
    return Band(round(100 * ((begins - start) / whole), 3), max(round(100 * ((ends - begins) / whole), 3), 0.2))


def gap_bands(gaps: Iterable[Gap], *, start: datetime) -> list[Band]:
    """The gaps with known times that touch the day; each wide enough to be seen."""
    drawn = [band(gap.start, gap.end or gap.noted_at, start=start) for gap in gaps if gap.start]
    return [found for found in drawn if found]


def sparkline(hours: Sequence[int]) -> str:
    """An SVG path of 24 small columns, the highest as high as the picture; an hour with one post stays visible."""
    largest, slot = max(hours), SPARK_WIDTH // HOURS
    path = []
    for hour, posts in enumerate(hours):
        if posts:
            height = max(round(SPARK_HEIGHT * posts / largest, 1), 1)
            path.append(f"M{hour * slot} {SPARK_HEIGHT}v-{height:g}h{slot - 1}v{height:g}z")
    return "".join(path)

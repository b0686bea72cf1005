"""The simulator as a source: its start, its rate, its cursor."""

import threading
import time
from datetime import UTC, datetime

import pytest

from collecting.source_api import Line, SourceError
from collecting.sources.simulator import SimulatorSource, parse_cursor
from simulation.settings import SimulationSettings
from tests.collecting.sources.reading import open_source

NOW_MS = 1_767_225_600_000


def first_lines(
    settings: SimulationSettings, number: int, after: str | None = None, now_ms: int = NOW_MS
) -> list[Line]:
    reading = SimulatorSource(settings, clock_ms=lambda: now_ms).read(after, threading.Event())
    return [item for item in (next(reading) for _ in range(number)) if isinstance(item, Line)]


def start_of(line: Line) -> int:
    return parse_cursor(line.cursor)[1]


def test_a_finite_flat_out_stream_ends_now() -> None:
    settings = SimulationSettings(posts=1000, rate=0.0, span_h=2)
    assert start_of(first_lines(settings, 1)[0]) == NOW_MS - 2 * 3_600_000


def test_a_start_that_is_given_is_kept() -> None:
    start = datetime(2026, 1, 31, tzinfo=UTC)
    assert start_of(first_lines(SimulationSettings(posts=9, rate=0.0, start=start), 1)[0]) == start.timestamp() * 1000


def test_a_finite_stream_keeps_the_start_it_once_had() -> None:
    settings = SimulationSettings(posts=1000, rate=0.0)
    whole = first_lines(settings, 10)
    assert first_lines(settings, 5, after=whole[4].cursor, now_ms=NOW_MS + 10**9) == whole[5:]


def test_an_endless_stream_is_the_present_whenever_it_goes_on() -> None:
    settings = SimulationSettings(rate=1000.0)
    last = first_lines(settings, 10)[-1]
    later = first_lines(settings, 1, after=last.cursor, now_ms=NOW_MS + 10**9)[0]
    made, start_ms = parse_cursor(later.cursor)
    assert made == 11
    assert start_ms == NOW_MS + 10**9 - 10 * 1


def test_comes_at_its_rate() -> None:
    begin = time.monotonic()
    first_lines(SimulationSettings(rate=100.0), 30)
    assert time.monotonic() - begin > 0.25


def test_without_a_rate_a_bounded_stream_is_flat_out_and_an_endless_one_paced() -> None:
    begin = time.monotonic()
    assert len(list(open_source("simulator:posts=2000").read(None, threading.Event()))) == 2000
    assert time.monotonic() - begin < 20
    assert SimulationSettings().rate == 50


@pytest.mark.parametrize("cursor", ["", "7", "a@b", "1@2@3", "0:1:2"])
def test_a_cursor_of_another_source_is_refused(cursor: str) -> None:
    with pytest.raises(SourceError, match="invalid cursor"):
        first_lines(SimulationSettings(), 1, after=cursor)

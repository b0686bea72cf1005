"""Paces, with a stop event that only remembers how long it was asked to wait."""

import threading

import pytest

from collecting.sources.pacing import MAX_RECORDED_WAIT_S, Pace, RecordedPace, event_time_s, pace_from


class Waits(threading.Event):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(round(timeout or 0, 3))
        return False


def at(ms: int) -> bytes:
    return b'{"timestamp_ms":"%d"}' % ms


def test_a_pace_spreads_lines_evenly_and_lets_a_late_one_through_at_once() -> None:
    now = [0.0]
    pace, waits = Pace(10, clock=lambda: now[0]), Waits()
    pace.wait(b"", waits)
    now[0] = 0.15
    pace.wait(b"", waits)
    now[0] = 0.9
    pace.wait(b"", waits)
    assert waits.asked == [0.1, 0.05]


def test_flat_out_waits_for_nothing() -> None:
    waits = Waits()
    pace_from("flat").wait(at(1), waits)
    assert waits.asked == []


def test_the_recorded_pace_is_the_posts_own_but_for_long_pauses_and_disorder() -> None:
    pace, waits = RecordedPace(), Waits()
    for raw in [at(1000), at(1250), at(1100), b"no json", at(1300), at(9_000_000)]:
        pace.wait(raw, waits)
    assert waits.asked == [0.25, 0.05, MAX_RECORDED_WAIT_S]


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        (b'{"created_at":"Wed Aug 27 13:08:45 +0000 2008"}', 1219842525.0),
        (b'{"created_at":"Wed Aug 27 13:08:45 +0000 2008","timestamp_ms":"1219842525999"}', 1219842525.999),
        (b'{"data":{"created_at":"2008-08-27T13:08:45.000Z"}}', 1219842525.0),
        (b'{"created_at":"yesterday"}', None),
        (b'{"created_at":7}', None),
        (b"plain text", None),
        (b"", None),
    ],
)
def test_a_line_says_when_it_was_made_or_does_not(raw: bytes, seconds: float | None) -> None:
    assert event_time_s(raw) == seconds


@pytest.mark.parametrize("pace", ["0", "-1", "inf", "nan", "fast", ""])
def test_an_invalid_pace_is_refused(pace: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        pace_from(pace)

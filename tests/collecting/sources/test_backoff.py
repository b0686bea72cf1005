"""Waits between tries."""

from datetime import UTC, datetime

from collecting.sources.backoff import LONGEST_ASKED_S, Backoff, asked_wait_s

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(1.0, 5.0, random=lambda: 1.0)
    assert [backoff.next_s() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next_s() == 1.0


def test_jitter_takes_up_to_half_of_the_wait() -> None:
    assert Backoff(4.0, 60.0, random=lambda: 0.0).next_s() == 2.0


def test_a_server_asks_by_seconds_by_a_date_or_by_the_time_of_its_reset() -> None:
    assert asked_wait_s({"Retry-After": "7"}, NOW) == 7
    assert asked_wait_s({"Retry-After": "Sat, 31 Jan 2026 12:00:30 GMT"}, NOW) == 30
    assert asked_wait_s({"X-RateLimit-Reset": "2026-01-31T12:05:00.000Z"}, NOW) == 300
    assert asked_wait_s({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)}, NOW) == 20


def test_what_is_no_time_is_no_wait_and_no_wait_is_negative_or_endless() -> None:
    assert asked_wait_s({}, NOW) is None
    assert asked_wait_s({"Retry-After": "soon", "X-RateLimit-Reset": "-"}, NOW) is None
    assert asked_wait_s({"X-RateLimit-Reset": "2026-01-31T11:00:00Z"}, NOW) == 0
    assert asked_wait_s({"Retry-After": "9999999"}, NOW) == LONGEST_ASKED_S

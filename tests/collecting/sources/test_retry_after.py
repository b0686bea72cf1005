"""How long a server asks us to stay away."""

from datetime import UTC, datetime

from collecting.sources.retry_after import LONGEST_ASKED_S, asked_wait_s

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


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

"""How long is waited before something is started again."""

from hashtide_airflow.backoff import poll_delay_s, restart_delay_s


def test_the_delay_doubles_with_every_failure_and_ends_at_five_minutes() -> None:
    assert [restart_delay_s(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_very_many_failures_are_no_overflow() -> None:
    assert restart_delay_s(10**6) == 300


def test_a_silent_service_is_asked_ever_more_seldom_but_at_least_twice_a_minute() -> None:
    assert [poll_delay_s(n, 2.0) for n in range(6)] == [2, 4, 8, 16, 30, 30]


def test_a_long_interval_stays_as_it_is() -> None:
    assert poll_delay_s(5, 60.0) == 60

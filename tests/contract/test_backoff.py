"""Waits between tries."""

from contract.backoff import Backoff, Retries


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success() -> None:
    retries = Retries(Backoff(1.0, 5.0), random=lambda: 1.0)
    assert [retries.next_s() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    retries.reset()
    assert retries.next_s() == 1.0


def test_jitter_takes_up_to_half_of_the_wait() -> None:
    assert Retries(Backoff(4.0, 60.0), random=lambda: 0.0).next_s() == 2.0


def test_without_jitter_chance_changes_nothing() -> None:
    backoff = Backoff(10.0, 300.0, jitter=0.0)
    assert [backoff.wait_s(failures, random=lambda: 0.0) for failures in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_any_number_of_failures_waits_the_longest() -> None:
    assert Backoff(10.0, 300.0, jitter=0.0).wait_s(10**6) == 300.0

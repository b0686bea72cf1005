"""A wish is kept until it is fulfilled, once, and is about what was started before it only."""

import threading
import time

import pytest

from contract.files import FileLock
from hashtide_airflow import stop_requests
from hashtide_airflow.stop_requests import StopRequest

WISH = StopRequest("collect_posts", "scheduled__1", 1000.0)


def test_it_means_what_was_started_before() -> None:
    assert WISH.applies_to(999.9)
    assert not WISH.applies_to(1000.1)


def test_without_a_stop_request_nothing_is_applied() -> None:
    with stop_requests.applying("collect_posts", 1) as wish:
        assert wish is None


def test_a_request_is_gone_once_applied() -> None:
    stop_requests.leave(WISH)
    with stop_requests.applying("count_posts", 1) as wish:
        assert wish is None
    with stop_requests.applying("collect_posts", 1) as wish:
        assert wish == WISH
    assert stop_requests.pending("collect_posts") is None


def test_a_request_stays_if_applying_it_failed() -> None:
    stop_requests.leave(WISH)
    with pytest.raises(OSError, match="away"), stop_requests.applying("collect_posts", 1):
        raise OSError("away")
    assert stop_requests.pending("collect_posts") == WISH


def test_a_later_one_that_comes_meanwhile_stays() -> None:
    later = StopRequest("collect_posts", "scheduled__2", 2000.0)
    stop_requests.leave(WISH)
    with stop_requests.applying("collect_posts", 1):
        stop_requests.leave(later)
    assert stop_requests.pending("collect_posts") == later


def test_of_two_processes_only_one_applies_a_request() -> None:
    stop_requests.leave(WISH)
    seen: list[StopRequest | None] = []

    def apply_request() -> None:
        with stop_requests.applying("collect_posts", 10) as wish:
            seen.append(wish)
            time.sleep(0.2)

    both = [threading.Thread(target=apply_request) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(seen, key=str) == [None, WISH]


def test_one_does_not_wait_for_ever_for_another() -> None:
    stop_requests.leave(WISH)
    with FileLock(stop_requests.FOLDER / "collect_posts.lock"), stop_requests.applying("collect_posts", 0.2) as wish:
        assert wish is None
    assert stop_requests.pending("collect_posts") == WISH


@pytest.mark.parametrize("text", ["", "{", "[]", '{"dag_id": 1}'])
def test_a_torn_file_requests_no_stop(text: str) -> None:
    stop_requests.leave(WISH)
    (stop_requests.FOLDER / "collect_posts.json").write_text(text)
    assert stop_requests.pending("collect_posts") is None

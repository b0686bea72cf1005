"""What is stopped for a wish, and what is left alone."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.files import FileLock
from contract.hadoop_rest import Unreachable
from hashtide_airflow import stop_requests, stopping
from hashtide_airflow.stop_requests import StopRequest
from tests.plugins.collectors import living
from tests.plugins.fake_hadoop import FakeHadoop

TAG = "hashtide-count-g1"


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the spool."""
    (tmp_path / "spool").mkdir()
    with living(tmp_path / "spool") as process:
        yield process


def test_the_collector_that_was_there_is_stopped_and_the_request_is_gone(collector: subprocess.Popen[bytes]) -> None:
    stop_requests.leave(StopRequest("collect_posts", "r", time.time()))
    assert stopping.apply_request("collect_posts")
    assert collector.wait(5) == -15
    assert stop_requests.pending("collect_posts") is None
    assert not stopping.apply_request("collect_posts")


def test_a_younger_collector_keeps_running_and_the_request_is_gone(collector: subprocess.Popen[bytes]) -> None:
    stop_requests.leave(StopRequest("collect_posts", "r", time.time() - 60))
    assert not stopping.apply_request("collect_posts")
    assert collector.poll() is None
    assert stop_requests.pending("collect_posts") is None


def test_what_another_container_cannot_stop_the_run_stops(
    collector: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_requests.leave(StopRequest("collect_posts", "r", time.time()))
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("contract.spool.lock.record_holder", lambda _: 0)  # nobody whom we could signal
        elsewhere.setattr("hashtide_airflow.hooks.collector.ASK_LIMIT_S", 0.3)
        with pytest.raises(TimeoutError, match=f"pid {collector.pid}"):
            stopping.apply_request("collect_posts")  # a stand-in that does not look for the file, as if it were stuck
    assert collector.poll() is None
    assert stopping.apply_request("collect_posts")
    assert collector.wait(5) == -15
    assert stop_requests.pending("collect_posts") is None


def test_no_collector_no_harm() -> None:
    stop_requests.leave(StopRequest("collect_posts", "r", time.time()))
    assert not stopping.apply_request("collect_posts")
    assert stop_requests.pending("collect_posts") is None


def test_the_stream_that_was_there_is_asked_to_stop(hadoop: FakeHadoop) -> None:
    hadoop.submit(TAG)
    stop_requests.leave(StopRequest("count_posts", "r", time.time() + 1))
    assert stopping.apply_request("count_posts")
    assert hadoop.applications[0]["finalStatus"] == "SUCCEEDED"
    assert stop_requests.pending("count_posts") is None


def test_a_younger_stream_is_not_and_meets_no_marker(hadoop: FakeHadoop) -> None:
    name = hadoop.submit(TAG)
    stop_requests.leave(StopRequest("count_posts", "r", time.time() - 60))
    assert not stopping.apply_request("count_posts")
    assert hadoop.active(TAG) == [name]
    assert hadoop.files == set()


def test_while_yarn_is_away_the_request_stays(hadoop: FakeHadoop) -> None:
    stop_requests.leave(StopRequest("count_posts", "r", time.time()))
    hadoop.silent = True
    with pytest.raises(Unreachable):
        stopping.apply_request("count_posts")
    assert stop_requests.pending("count_posts") is not None


def test_while_something_is_submitted_there_is_no_marker(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "SUBMIT_WITHIN_S", 0.3)
    hadoop.submit(TAG)
    with FileLock(stopping.submit_lock(1)), pytest.raises(TimeoutError, match="does not end"):
        stopping.stop_stream(1, lambda _: True)
    assert hadoop.files == set()

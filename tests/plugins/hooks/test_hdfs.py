"""The stop marker over WebHDFS."""

import pytest
import requests

from hashtide_airflow.hooks.hdfs import StopMarker
from tests.plugins.fake_hadoop import FakeHadoop


def test_it_is_put_found_and_removed(hadoop: FakeHadoop) -> None:
    marker = StopMarker(generation=3)
    assert not marker.exists()
    marker.put()
    assert hadoop.files == {"/hashtide/stop/generation=3"}
    assert marker.exists()
    assert marker.remove()
    assert not marker.remove()
    assert not marker.exists()


def test_putting_it_twice_does_no_harm(hadoop: FakeHadoop) -> None:
    StopMarker(1).put()
    StopMarker(1).put()
    assert len(hadoop.files) == 1


def test_an_hdfs_that_refuses_is_an_error(hadoop: FakeHadoop) -> None:
    hadoop.no_hdfs = True
    for ask in (StopMarker(1).put, StopMarker(1).exists, StopMarker(1).remove):
        with pytest.raises(requests.RequestException):
            ask()

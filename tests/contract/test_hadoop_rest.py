"""Requests to Hadoop's REST services: the active host, the user, the errors."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from contract.hadoop_access import Access
from contract.hadoop_rest import HadoopRest, Refused, Unreachable
from tests.plugins.fake_hadoop import FakeHadoop, serve

DEAD = "http://127.0.0.1:1"
LIST = ("GET", "/webhdfs/v1/x", {"op": "GETFILESTATUS"})


@pytest.fixture
def hadoop() -> Iterator[FakeHadoop]:
    with serve(FakeHadoop()) as fake:
        yield fake


@pytest.fixture
def second() -> Iterator[FakeHadoop]:
    with serve(FakeHadoop()) as fake:
        fake.files.add("/x")
        yield fake


def rest(*urls: str, user: str = "", **access: Any) -> HadoopRest:
    return HadoopRest(urls, Access(**access), user)


def test_a_host_on_standby_or_away_is_skipped(hadoop: FakeHadoop, second: FakeHadoop) -> None:
    hadoop.on_standby = True
    assert rest(hadoop.url, second.url).ask(*LIST).ok
    assert rest(DEAD, second.url).ask(*LIST).ok


def test_the_next_request_starts_with_the_host_that_answered(hadoop: FakeHadoop, second: FakeHadoop) -> None:
    hadoop.on_standby = True
    both = rest(hadoop.url, second.url)
    both.ask(*LIST)
    both.ask(*LIST)
    assert len(hadoop.asked) == 1
    hadoop.on_standby, second.on_standby = False, True  # they change places
    hadoop.files.add("/x")
    assert both.ask(*LIST).ok


def test_without_an_active_host_silence_is_reported_before_standby(hadoop: FakeHadoop) -> None:
    hadoop.on_standby = True
    with pytest.raises(Refused, match="StandbyException"):
        rest(hadoop.url, hadoop.url).ask(*LIST)
    with pytest.raises(requests.ConnectionError, match="port=1"):
        rest(hadoop.url, DEAD).ask(*LIST)


def test_an_error_carries_host_and_path(hadoop: FakeHadoop) -> None:
    hadoop.no_hdfs = True
    with pytest.raises(Refused) as refused:
        rest(hadoop.url).ask(*LIST)
    assert refused.value.url == f"{hadoop.url}/webhdfs/v1/x"
    with pytest.raises(Unreachable) as unreachable:
        rest(DEAD).ask(*LIST)
    assert unreachable.value.url == f"{DEAD}/webhdfs/v1/x"
    assert str(unreachable.value).startswith(f"{DEAD}/webhdfs/v1/x: ")


def test_an_accepted_status_is_an_answer(hadoop: FakeHadoop) -> None:
    assert rest(hadoop.url).ask(*LIST, accept=(404,)).status_code == 404


def test_a_refusal_does_not_move_on_to_the_next_host(hadoop: FakeHadoop, second: FakeHadoop) -> None:
    hadoop.no_hdfs = True
    with pytest.raises(Refused) as refused:
        rest(hadoop.url, second.url).ask(*LIST)
    assert refused.value.response is not None
    assert refused.value.response.status_code == 503
    assert second.asked == []


def test_the_user_is_sent_if_there_is_one(hadoop: FakeHadoop) -> None:
    hadoop.files.add("/x")
    rest(hadoop.url, user="tide").ask(*LIST)
    rest(hadoop.url).ask(*LIST)
    assert hadoop.asked == [f"GET {LIST[1]}?op=GETFILESTATUS&user.name=tide", f"GET {LIST[1]}?op=GETFILESTATUS"]


def test_the_header_against_forged_requests_is_sent(hadoop: FakeHadoop) -> None:
    hadoop.files.add("/x")
    rest(hadoop.url).ask(*LIST)
    assert "X-XSRF-HEADER" in hadoop.headers


def test_kerberos_without_its_libraries_says_where_to_read(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with pytest.raises(ValueError, match=r"see conf/README\.md"):
        rest(hadoop.url, auth="kerberos").ask(*LIST)
    assert hadoop.asked == []


def test_a_missing_ca_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"/nowhere\.pem is not there"):
        rest(DEAD, ca_file=Path("/nowhere.pem"))


@pytest.mark.parametrize("reason", ["timed out", "url: /x?op=OPEN&delegation=CANARY&offset=0 (timed out)"])
def test_no_delegation_token_is_in_an_errors_message(reason: str) -> None:
    error = Unreachable("http://datanode:9864/x?op=OPEN&delegation=CANARY&offset=0", reason)
    assert "CANARY" not in f"{error} {error.url}"
    assert "http://datanode:9864/x: " in str(error)

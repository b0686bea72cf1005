"""Whichever of a service's hosts is active."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from hashtide_airflow.hooks.rest import Rest
from hashtide_airflow.services import Access, Service
from tests.plugins.fake_hadoop import FakeHadoop, serve

DEAD = "http://127.0.0.1:1"
LIST = ("GET", "/webhdfs/v1/x", {"op": "GETFILESTATUS"})


@pytest.fixture
def second() -> Iterator[FakeHadoop]:
    with serve(FakeHadoop()) as fake:
        fake.files.add("/x")
        yield fake


def rest(*urls: str, user: str = "", **extra: object) -> Rest[Access]:
    return Rest(Service(urls, user, Access.model_validate(extra)))


def test_one_on_standby_or_away_is_passed_over(hadoop: FakeHadoop, second: FakeHadoop) -> None:
    hadoop.on_standby = True
    assert rest(hadoop.url, second.url).ask(*LIST).ok
    assert rest(DEAD, second.url).ask(*LIST).ok


def test_the_next_question_begins_with_the_host_that_answered(hadoop: FakeHadoop, second: FakeHadoop) -> None:
    hadoop.on_standby = True
    both = rest(hadoop.url, second.url)
    both.ask(*LIST)
    both.ask(*LIST)
    assert len(hadoop.asked) == 1
    hadoop.on_standby, second.on_standby = False, True  # they change places
    hadoop.files.add("/x")
    assert both.ask(*LIST).ok


def test_where_nobody_is_active_the_silence_is_told_before_the_standby(hadoop: FakeHadoop) -> None:
    hadoop.on_standby = True
    assert "StandbyException" in rest(hadoop.url, hadoop.url).ask(*LIST).text
    with pytest.raises(requests.ConnectionError, match="port=1"):
        rest(hadoop.url, DEAD).ask(*LIST)


def test_a_refusal_is_an_answer(hadoop: FakeHadoop, second: FakeHadoop) -> None:
    hadoop.no_hdfs = True
    assert rest(hadoop.url, second.url).ask(*LIST).status_code == 503
    assert second.asked == []


def test_a_user_is_named_where_there_is_one(hadoop: FakeHadoop) -> None:
    rest(hadoop.url, user="tide").ask(*LIST)
    rest(hadoop.url).ask(*LIST)
    assert hadoop.asked == [f"GET {LIST[1]}?op=GETFILESTATUS&user.name=tide", f"GET {LIST[1]}?op=GETFILESTATUS"]


def test_the_header_against_forged_requests_is_there(hadoop: FakeHadoop) -> None:
    rest(hadoop.url).ask(*LIST)
    assert "X-XSRF-HEADER" in hadoop.headers


def test_without_the_libraries_kerberos_is_refused_with_a_word_on_it(
    hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with pytest.raises(ValueError, match=r"see conf/README\.md"):
        rest(hadoop.url, auth="kerberos").ask(*LIST)
    assert hadoop.asked == []


def test_certificates_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match=r"/nowhere\.pem is not there"):
        rest(DEAD, ca_file=Path("/nowhere.pem"))

"""What is asked of the ResourceManager, and what its answers mean."""

import asyncio

import pytest

from contract.hadoop_rest import Unreachable
from hashtide_airflow.hooks.yarn import Application, YarnHook, applications_of, failures_in_a_row
from tests.plugins.fake_hadoop import FakeHadoop

TAG = "hashtide-count-g1"


def application(state: str, final_status: str, ran_s: float) -> Application:
    return Application("application_1_1", state, final_status, 1_000, 1_000 + int(ran_s * 1000), "", "")


RUNNING = Application("application_1_1", "RUNNING", "UNDEFINED", 1_000, 0, "", "")


def test_applications_come_newest_first_and_only_those_of_the_tag(hadoop: FakeHadoop) -> None:
    first = hadoop.submit(TAG)
    hadoop.submit("hashtide-count-g11")
    hadoop.end(first, "FAILED", "FAILED", diagnostics="no topic")
    third = hadoop.submit(TAG)
    found = YarnHook().applications(TAG)
    assert [(a.id, a.active) for a in found] == [(third, True), (first, False)]
    assert found[1].diagnostics == "no topic"


def test_the_async_question_gets_the_same_answer(hadoop: FakeHadoop) -> None:
    hadoop.submit(TAG)
    assert asyncio.run(YarnHook().find(TAG)) == YarnHook().applications(TAG)


def test_none_is_an_answer(hadoop: FakeHadoop) -> None:
    assert YarnHook().applications(TAG) == []
    assert hadoop.asked == [f"GET /ws/v1/cluster/apps?applicationTags={TAG}"]


def test_numbers_sort_as_numbers() -> None:
    rows = [{"id": f"application_17_{n}", "state": "RUNNING"} for n in ("9999", "10000")]
    assert [a.id for a in applications_of({"apps": {"app": rows}})] == ["application_17_10000", "application_17_9999"]


def test_silence_is_not_none(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    hadoop.silent = True
    with pytest.raises(Unreachable):
        YarnHook().applications(TAG)
    with pytest.raises(Unreachable):
        asyncio.run(YarnHook().find(TAG))
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_YARN", "http://127.0.0.1:1")
    with pytest.raises(Unreachable):
        YarnHook().applications(TAG)
    with pytest.raises(Unreachable):
        asyncio.run(YarnHook().find(TAG))


@pytest.mark.parametrize("answer", [None, [], {}, {"RemoteException": {}}, "login please"])
def test_somebody_elses_answer_is_silence_too(answer: object) -> None:
    with pytest.raises(Unreachable, match="not an answer"):
        applications_of(answer)


def test_killing_ends_it(hadoop: FakeHadoop) -> None:
    name = hadoop.submit(TAG)
    YarnHook().kill(name)
    assert YarnHook().applications(TAG)[0].state == "KILLED"


def test_failures_are_counted_back_to_the_last_that_did_well() -> None:
    failed, well = application("FAILED", "FAILED", 5), application("FINISHED", "SUCCEEDED", 3600)
    assert failures_in_a_row([]) == 0
    assert failures_in_a_row([RUNNING, failed]) == 0
    assert failures_in_a_row([failed, failed, well, failed]) == 2


def test_what_ran_for_ten_minutes_failed_for_a_new_reason() -> None:
    assert failures_in_a_row([application("FAILED", "FAILED", 600), application("FAILED", "FAILED", 5)]) == 1


def test_a_stream_that_ends_well_at_once_is_no_stream() -> None:
    at_once = application("FINISHED", "SUCCEEDED", 20)
    assert failures_in_a_row([at_once, at_once]) == 2


def test_a_killed_one_counts_as_failed() -> None:
    assert failures_in_a_row([application("KILLED", "KILLED", 5)]) == 1

"""`./hashtide recount`: one run, its question, its end."""

from typing import Any, cast

import pytest

from stack.commands import recount
from stack.commands.airflow_api import AirflowApi, AirflowAwayError, FailedTask, Run

BOOKS = {"records": 1200, "posts": 1000, "control": 1, "dead": 2, "gaps": 3, "duplicates": 194, "unread": 0}
SWITCHED = {"current": 2, "previous": 1, "books": [{"generation": 1, **BOOKS}, {"generation": 2, **BOOKS}]}
ASKED = {"plan": "success", "approve": "awaiting_input", "begin": ""}
WAITS = {"plan": "success", "approve": "success", "begin": "success", "wait": "up_for_reschedule"}


class Api:
    """Airflow, as far as the command asks it: the states of the tasks, one look after the other."""

    def __init__(self, *looks: dict[str, str], state: str = "success", unfinished: bool = False) -> None:
        self.looks, self.state, self.calls = list(looks), state, list[Any]()
        self.runs = [Run("recount_posts", "theirs", "running")] if unfinished else []

    def unfinished_runs(self, dag_id: str) -> list[Run]:
        assert dag_id == "recount_posts"
        return self.runs

    def unpause(self, _dag_id: str) -> bool:
        return True

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> Run:
        self.calls.append(conf)
        return Run(dag_id, "ours", "running")

    def run(self, dag_id: str, run_id: str) -> Run:
        return Run(dag_id, run_id, "running" if len(self.looks) > 1 else self.state)

    def task_states(self, _run: Run) -> dict[str, str]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def question(self, _run: Run, task_id: str) -> str:
        return f"the question of {task_id}"

    def answer(self, run: Run, task_id: str, option: str) -> None:
        self.calls.append((run.run_id, task_id, option))

    def result(self, _run: Run, task_id: str) -> dict[str, Any]:
        assert task_id == "switch"
        return SWITCHED

    def failed_tasks(self, run: Run) -> list[FailedTask]:
        return [FailedTask(run.dag_id, "plan", 1, ["ERROR recount: the topic no longer has all"])]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recount, "POLL_INTERVAL_S", 0.0)


def follow(api: Api, *, yes: bool = True) -> tuple[int, str]:
    lines: list[str] = []

    def agrees(question: str) -> bool:
        lines.append(question)
        return yes

    status = recount.run(cast(AirflowApi, api), {"of_less": False}, agrees, lines.append)
    return status, "\n".join(lines)


def test_after_a_yes_it_waits_for_the_switch_and_shows_both_books() -> None:
    api = Api(ASKED, ASKED, WAITS, {**WAITS, "wait": "success", "switch": "success"})
    status, said = follow(api)
    assert status == 0
    assert api.calls == [{"of_less": False}, ("ours", "approve", "Approve")]
    assert "the question of approve" in said
    assert "Reports and pages read generation 2." in said
    assert "posts               1,000         1,000" in said


def test_after_a_no_nothing_is_changed() -> None:
    api = Api(ASKED, {"plan": "success", "approve": "success", "begin": "skipped"})
    assert follow(api, yes=False) == (
        0,
        "plan        success\napprove     awaiting input\nthe question of approve\nNothing was changed.",
    )
    assert api.calls[-1] == ("ours", "approve", "Reject")


def test_a_run_that_is_under_way_is_followed() -> None:
    api = Api(WAITS, {**WAITS, "switch": "success"}, unfinished=True)
    assert follow(api)[0] == 0
    assert api.calls == []


def test_a_look_once_a_minute_is_one_line() -> None:
    looking = {**WAITS, "wait": "running"}
    _, said = follow(Api(WAITS, looking, WAITS, looking, {**WAITS, "switch": "success"}))
    assert said.count("wait  ") == 1


def test_a_refusal_is_said_with_its_reason() -> None:
    status, said = follow(Api({"plan": "running"}, {"plan": "failed"}, state="failed"))
    assert status == 1
    assert "✗ plan: ERROR recount: the topic no longer has all" in said


def test_airflow_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise AirflowAwayError("Airflow does not answer at http://h")

    monkeypatch.setattr(Api, "unfinished_runs", away)
    assert follow(Api({})) == (1, "✗ Airflow does not answer at http://h")

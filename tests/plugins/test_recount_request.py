"""The form of a recount."""

from typing import Any

import jinja2
import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from contract.job_requests import RecountRequest
from hashtide_airflow.recount_request import PARAMS, QUESTION, checked

HOSTILE: list[dict[str, Any]] = [{"of_less": "yes"}, {"instead_of": 1}, {"instead_of": "2; rm -rf /"}]


def by_the_form(values: dict[str, Any]) -> dict[str, Any]:
    params = ParamsDict(dict(PARAMS))
    params.update(values)
    return dict(params.validate())


def test_the_form_as_it_stands_is_a_request() -> None:
    assert checked(by_the_form({}), {}) == RecountRequest()


def test_both_fields_are_taken() -> None:
    given = {"of_less": True, "instead_of": 4}
    assert checked(by_the_form(given), given) == RecountRequest(of_less=True, instead_of=4)


@pytest.mark.parametrize("values", HOSTILE)
def test_the_form_refuses_it_before_there_is_a_run(values: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="Invalid input for param"):
        by_the_form(values)


@pytest.mark.parametrize("values", [*HOSTILE, {"generation": 3}])
def test_the_task_refuses_it_too(values: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match=next(iter(values))):
        checked(values, values)


class Task:
    """The result of the task before."""

    def __init__(self, **plan: Any) -> None:
        self.plan = {"current": 1, "next": 2, "under_way": False, "records": 12345, "lacking": [], **plan}

    def xcom_pull(self, *, task_ids: str) -> dict[str, Any]:
        assert task_ids == "plan"
        return self.plan


def question(**plan: Any) -> str:
    return str(jinja2.Template(QUESTION).render(ti=Task(**plan)))


def test_a_person_is_asked_with_what_it_costs() -> None:
    assert question() == (
        "Generation 2 counts the topic's 12,345 records from the beginning. "
        "Until it is whole, reports show generation 1, whose counting stops."
    )


def test_a_person_is_asked_whether_to_continue() -> None:
    assert question(under_way=True).startswith("The recount into generation 2 is continued. Until")


def test_a_person_sees_what_will_be_missing() -> None:
    lacking = question(lacking=["posts[0] begins at offset 8", "posts[1] does not exist"])
    assert lacking.endswith("in no report any more: posts[0] begins at offset 8; posts[1] does not exist.")

"""The form of a recount."""

from typing import Any

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from contract.job_requests import RecountRequest
from hashtide_airflow.recount_request import PARAMS, checked

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

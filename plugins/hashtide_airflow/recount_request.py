"""The form of a recount: checked before it can reach a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from contract.job_requests import RecountRequest
from hashtide_airflow.forms import checked_fields, params_of, refuse_unknown, validated

if TYPE_CHECKING:
    from airflow.sdk import Context

PARAMS = params_of(RecountRequest, instead_of={"type": ["null", "integer"], "minimum": 2})

QUESTION = """{% set plan = ti.xcom_pull(task_ids='plan') -%}
{% if plan.under_way %}The recount into generation {{ plan.next }} is continued.
{%- else %}Generation {{ plan.next }} counts the topic's {{ "{:,}".format(plan.records) }} records from the beginning.
{%- endif %} Until it is whole, reports show generation {{ plan.current }}, whose counting stops.
{%- if plan.lacking %} Then these are in no report any more: {{ plan.lacking | join("; ") }}.{% endif %}"""
"""What a person is asked, by the result of the task `plan`."""


def request_of(context: Context) -> RecountRequest:
    """What this run asks for. Raises AirflowFailException for anything that the form has not, or refuses."""
    return checked(dict(context["params"]), dict(context["dag_run"].conf or {}))


def checked(params: Mapping[str, Any], conf: Mapping[str, Any]) -> RecountRequest:
    """The request, if it is one; params are the form's fields, conf the run's."""
    refuse_unknown(conf, PARAMS)
    return validated(RecountRequest, checked_fields(params, PARAMS))

"""What may be asked of a collecting run by hand, and what is refused before it is a command."""

from typing import Any

import pytest
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from contract.source_address import SourceAddress, read_stored
from hashtide_airflow.collect_request import PARAMS, checked

HOSTILE: list[dict[str, Any]] = [
    {"source": "rumour"},
    {"source": "simulator; id"},
    {"source": "simulator\n"},
    {"source": "--help"},
    {"source": "file:/a b"},
    {"source": "x\x00"},
    # A form sends no token elsewhere and raises no budget.
    {"source": "x:url=http://elsewhere.example"},
    {"source": "x:terms=a,proxy=socks5://elsewhere.example"},
    {"source": "x:usd_day=1000"},
    {"source": "x:terms=a,budget_month=1000000"},
    {"source": ["jetstream"]},
    {"source": {"kind": "x", "keys": {"url": ["http://elsewhere.example"]}}},
    {"limit": 0},
    {"limit": "5; id"},
    {"limit": 1.5},
    {"minutes": 1441},
    {"terms": "rain\nsnow"},
    {"langs": "en;id"},
    {"langs": "$(id)"},
    {"box": "1,2,3"},
    {"box": "a,b,c,d"},
    {"located_only": "yes"},
]


def by_the_form(values: dict[str, Any]) -> dict[str, Any]:
    """As the API and the form check them, before there is a run."""
    fields: dict[str, Any] = {name: Param(**_arguments(param)) for name, param in PARAMS.items()}
    params = ParamsDict(fields)
    params.update(values)
    return dict(params.validate())


def _arguments(param: Param) -> dict[str, Any]:
    return {"default": param.value, "description": param.description, **param.schema}


def test_an_empty_form_is_a_plain_run() -> None:
    assert checked(by_the_form({}), {}).is_plain


def test_everything_asked_for_is_in_the_address() -> None:
    asked = {
        "source": "jetstream",
        "limit": 100,
        "minutes": 5,
        "terms": "rain, new snow",
        "hashtags": "wetter",
        "langs": "en, pt-br",
        "box": "-10.5, 40, 5, 60.25",
        "located_only": True,
    }
    request = checked(by_the_form(asked), asked)
    assert list(map(str, request.addresses(read_stored("simulator")))) == [
        "jetstream:terms=rain+new%20snow,hashtags=wetter,langs=en+pt-br,box=-10.5+40+5+60.25,located=1,limit=100,"
        "duration_s=300"
    ]


def test_without_a_source_the_usual_one_is_selected_from() -> None:
    request = checked({"minutes": 1}, {"minutes": 1})
    usual = read_stored('["jetstream", "x:geo=1,duration_s=9"]')
    assert list(map(str, request.addresses(usual))) == ["jetstream:duration_s=60", "x:geo=1,duration_s=60"]


@pytest.mark.parametrize("values", HOSTILE)
def test_the_form_refuses_it_before_there_is_a_run(values: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="Invalid input for param"):
        by_the_form(values)


@pytest.mark.parametrize("source", ["file:/a,,b", "x:terms=a,terms=b", "x:terms=%ff"])
def test_the_task_refuses_what_breaks_the_grammar(source: str) -> None:
    with pytest.raises(AirflowFailException, match="refused: source"):
        checked({"source": source}, {})


def test_a_key_in_percent_codes_is_no_key_when_the_collector_gets_it() -> None:
    request = checked({"source": "x:terms=a,%75rl=http://elsewhere.example"}, {})
    (address,) = request.addresses(read_stored("x:terms=b,budget_day=5"))
    assert str(address) == "x:url%3Dhttp://elsewhere.example,terms=a,budget_day=5"
    assert SourceAddress.parse(str(address)).keys.keys() == {"terms", "budget_day"}


@pytest.mark.parametrize("values", HOSTILE)
def test_the_task_refuses_it_too(values: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match=f"refused: {next(iter(values))}"):
        checked(values, values)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(AirflowFailException, match="unknown parameters \\['sauce'\\]"):
        checked({"sauce": "x"}, {"sauce": "x"})


@pytest.mark.parametrize("box", ["-190,0,1,1", "0,50,1,40", "0,0,0,91"])
def test_a_box_is_on_the_globe(box: str) -> None:
    with pytest.raises(AirflowFailException, match="refused: box"):
        checked({"box": box}, {"box": box})

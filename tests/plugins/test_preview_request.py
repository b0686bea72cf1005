"""What may be previewed, and what is refused before it is a command."""

from typing import Any

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException

from contract.job_requests import PreviewRequest
from hashtide_airflow import commands
from hashtide_airflow.preview_request import PARAMS, checked

HOSTILE: list[dict[str, Any]] = [
    {"mode": "drop"},
    {"source": "tcp:$(id):1"},
    {"source": "tcp:localhost"},
    {"source": "file:relative"},
    {"source": "file:/a b"},
    {"source": "kafka\n"},
    {"source": "hdfs://elsewhere/"},
    {"metric": "dead"},
    {"top": 0},
    {"top": "20"},
    {"seconds": 3601},
    {"words": "dirty"},
    {"retweets": "none"},
]


def by_the_form(values: dict[str, Any]) -> dict[str, Any]:
    params = ParamsDict(dict(PARAMS))
    params.update(values)
    return dict(params.validate())


def test_the_form_as_it_stands_is_a_request() -> None:
    assert checked(by_the_form({}), {}) == PreviewRequest(duration_s=60)


@pytest.mark.parametrize("source", ["kafka", "tcp:localhost:5555", "file:/data/posts.jsonl"])
def test_each_kind_of_source_is_taken(source: str) -> None:
    assert checked(by_the_form({"source": source}), {}).source == source


@pytest.mark.parametrize("values", HOSTILE)
def test_the_form_refuses_it_before_there_is_a_run(values: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="Invalid input for param"):
        by_the_form(values)


@pytest.mark.parametrize("values", HOSTILE)
def test_the_task_refuses_it_too(values: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match=f"refused: {next(iter(values))}"):
        checked(values, values)


def test_windows_with_holes_between_them_are_refused() -> None:
    with pytest.raises(AirflowFailException, match="would be in none"):
        checked({"window_s": 5, "slide_s": 10}, {})
    with pytest.raises(AirflowFailException, match="a window of 25 s is not a multiple of its slide of 10 s"):
        checked({"mode": "window", "window_s": 25, "slide_s": 10}, {})


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(AirflowFailException, match=r"unknown parameters \['sink'\]"):
        checked({"sink": "text:/etc"}, {"sink": "text:/etc"})


def test_the_command_says_everything_that_was_asked() -> None:
    request = PreviewRequest(mode="window", metric="word", top=5, words="clean", duration_s=60)
    command = commands.preview_command(request, "k:9092", "posts")
    assert command[1].endswith("/jobs/preview.py")
    assert " ".join(command[2:]) == (
        "--mode window --source kafka --metric word --top 5 --window-s 20 --slide-s 10 --duration-s 60"
        " --words clean --retweets full --sink console --bootstrap-servers k:9092 --topic posts --master local[2]"
    )

"""The logs that Docker does not have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stack.cluster.logs import driver_log, show_collector
from stack.config.endpoints import Endpoints
from stack.config.errors import StackError
from tests.http_answers import HttpAnswers

pytest_plugins = ["tests.http_answers"]
NOWHERE = Path("/nowhere")
APPS = "/ws/v1/cluster/apps?applicationTags=hashtide-count-g2"
DRIVER = "container_1_0002_03_000001"


@pytest.fixture
def endpoints(http_answers: HttpAnswers) -> Endpoints:
    nobody = Endpoints(NOWHERE, "", NOWHERE, "", "posts", "", "", "", NOWHERE, NOWHERE, NOWHERE, NOWHERE)
    return replace(nobody, resourcemanager_url=http_answers.url)


def app(server: HttpAnswers, number: int, container: str | None) -> dict[str, Any]:
    logs = {"amContainerLogs": f"{server.url}/node/containerlogs/{container}/hashtide"} if container else {}
    return {"id": f"application_1_{number:04}", "state": "ACCEPTED", "startedTime": number, **logs}


def told(contents: str) -> str:
    """A log as a NodeManager of Hadoop 3.5 wraps it."""
    header = "Container: container_1 on there:8041\nLogAggregationType: LOCAL\n=====\nLogType:stdout\nLogLength:3\n"
    trailer = "End of LogType:stdout.This log file belongs to a running container (container_1) and so …\n*****\n\n"
    return f"{header}LogContents:\n{contents}\n{trailer}"


def test_the_log_of_the_newest_driver_comes_from_its_node(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    apps = [app(http_answers, 2, DRIVER), app(http_answers, 1, "container_1_0001_01_000001")]
    http_answers.answers[APPS] = {"apps": {"app": apps}}
    logs = f"/ws/v1/node/containerlogs/{DRIVER}"
    http_answers.answers[f"{logs}/stdout?size=-1000000"] = told("one\ntwo\nthree\n")
    assert driver_log(endpoints, 2, 2) == "two\nthree\n"
    assert driver_log(endpoints, 2, 100) == "one\ntwo\nthree\n"
    assert driver_log(endpoints, 2, 0) == ""
    http_answers.answers[f"{logs}/stdout?size=-1000000"] = told("")
    http_answers.answers[f"{logs}/stderr?size=-1000000"] = told("Spark's words")
    assert driver_log(endpoints, 2, 100) == "Spark's words\n"


def test_what_is_not_there_yet_is_said(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    with pytest.raises(StackError, match=r"127\.0\.0\.1:[0-9]+ does not answer"):
        driver_log(endpoints, 2, 1)
    http_answers.answers[APPS] = {"apps": None}
    with pytest.raises(StackError, match="has not been submitted yet"):
        driver_log(endpoints, 2, 1)
    http_answers.answers[APPS] = {"apps": {"app": [app(http_answers, 2, None)]}}
    with pytest.raises(StackError, match="application_1_0002 is accepted and has no driver yet"):
        driver_log(endpoints, 2, 1)


def test_the_collectors_log_is_shown_from_its_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StackError, match="has not begun"):
        show_collector(tmp_path, 5, follow=False)
    (tmp_path / "collector.log").write_text("one\ntwo\n")
    assert show_collector(tmp_path, 1, follow=False) == 0
    assert capfd.readouterr().out == "two\n"

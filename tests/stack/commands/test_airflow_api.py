"""The client against a small server on loopback that speaks as much of Airflow's API as the client asks for."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stack.commands.airflow_api import AirflowApi, AirflowAwayError, AirflowRefusedError, Run


class FakeAirflow(ThreadingHTTPServer):
    """Keeps runs and pauses; `failures` holds statuses to answer with before anything else is looked at."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens: list[str] = []
        self.failures: list[int] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.unpaused: list[str] = []
        self.answers: list[Any] = []
        self.drop_trigger_answers = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeAirflow

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._route()

    do_POST = do_PATCH = do_GET  # noqa: N815

    def _answer(self, status: int, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _route(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        url = urlsplit(self.path)
        server = self.server
        if server.failures:
            self._answer(server.failures.pop(0), {"detail": "as the test asked"})
        elif url.path == "/auth/token":
            if body != {"username": "admin", "password": "pass word"}:
                self._answer(401, {"detail": "Invalid credentials"})
                return
            server.tokens.append(f"token-{len(server.tokens)}")
            self._answer(201, {"access_token": server.tokens[-1]})
        elif self.headers["Authorization"] != f"Bearer {server.tokens[-1]}":
            self._answer(401, {"detail": "Invalid JWT token"})
        else:
            self._api(self.command, url.path.removeprefix("/api/v2"), body, parse_qs(url.query))

    def _api(self, method: str, path: str, body: Any, query: dict[str, list[str]]) -> None:  # noqa: C901
        server = self.server
        if (method, path) == ("POST", "/dags/compact_counts/dagRuns"):
            if body["dag_run_id"] in server.runs:
                self._answer(409, {"detail": "exists"})
                return
            run = {"dag_id": "compact_counts", "dag_run_id": body["dag_run_id"], "state": "queued", "sent": body}
            server.runs[body["dag_run_id"]] = run
            if server.drop_trigger_answers:
                server.drop_trigger_answers -= 1
                self._answer(503, {"detail": "the answer was lost"})
                return
            self._answer(200, run)
        elif (method, path, body) == ("PATCH", "/dags/compact_counts", {"is_paused": False}):
            server.unpaused.append(path.rsplit("/", 1)[1])
            self._answer(200, {})
        elif path == "/dags/compact_counts/dagRuns":
            self._answer(200, {"dag_runs": [run for run in server.runs.values() if run["state"] in query["state"]]})
        elif path.endswith("/taskInstances"):
            failed = {"task_id": "compact", "state": "failed", "try_number": 2}
            self._answer(200, {"task_instances": [{"task_id": "ok", "state": "success", "try_number": 1}, failed]})
        elif path.endswith("/taskInstances/compact/logs/2"):
            events: list[dict[str, Any]] = [
                {"event": event} for event in ("::group::Log", "one", "", "at 1:00 ERROR two")
            ]
            events.append({"event": "Task failed", "error_detail": [{"exc_value": "status 1"}]})
            self._answer(200, {"content": events, "continuation_token": None})
        elif path.endswith("/taskInstances/approve/-1/hitlDetails"):
            server.answers.append(body)
            if len(server.answers) > 2:
                self._answer(409, {"detail": "answered already"})
            else:
                self._answer(200, {"body": "Really?"})
        elif path.endswith("/taskInstances/switch/xcomEntries/return_value"):
            self._answer(200, {"key": "return_value", "value": {"current": 2}})
        elif path.startswith("/dags/compact_counts/dagRuns/"):
            self._answer(200, server.runs[path.rsplit("/", 1)[1]])
        elif path == "/importErrors":
            error = {
                "filename": "broken.py",
                "stack_trace": "Traceback …\n  line\nNameError: name 'x' is not defined\n",
            }
            self._answer(200, {"import_errors": [error]})
        else:
            self._answer(404, {"detail": f"no {path}"})


@pytest.fixture
def airflow() -> Iterator[FakeAirflow]:
    server = FakeAirflow()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(airflow: FakeAirflow, tmp_path: Path) -> AirflowApi:
    return AirflowApi(airflow.url, login_file(tmp_path, "pass word"), retry_for_s=10)


def login_file(folder: Path, password: str) -> Path:
    file = folder / "admin"
    file.write_text(f"admin\n{password}\n")
    return file


def test_a_triggered_run_has_the_params_and_no_logical_date(api: AirflowApi, airflow: FakeAirflow) -> None:
    run = api.trigger("compact_counts", {"day": "2026-01-31"})
    sent = airflow.runs[run.run_id]["sent"]
    assert (sent["logical_date"], sent["conf"]) == (None, {"day": "2026-01-31"})
    assert not run.finished


def test_a_lost_answer_does_not_start_a_second_run(api: AirflowApi, airflow: FakeAirflow) -> None:
    airflow.drop_trigger_answers = 1
    api.trigger("compact_counts")
    assert len(airflow.runs) == 1


def test_logs_in_once_and_again_when_the_token_has_run_out(api: AirflowApi, airflow: FakeAirflow) -> None:
    api.unpause("compact_counts")
    api.unpause("compact_counts")
    assert airflow.tokens == ["token-0"]
    airflow.tokens.append("another, so that the client's is refused")
    api.unpause("compact_counts")
    assert airflow.tokens[-1] == "token-2"
    assert airflow.unpaused == ["compact_counts"] * 3


def test_a_wrong_password_is_reported_with_the_file_that_holds_it(airflow: FakeAirflow, tmp_path: Path) -> None:
    api = AirflowApi(airflow.url, login_file(tmp_path, "wrong"), retry_for_s=10)
    with pytest.raises(AirflowRefusedError, match=r"log in with .*admin: 401 Invalid credentials"):
        api.unpause("compact_counts")


def test_asks_again_after_a_5xx(api: AirflowApi, airflow: FakeAirflow) -> None:
    airflow.failures = [500, 503]
    assert api.unpause("compact_counts")


def test_gives_up_after_its_patience(airflow: FakeAirflow, tmp_path: Path) -> None:
    airflow.failures = [503] * 100
    with pytest.raises(AirflowAwayError, match="503"):
        AirflowApi(airflow.url, login_file(tmp_path, "pass word"), retry_for_s=0.5).unpause("compact_counts")


def test_an_unreachable_airflow_is_reported_with_its_address(tmp_path: Path) -> None:
    api = AirflowApi("http://127.0.0.1:1", login_file(tmp_path, "pass word"), retry_for_s=0.2)
    with pytest.raises(AirflowAwayError, match=r"does not answer at http://127\.0\.0\.1:1"):
        api.import_errors()


def test_a_dag_not_yet_parsed_is_not_unpaused(api: AirflowApi) -> None:
    assert not api.unpause("collect_posts")


def test_import_errors_name_the_file_and_the_last_line(api: AirflowApi) -> None:
    assert api.import_errors() == ["broken.py: NameError: name 'x' is not defined"]


def test_unfinished_runs_leave_out_what_has_ended(api: AirflowApi, airflow: FakeAirflow) -> None:
    first, second = api.trigger("compact_counts"), api.trigger("compact_counts")
    airflow.runs[first.run_id]["state"] = "success"
    assert api.run("compact_counts", first.run_id).finished
    assert [run.run_id for run in api.unfinished_runs("compact_counts")] == [second.run_id]


def test_a_failed_task_comes_with_the_end_of_its_log(api: AirflowApi) -> None:
    [failed] = api.failed_tasks(Run("compact_counts", "r", "failed"), log_lines=2)
    assert (failed.task_id, failed.try_number) == ("compact", 2)
    assert failed.log_tail == ["at 1:00 ERROR two", "Task failed: status 1"]
    assert failed.why == "at 1:00 ERROR two"


def test_a_tasks_question_is_answered_once(api: AirflowApi, airflow: FakeAirflow) -> None:
    run = api.trigger("compact_counts")
    assert api.question(run, "approve") == "Really?"
    api.answer(run, "approve", "Approve")
    api.answer(run, "approve", "Approve")  # somebody was faster
    assert airflow.answers == [None, {"chosen_options": ["Approve"]}, {"chosen_options": ["Approve"]}]


def test_states_and_results_of_tasks_are_read(api: AirflowApi) -> None:
    run = api.trigger("compact_counts")
    assert api.task_states(run) == {"ok": "success", "compact": "failed"}
    assert api.result(run, "switch") == {"current": 2}

"""What a person does in Airflow's UI, by the same REST calls, and what then runs."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

TASKS = {"collect_posts": "collect", "count_posts": "count"}
WITHIN_S = 300.0


class Buttons:
    """Airflow's buttons on the two leases of one stack."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = json.loads((home / "ports.json").read_text())
        self.airflow = f"http://127.0.0.1:{self.ports['airflow']}"
        user, password = (home / "secrets" / "airflow_admin").read_text().split()
        login = requests.post(
            f"{self.airflow}/auth/token", json={"username": user, "password": password}, timeout=60
        ).json()
        self.headers = {"Authorization": f"Bearer {login['access_token']}"}

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """One call, whatever its answer."""
        url = f"{self.airflow}/api/v2/dags/{path}"
        return requests.request(method, url, json=body, headers=self.headers, timeout=60)

    def run_id(self, dag: str) -> str:
        """The run that is at work, else the last one."""
        found = self.ask("GET", f"{dag}/dagRuns?order_by=-start_date&limit=5&state=running").json()["dag_runs"]
        found = found or self.ask("GET", f"{dag}/dagRuns?order_by=-start_date&limit=1").json()["dag_runs"]
        return str(found[0]["dag_run_id"]) if found else ""

    def task(self, dag: str, run: str = "") -> tuple[str | None, int]:
        """State and try of the lease's task."""
        run = run or self.run_id(dag)
        found = self.ask("GET", f"{dag}/dagRuns/{run}/taskInstances/{TASKS[dag]}").json()
        return found.get("state"), found.get("try_number", 0)

    def pause(self, dag: str, paused: bool) -> None:
        assert self.ask("PATCH", dag, {"is_paused": paused}).ok

    def mark_task(self, dag: str, state: str) -> None:
        path = f"{dag}/dagRuns/{self.run_id(dag)}/taskInstances/{TASKS[dag]}"
        assert self.ask("PATCH", path, {"new_state": state}).ok

    def mark_run(self, dag: str, state: str) -> None:
        assert self.ask("PATCH", f"{dag}/dagRuns/{self.run_id(dag)}", {"state": state}).ok

    def clear(self, dag: str) -> None:
        body = {"dry_run": False, "dag_run_id": self.run_id(dag), "task_ids": [TASKS[dag]], "only_failed": False}
        assert self.ask("POST", f"{dag}/clearTaskInstances", body).ok

    def trigger(self, dag: str, conf: dict[str, Any]) -> requests.Response:
        return self.ask("POST", f"{dag}/dagRuns", {"logical_date": None, "conf": conf})

    def set_variable(self, name: str, value: str) -> None:
        """As the stack keeps them: in a file that is read at each use."""
        path = self.home / "airflow" / "variables.json"
        path.with_suffix(".new").write_text(json.dumps({**json.loads(path.read_text()), name: value}))
        path.with_suffix(".new").replace(path)

    def applications(self) -> dict[str, str]:
        """YARN's: name → `RUNNING`, `ACCEPTED` …, or how it ended."""
        url = f"http://127.0.0.1:{self.ports['resourcemanager_http']}/ws/v1/cluster/apps"
        answer = requests.get(url, params={"applicationTags": "hashtide-count-g1"}, timeout=60).json()
        rows = (answer["apps"] or {}).get("app", [])
        return {row["id"]: row["state"] if row["finishedTime"] == 0 else row["finalStatus"] for row in rows}

    def working(self, dag: str) -> str:
        """What the lease is on: the application's name or the collector's pid; empty where nothing works."""
        if dag == "count_posts":
            return " ".join(name for name, state in self.applications().items() if state in ("ACCEPTED", "RUNNING"))
        state = json.loads((self.home / "spool" / "state.json").read_bytes())
        return str(state["pid"]) if state["status"] == "running" else ""

    def source(self) -> str:
        """What the collector said last that it reads."""
        return " ".join(json.loads((self.home / "spool" / "state.json").read_bytes())["source"])

    def purple(self, dag: str, *, not_run: str = "", least_try: int = 1) -> bool:
        """Whether the lease watches: in another run than that one, at that try at least."""
        run = self.run_id(dag)
        state, tries = self.task(dag, run) if run else (None, 0)
        return run != not_run and state == "deferred" and tries >= least_try and bool(self.working(dag))


def wait_until(true: Callable[[], bool], what: str, within_s: float = WITHIN_S) -> None:
    """Look every second."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(1)

"""Restarts: what counts as one, and that the tally outlives supervisord."""

from pathlib import Path
from typing import Any

import pytest

from stack.daemons.restarts import Restarts, counted, read, revive, write


def test_an_exit_and_a_failed_start_count() -> None:
    tally = counted({}, "PROCESS_STATE_EXITED", "kafka", 1.0)
    tally = counted(tally, "PROCESS_STATE_BACKOFF", "kafka", 2.0)
    assert tally == {"kafka": Restarts(2, 2.0)}


def test_giving_up_is_not_one_more() -> None:
    tally = {"kafka": Restarts(3, 1.0)}
    assert counted(tally, "PROCESS_STATE_FATAL", "kafka", 2.0) == tally


def test_each_service_has_its_own_count() -> None:
    tally = counted({"kafka": Restarts(3, 1.0)}, "PROCESS_STATE_EXITED", "namenode", 2.0)
    assert tally == {"kafka": Restarts(3, 1.0), "namenode": Restarts(1, 2.0)}


def test_the_tally_comes_back_from_its_file(tmp_path: Path) -> None:
    tally = {"kafka": Restarts(3, 1.5)}
    write(tmp_path / "restarts.json", tally)
    assert read(tmp_path / "restarts.json") == tally


@pytest.mark.parametrize("text", [None, "", '{"kafka": {"count"', '{"kafka": {"number": 1}}'])
def test_a_missing_or_torn_tally_begins_anew(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "restarts.json"
    if text is not None:
        path.write_text(text)
    assert read(path) == {}


class _Supervisord:
    """Answers as supervisord's RPC does; remembers what was started."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.started: list[str] = []

    @property
    def supervisor(self) -> "_Supervisord":
        return self

    def getProcessInfo(self, name: str) -> dict[str, Any]:  # noqa: N802 - supervisord's own name
        return {"name": name, "statename": self.state}

    def startProcess(self, name: str, wait: bool) -> None:  # noqa: N802
        assert not wait
        self.started.append(name)


def test_a_service_that_supervisord_gave_up_is_started_again() -> None:
    rpc = _Supervisord("FATAL")
    revive(rpc, "kafka")
    assert rpc.started == ["services:kafka"]


@pytest.mark.parametrize("state", ["STOPPED", "RUNNING"])
def test_a_service_that_was_stopped_or_runs_again_is_left_alone(state: str) -> None:
    rpc = _Supervisord(state)
    revive(rpc, "kafka")
    assert rpc.started == []

"""The collector's own process on X, killed and started again. Kafka is away: what it writes is in the spool."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from collecting.spool.spool import Spool
from contract.spool.position import NOWHERE
from tests.collecting.sources.x.x_reading import CANARY, give_token
from tests.fakes.x_server import FakeX

REPO = Path(__file__).resolve().parents[4]


@pytest.fixture
def x(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeX]:
    give_token(tmp_path, monkeypatch)
    with FakeX(token=CANARY, keep_alive_s=0.1) as server:
        yield server


class Collecting:
    """`collect.py` as a process, its output in files."""

    def __init__(self, folder: Path, x: FakeX, more: str = "") -> None:
        self.spool = folder / "spool"
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, REPO / "jobs" / "collect.py"),
                    *("--source", f"x:terms=rain,silence_s=2,url={x.url}{more}"),
                    *("--spool", self.spool, "--bootstrap-servers", "127.0.0.1:1"),
                ],
                stdout=log,
                stderr=log,
                env={key: value for key, value in os.environ.items() if "proxy" not in key.lower()},
            )

    def state(self) -> dict[str, Any]:
        path = self.spool / "state.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def until(self, done: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + 30
        while not done(self.state()):
            assert time.monotonic() < deadline, (self.state(), self.log.read_text())
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def records(self) -> list[bytes]:
        spool = Spool(self.spool, budget_bytes=2**30)
        try:
            return [record.raw for _, _, record in spool.read(NOWHERE)]
        finally:
            spool.close()


def post(number: int) -> bytes:
    return b'{"data":{"id":"%d","text":"rain"}}' % number


def test_after_a_kill_and_restart_each_line_is_there_once_and_the_gap_is_recorded(x: FakeX, tmp_path: Path) -> None:
    first = Collecting(tmp_path, x, ",budget_day=1000")
    x.wait_for_connection()
    for n in range(30):
        x.feed(post(n))
    first.until(lambda state: state.get("lines_read") == 30)
    first.end(signal.SIGKILL)
    killed_at = time.time()
    x.wait_until_free()
    spent = json.loads((first.spool / "x-spend.json").read_text())["day"]["posts"]
    assert 30 <= spent <= 40
    second = Collecting(tmp_path, x, ",budget_day=1000")
    back_at = x.wait_for_connection(after=1).opened_at
    x.feed(post(30))
    second.until(lambda state: state.get("lines_read") == 31)
    assert second.end() == 0
    records = second.records()
    assert [raw for raw in records if b'"data"' in raw] == [post(n) for n in range(31)]
    [gap] = [json.loads(raw)["hashtide"]["gap"] for raw in records if b'"gap"' in raw]
    assert gap["why"] == "the collector was not running"
    assert datetime.fromisoformat(gap["from"]).timestamp() <= killed_at
    assert datetime.fromisoformat(gap["to"]).timestamp() >= back_at
    assert json.loads((first.spool / "x-spend.json").read_text())["day"]["posts"] == spent + 1


def test_what_holds_it_up_is_in_the_state_and_the_token_in_nothing(x: FakeX, tmp_path: Path) -> None:
    x.refuse(429, reset_in_s=600, body={"title": f"Bearer {CANARY} is too fast"})
    collecting = Collecting(tmp_path, x)
    collecting.until(lambda state: "is too fast: next try in" in (state.get("error") or ""))
    assert collecting.state()["status"] == "running"
    assert collecting.end() == 0
    x.refuse(403, body={"title": "Forbidden", "detail": f"no {CANARY}"})
    refused = Collecting(tmp_path, x)
    refused.until(lambda state: "X forbids it to this key" in (state.get("error") or ""))
    assert refused.end() == 1
    assert refused.state()["status"] == "failed"
    written = b"".join(path.read_bytes() for path in [collecting.log, *collecting.spool.iterdir()])
    assert b"***" in written
    assert CANARY.encode() not in written


def test_a_token_that_others_can_read_fails_at_once(x: FakeX, tmp_path: Path) -> None:
    (tmp_path / "x.token").chmod(0o644)
    collecting = Collecting(tmp_path, x)
    assert collecting.process.wait(30) == 1
    assert "has mode 0644" in collecting.state()["error"]
    assert x.requests == []

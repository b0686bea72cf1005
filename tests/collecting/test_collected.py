"""Which kinds of sources were collected is known before any record is published."""

import json
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]


def noted(directory: Path) -> list[tuple[str, list[str]]]:
    lines = map(json.loads, (directory / "collected.jsonl").read_text().splitlines())
    return [(line["began_at"], line["kinds"]) for line in lines]


def test_the_collector_writes_it_before_it_publishes(tmp_path: Path) -> None:
    """Nobody listens there, so nothing is published; and `auto` has decided what it is."""
    (tmp_path / "auto.json").write_text('{"chosen": "simulator"}')
    words = [
        "--source",
        "auto",
        "--source",
        "tcp:127.0.0.1:1",
        "--spool",
        str(tmp_path),
        "--bootstrap-servers",
        "127.0.0.1:1",
    ]
    command = [sys.executable, str(REPO / "jobs" / "collect.py"), *words, "--duration", "1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as collector:
        try:
            for _ in range(300):
                if (tmp_path / "collected.jsonl").exists():
                    break
                collector.poll()
                if collector.returncode is not None:
                    break
                time.sleep(0.1)
        finally:
            collector.kill()
    assert [kinds for _, kinds in noted(tmp_path)] == [["simulator", "tcp"]]

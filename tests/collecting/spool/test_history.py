"""Which kinds of sources a spool has held: a line a change, and it is there before any record is published."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collecting.spool.history import note_kinds

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
REPO = Path(__file__).resolve().parents[3]


def noted(directory: Path) -> list[tuple[str, list[str]]]:
    lines = map(json.loads, (directory / "collected.jsonl").read_text().splitlines())
    return [(line["began_at"], line["kinds"]) for line in lines]


def test_only_a_change_is_written_down(tmp_path: Path) -> None:
    for hours, kinds in enumerate([["simulator"], ["simulator"], ["x", "mastodon", "x"], ["mastodon", "x"], ["file"]]):
        note_kinds(tmp_path, kinds, NOW + timedelta(hours=hours))
    assert noted(tmp_path) == [
        ("2026-01-31T12:00:00.000+00:00", ["simulator"]),
        ("2026-01-31T14:00:00.000+00:00", ["mastodon", "x"]),
        ("2026-01-31T16:00:00.000+00:00", ["file"]),
    ]


def test_a_line_that_was_torn_is_replaced(tmp_path: Path) -> None:
    note_kinds(tmp_path, ["simulator"], NOW)
    with (tmp_path / "collected.jsonl").open("a") as file:
        file.write('{"began_at": "2026-01-31T13:00:00.000+00:00", "kin')
    note_kinds(tmp_path, ["x"], NOW + timedelta(hours=2))
    assert [kinds for _, kinds in noted(tmp_path)] == [["simulator"], ["x"]]


@pytest.mark.parametrize("line", ["not JSON", "[]", '{"began_at": "2026-01-31T12:00:00+00:00"}', "\0\0"])
def test_a_last_line_that_can_not_be_read_keeps_no_collector_from_starting(tmp_path: Path, line: str) -> None:
    (tmp_path / "collected.jsonl").write_text(line + "\n")
    note_kinds(tmp_path, ["x"], NOW)
    first, second = (tmp_path / "collected.jsonl").read_text().splitlines()
    assert (first, json.loads(second)["kinds"]) == (line, ["x"])


def test_a_new_file_outlives_a_power_cut_name_and_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    note_kinds(tmp_path, ["x"], NOW)
    assert synced == [tmp_path / "collected.jsonl", tmp_path]


def test_the_collector_writes_it_before_it_publishes(tmp_path: Path) -> None:
    """Nobody listens there, so nothing is published; and `auto` has decided what it is."""
    (tmp_path / "auto.json").write_text('{"chosen": "simulator"}')
    words = ["--source", "auto tcp:127.0.0.1:1", "--spool", str(tmp_path), "--bootstrap-servers", "127.0.0.1:1"]
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

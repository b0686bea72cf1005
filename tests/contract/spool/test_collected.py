"""Which kinds of sources a spool has held: a line a change, and it is there before any record is published."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.spool.collected import Collected, note_kinds, read_collected

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


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


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_collected(tmp_path) == []
    note_kinds(tmp_path, ["x", "file"], NOW)
    assert read_collected(tmp_path) == [Collected(NOW, ("file", "x"))]

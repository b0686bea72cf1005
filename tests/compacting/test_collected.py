"""The collector's notes of its sources, in the books before anything that they brought."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compacting.collected import read_collected
from compacting.compaction import CompactSettings, compact
from compacting.count_log import CountLogReader
from tests.compacting.running import TERMS
from tests.compacting.stream import START, Stream, random_events
from tests.postgres import Database, execute

FIRST = '{"began_at": "2026-01-31T12:00:00.000+00:00", "kinds": ["simulator"]}\n'
SECOND = '{"began_at": "2026-01-31T14:00:00.000+00:00", "kinds": ["mastodon", "x"]}\n'


def compacted(database: Database, stream: Stream, spool: Path | None) -> list[tuple[object, ...]]:
    stream.write(random_events(random.Random(1), START, 5, TERMS))  # noqa: S311
    settings = CompactSettings(dsn=database.compactor, keep_days=36500, spool=spool)
    compact(settings, CountLogReader(stream.url, 1), START)
    return execute(database.reader, "select began_at, kinds from collected order by began_at")


@pytest.mark.postgres
def test_each_note_is_entered_once(database: Database, stream: Stream, tmp_path: Path) -> None:
    notes = tmp_path / "collected.jsonl"
    notes.write_text(FIRST)
    first = (datetime(2026, 1, 31, 12, tzinfo=UTC), ["simulator"])
    assert compacted(database, stream, tmp_path) == [first]
    notes.write_text(FIRST + SECOND)
    assert compacted(database, stream, tmp_path) == [first, (datetime(2026, 1, 31, 14, tzinfo=UTC), ["mastodon", "x"])]


@pytest.mark.postgres
def test_a_compaction_without_the_spool_knows_nothing_and_compacts(
    database: Database, stream: Stream, tmp_path: Path
) -> None:
    assert compacted(database, stream, None) == []
    assert compacted(database, stream, tmp_path / "nowhere") == []


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"began_at": "yesterday", "kinds": []}', '{"kinds": ["x"]}'])
def test_an_unreadable_line_is_logged_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str) -> None:
    (tmp_path / "collected.jsonl").write_text(f"{line}\n{SECOND}")
    assert read_collected(tmp_path) == '[{"began_at": "2026-01-31T14:00:00+00:00", "kinds": ["mastodon", "x"]}]'
    assert "collected.jsonl line 1 can't be read" in caplog.text

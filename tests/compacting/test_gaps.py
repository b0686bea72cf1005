"""A gap is never lost, whatever its note says."""

from datetime import UTC, datetime

import pytest

from compacting.gaps import GapDetails, parse_gap

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_note_with_times_is_read() -> None:
    note = '{"source": "x", "from": "2026-01-01T12:00:00Z", "to": "2026-01-01T14:00:00+02:00", "why": "disconnected"}'
    assert parse_gap(note) == GapDetails("x", NOON, NOON, "disconnected")


@pytest.mark.parametrize(
    "cursor", ['"20260101"', '"1725519626134432"', "17", "null", "[]", '"2026-13-99"', '"0001-01-01T00:00+23:00"']
)
def test_a_cursor_is_no_time(cursor: str) -> None:
    assert parse_gap(f'{{"source": "x", "from": {cursor}, "why": "w"}}') == GapDetails("x", None, None, "w")


@pytest.mark.parametrize("note", ["", "not JSON", "[1]", "{}", '{"why": 3}', "[" * 10_000 + "]" * 10_000])
def test_a_note_that_can_not_be_read_is_its_own_reason(note: str) -> None:
    assert parse_gap(note) == GapDetails("", None, None, note)


def test_what_json_can_escape_and_postgres_can_not_hold_is_replaced() -> None:
    assert parse_gap('{"source": "a\\u0000b", "why": "\\ud83d"}') == GapDetails("a�b", None, None, "?")

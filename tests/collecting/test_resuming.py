"""One source alone, then beside others, then alone again: nothing twice and nothing left out."""

import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting import resuming
from collecting.filtering.filtered import FilteredSource
from collecting.filtering.selection import Selection
from collecting.source_api import Item, Line, Source
from collecting.sources.jetstream.source import JetstreamSource
from collecting.sources.mastodon.source import MastodonSource
from collecting.sources.merged import MergedSource
from collecting.spool.spool import Spool
from contract.source_address import SourceAddress
from contract.spool.cursors import remember_cursor
from tests.collecting.repeating import WithoutRepeats
from tests.collecting.sources.reading import open_source


class Numbers:
    """Lines `SLUG0`, `SLUG1` … up to `until`, an attribute of the class of all; repeats what is asked for."""

    replayable = True

    def __init__(self, source_id: str, until: int, *, overlap: int = 0) -> None:
        self.source_id = source_id
        self.cursor_inclusive = overlap > 0
        self._until = until
        self._overlap = overlap

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        first = 0 if after is None else max(int(after) + 1 - self._overlap, 0)
        for number in range(first, self._until):
            if stop.is_set():
                return
            yield Line(str(number), f"{self.source_id}{number}".encode(), "text")


def opened(until: int, *slugs: str, overlap: int = 0, limit: int | None = None) -> Source:
    sources: list[Source] = [Numbers(source_id, until, overlap=overlap) for source_id in slugs]
    singles = [FilteredSource(WithoutRepeats(each) if overlap else each, Selection()) for each in sources]
    whole = singles[0] if len(singles) == 1 else MergedSource(list(singles))
    return FilteredSource(whole, Selection(limit=limit))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path, budget_bytes=2**26)
    yield made
    made.close()


def collect(spool: Spool, source: Source) -> list[bytes]:
    """Reads it to its end, as the collector does; what was taken."""
    from collecting.collector import Collector
    from collecting.publish.producer import ProducerSettings
    from collecting.publish.publisher import Publisher

    publisher = Publisher(spool, ProducerSettings("127.0.0.1:9", "t"))
    collector = Collector((SourceAddress("address"),), source, spool, publisher)
    before = spool.lines_read
    collector._reader.run(threading.Event())
    assert collector._reader.error is None
    taken = [record.raw for _, _, record in spool.read(spool.acked) if record.kind == 0]
    return taken[before:]


def numbers(source_id: str, begin: int, end: int) -> list[bytes]:
    return [f"{source_id}{number}".encode() for number in range(begin, end)]


@pytest.mark.parametrize("overlap", [0, 3], ids=["exclusive", "inclusive"])
def test_each_source_goes_on_where_it_was_last_read_in_whatever_company(spool: Spool, overlap: int) -> None:
    assert collect(spool, opened(5, "a", overlap=overlap)) == numbers("a", 0, 5)
    assert sorted(collect(spool, opened(8, "a", "b", overlap=overlap))) == numbers("a", 5, 8) + numbers("b", 0, 8)
    assert collect(spool, opened(10, "a", overlap=overlap)) == numbers("a", 8, 10)
    assert sorted(collect(spool, opened(12, "c", "a", "b", overlap=overlap))) == sorted(
        numbers("a", 10, 12) + numbers("b", 8, 12) + numbers("c", 0, 12)
    )
    assert sorted(collect(spool, opened(13, "a", "b", overlap=overlap))) == numbers("a", 12, 13) + numbers("b", 12, 13)
    assert collect(spool, opened(14, "c", overlap=overlap)) == numbers("c", 12, 14)


def test_a_limit_of_all_together_is_of_this_company_only(spool: Spool) -> None:
    collect(spool, opened(5, "a"))
    assert len(collect(spool, opened(20, "a", "b", limit=7))) == 7
    collect(spool, opened(30, "a"))
    assert len(collect(spool, opened(40, "a", "b", limit=10))) == 3


def test_a_source_that_the_spool_does_not_know_begins(spool: Spool) -> None:
    collect(spool, opened(5, "a"))
    assert collect(spool, opened(5, "b")) == numbers("b", 0, 5)


def test_its_own_cursor_is_taken_as_it_is_where_nothing_newer_concerns_it(spool: Spool) -> None:
    collect(spool, opened(5, "a", "b"))
    source = opened(5, "a", "b")
    own = json.dumps({"a": "0"})
    assert resuming.cursor_for(source, own, spool.directory) == own
    collect(spool, opened(5, "x"))
    assert resuming.cursor_for(source, own, spool.directory) == own


def test_what_the_spool_has_is_reported_with_todays_cursors(spool: Spool) -> None:
    collect(spool, opened(3, "a", overlap=1))
    collect(spool, opened(5, "a", "b", overlap=1))
    alone = list(resuming.replay_tail(opened(9, "a", overlap=1), spool.directory))
    assert [(line.cursor, line.raw) for line in alone] == [(str(n), f"a{n}".encode()) for n in range(5)]
    beside = list(resuming.replay_tail(opened(9, "a", "c", overlap=1), spool.directory))
    assert [list(json.loads(line.cursor).items())[-1] for line in beside] == [("a", str(n)) for n in range(5)]


def test_of_the_spool_only_as_much_is_read_as_is_asked_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget_bytes=2**20, segment_bytes=4096)
    try:
        collect(spool, opened(3000, "a"))
        source = WithoutRepeats(Numbers("a", 1))
        source.skips = 100
        found = list(resuming.replay_tail(source, spool.directory))
        assert 100 <= len(found) < 500
        assert found[-1].raw == b"a2999"
    finally:
        spool.close()


def cursor_at(source_id: str) -> str:
    """One that Jetstream can read, another one for each source_id."""
    return f"{1_700_000_000_000_000 + zlib.crc32(source_id.encode())}:{source_id}"


@pytest.fixture
def begun_after(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What cursors Jetstream and Mastodon were last given, by source_id; each says a line, at a cursor of its own."""
    given: dict[str, str | None] = {}

    def read(self: JetstreamSource | MastodonSource, after: str | None, stop: threading.Event) -> Iterator[Item]:  # noqa: ARG001
        given[self.source_id] = after
        yield Line(cursor_at(self.source_id), self.source_id.encode(), "text")

    monkeypatch.setattr(JetstreamSource, "read", read)
    monkeypatch.setattr(MastodonSource, "read", read)
    return given


def known(given: dict[str, str | None]) -> set[str]:
    """The sources that went on, by network and server; that they did so from their own cursor is checked."""
    on = {source_id: cursor for source_id, cursor in given.items() if cursor is not None}
    assert on == {source_id: cursor_at(source_id) for source_id in on}
    return {
        source_id.rpartition("-")[0] if source_id.startswith("mastodon") else source_id.split("-")[0]
        for source_id in on
    }


J, A, B = "jetstream", "mastodon-a.example", "mastodon-b.example"


@pytest.mark.parametrize(
    ("before", "now", "go_on"),
    [
        ("mastodon:a.example,b.example", "jetstream mastodon:a.example,b.example", {A, B}),
        ("jetstream mastodon:a.example,b.example", "mastodon:a.example,b.example", {A, B}),
        ("jetstream mastodon:a.example,b.example", "jetstream mastodon:a.example", {J, A}),
        ("jetstream mastodon:a.example", "jetstream mastodon:a.example,b.example", {J, A}),
        ("mastodon:a.example", "jetstream mastodon:b.example,a.example", {A}),
        ("jetstream mastodon:a.example,b.example", "mastodon:b.example", {B}),
        ("jetstream mastodon:a.example,b.example", "mastodon:b.example mastodon:a.example jetstream", {J, A, B}),
        ("mastodon:a.example,b.example,limit=9", "jetstream mastodon:a.example,b.example,limit=9", {A, B}),
        ("jetstream mastodon:a.example,b.example,limit=9", "mastodon:a.example,b.example,limit=9", {A, B}),
        ("jetstream mastodon:a.example,b.example,limit=9", "jetstream mastodon:a.example", {J, A}),
    ],
)
def test_a_server_of_a_list_goes_on_when_the_list_is_regrouped(
    spool: Spool, begun_after: dict[str, str | None], before: str, now: str, go_on: set[str]
) -> None:
    collect(spool, open_source(*before.split()))
    assert known(begun_after) == set()
    begun_after.clear()
    collect(spool, open_source(*now.split()))
    assert known(begun_after) == go_on


def test_a_filtered_server_goes_on_when_another_joins_it(spool: Spool, begun_after: dict[str, str | None]) -> None:
    collect(spool, open_source("mastodon:a.example,terms=rain"))
    collect(spool, open_source("mastodon:a.example,b.example,terms=rain"))
    assert known(begun_after) == {A}


def test_a_limit_of_a_list_of_servers_is_of_all_of_them_together() -> None:
    beside = open_source("jetstream", "mastodon:a.example,b.example,limit=9")
    assert len(resuming._parts(beside)) == 2
    assert len(resuming._parts(open_source("jetstream", "mastodon:a.example,b.example"))) == 3


def test_a_source_whose_segments_are_removed_goes_on_in_whatever_company(tmp_path: Path) -> None:
    alone, company = opened(1, "a"), opened(1, "a", "b")
    remember_cursor(tmp_path, "a", "5")
    assert json.loads(resuming.cursor_for(company, None, tmp_path) or "{}") == {"a": "5"}
    remember_cursor(tmp_path, company.source_id, json.dumps({"a": "6", "b": "7"}))
    assert resuming.cursor_for(alone, "5", tmp_path) == "6"
    remember_cursor(tmp_path, "a", "8")
    own = json.dumps({"a": "6", "b": "7"})
    assert json.loads(resuming.cursor_for(company, own, tmp_path) or "{}") == {"a": "8", "b": "7"}
    assert resuming.cursor_for(alone, "8", tmp_path) == "8"


def test_what_a_segment_says_is_newer_than_what_removed_ones_left(spool: Spool) -> None:
    remember_cursor(spool.directory, "a", "1")
    remember_cursor(spool.directory, "b", "2")
    collect(spool, opened(5, "a"))
    found = resuming.cursor_for(opened(9, "a", "b", "c"), None, spool.directory)
    assert json.loads(found or "{}") == {"a": "4", "b": "2"}

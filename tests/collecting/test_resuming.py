"""One source alone, then beside others, then alone again: nothing twice and nothing left out."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting import resuming
from collecting.lines import Item, Line, Source
from collecting.selection import Selection
from collecting.sources.repeats import WithoutRepeats
from collecting.sources.selected import Selected
from collecting.sources.several import SeveralSources
from collecting.spool import Spool


class Numbers:
    """Lines `SLUG0`, `SLUG1` … up to `until`, an attribute of the class of all; repeats what is asked for."""

    waits = True

    def __init__(self, slug: str, until: int, *, overlap: int = 0) -> None:
        self.slug = slug
        self.cursor_inclusive = overlap > 0
        self._until = until
        self._overlap = overlap

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        first = 0 if after is None else max(int(after) + 1 - self._overlap, 0)
        for number in range(first, self._until):
            if stop.is_set():
                return
            yield Line(str(number), f"{self.slug}{number}".encode(), "text")


def opened(until: int, *slugs: str, overlap: int = 0, limit: int | None = None) -> Source:
    sources: list[Source] = [Numbers(slug, until, overlap=overlap) for slug in slugs]
    singles = [Selected(WithoutRepeats(each) if overlap else each, Selection()) for each in sources]
    whole = singles[0] if len(singles) == 1 else SeveralSources(list(singles))
    return Selected(whole, Selection(limit=limit))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path, budget_bytes=2**26)
    yield made
    made.close()


def collect(spool: Spool, source: Source) -> list[bytes]:
    """Reads it to its end, as the collector does; what was taken."""
    from collecting.collector import Collector
    from collecting.producer import Settings
    from collecting.publisher import Publisher

    collector = Collector("address", source, spool, Publisher(spool, Settings("127.0.0.1:9", "t")))
    before = spool.lines_read
    collector._reader.run(threading.Event())
    assert collector._reader.error is None
    taken = [record.raw for _, _, record in spool.read(spool.acked) if record.kind == 0]
    return taken[before:]


def numbers(slug: str, begin: int, end: int) -> list[bytes]:
    return [f"{slug}{number}".encode() for number in range(begin, end)]


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


def test_what_it_has_is_told_with_the_cursors_that_it_gives_now(spool: Spool) -> None:
    collect(spool, opened(3, "a", overlap=1))
    collect(spool, opened(5, "a", "b", overlap=1))
    alone = list(resuming.held(opened(9, "a", overlap=1), spool.directory))
    assert [(line.cursor, line.raw) for line in alone] == [(str(n), f"a{n}".encode()) for n in range(5)]
    beside = list(resuming.held(opened(9, "a", "c", overlap=1), spool.directory))
    assert [list(json.loads(line.cursor).items())[-1] for line in beside] == [("a", str(n)) for n in range(5)]


def test_of_the_spool_only_as_much_is_read_as_is_asked_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget_bytes=2**20, segment_bytes=4096)
    try:
        collect(spool, opened(3000, "a"))
        source = WithoutRepeats(Numbers("a", 1))
        source.skips = 100
        found = list(resuming.held(source, spool.directory))
        assert 100 <= len(found) < 500
        assert found[-1].raw == b"a2999"
    finally:
        spool.close()

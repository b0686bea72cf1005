"""Filters, limits and times on top of any source."""

import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting.filtering.filtered import Deadline, FilteredSource
from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, Gap, Item, Line, Source
from tests.collecting.repeating import WithoutRepeats
from tests.collecting.sources.reading import open_source


def post(number: int, text: str = "rain") -> bytes:
    return json.dumps({"id_str": str(number), "timestamp_ms": "1767225600000", "text": text, "lang": "en"}).encode()


class Listed:
    """Yields what it is given; the cursor is the index. Inclusive: also the line of the cursor."""

    source_id = "listed"
    replayable = True

    def __init__(self, *raws: bytes | Gap, inclusive: bool = False, server_side: frozenset[str] = frozenset()) -> None:
        self._raws = raws
        self.cursor_inclusive = inclusive
        self.server_side = server_side

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        first = 0 if after is None else int(after) + (not self.cursor_inclusive)
        for number, raw in enumerate(self._raws[first:], first):
            if stop.is_set():
                return
            yield raw if isinstance(raw, Gap) else Line(str(number), raw, "x")


def read(source: Source, after: str | None = None) -> list[Item]:
    return list(source.read(after, threading.Event()))


def raws(items: list[Item]) -> list[bytes]:
    return [item.raw for item in items if isinstance(item, Line)]


def test_posts_that_are_not_asked_for_are_left_out_and_all_else_passes() -> None:
    broken, control, blank = b'{"id_str": "3", "te', b'{"delete":{"status":{"id_str":"4"}}}', b""
    gap = Gap("5", "missed")
    source = Listed(post(1), post(2, "sun"), broken, control, blank, gap, post(6, "sun"))
    items = read(FilteredSource(source, Selection(terms=("rain",))))
    assert raws(items) == [post(1), broken, control, blank]
    assert gap in items
    assert items[-1] == CursorOnly("6")


def test_a_post_that_was_read_to_be_filtered_carries_its_identity() -> None:
    taken = read(FilteredSource(Listed(post(1), b'{"delete":{}}'), Selection(terms=("rain",))))
    assert [item.post_id for item in taken if isinstance(item, Line)] == ["x:1", None]


def test_the_tail_of_the_spool_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FilteredSource(Listed(post(1), post(2), post(3)), Selection(limit=2))
    monkeypatch.setattr("formats.post_key", lambda *_: pytest.fail("its identity is in the spool"))
    source.skip([Line("0", post(1), "x", "x:1"), Line("1", b"no post", "x", "")])
    assert [item.cursor for item in read(source, "taken=1;0")] == ["taken=2;1"]


def test_it_says_where_it_is_each_second_while_nothing_is_taken() -> None:
    clock = itertools.count(0, 0.1)  # a tenth of a second each time it is looked at
    source = Listed(*(post(n + 1, "sun") for n in range(100)))
    items = read(FilteredSource(source, Selection(terms=("rain",)), clock=lambda: next(clock)))
    assert {type(item) for item in items} == {CursorOnly}
    assert 5 < len(items) < 15
    assert items[-1] == CursorOnly("99")


def test_it_goes_on_from_where_it_passed() -> None:
    selected = FilteredSource(Listed(post(4, "sun"), post(1), post(2, "sun"), post(3)), Selection(terms=("rain",)))
    items = read(selected)
    for item in items:
        later = [each for each in items if int(each.cursor) > int(item.cursor)]
        assert read(selected, item.cursor) == later


def test_what_the_network_selects_is_not_selected_again() -> None:
    source = Listed(post(1, "sun"), server_side=frozenset({"terms"}))
    assert raws(read(FilteredSource(source, Selection(terms=("rain",))))) == [post(1, "sun")]


def test_the_limit_counts_posts_of_different_identity_only() -> None:
    lines = [post(1), b'{"delete":{}}', b"{torn", post(1, "edited"), post(2), post(3), post(4)]
    items = read(FilteredSource(Listed(*lines), Selection(limit=3)))
    assert raws(items) == lines[:6]
    assert items[-1].cursor == "taken=3;5"


def test_a_line_of_text_has_no_identity_and_counts_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("same\n" * 9)
    assert len(read(open_source(f"file:{tmp_path}/a,limit=4"))) == 4


@pytest.mark.parametrize("inclusive", [False, True])
def test_the_limit_is_the_same_wherever_the_reading_was_cut(inclusive: bool) -> None:
    lines = [post(1 + n % 7 + n // 9, "rain" if n % 3 else "sun") for n in range(60)]
    asked = Selection(limit=9, terms=("rain",))

    def opened() -> Source:
        source = Listed(*lines, inclusive=inclusive)
        return FilteredSource(WithoutRepeats(source) if inclusive else source, asked)

    whole = raws(read(opened()))
    assert len(set(whole)) >= 9
    for cut in range(1, len(whole)):
        items = list(itertools.islice(opened().read(None, threading.Event()), cut))
        held = [item for item in items if isinstance(item, Line)]
        again = opened()
        again.skip(held)  # type: ignore[attr-defined]
        assert raws([*items, *read(again, items[-1].cursor)]) == whole, cut


def test_a_limit_that_is_reached_yields_nothing_more() -> None:
    selected = FilteredSource(Listed(post(1), post(2)), Selection(limit=1))
    assert read(selected, read(selected)[-1].cursor) == []


def test_a_higher_limit_goes_on_and_no_limit_too() -> None:
    lines = [post(n + 1) for n in range(10)]
    last = read(FilteredSource(Listed(*lines), Selection(limit=3)))[-1].cursor
    assert raws(read(FilteredSource(Listed(*lines), Selection(limit=5)), last)) == lines[3:5]
    assert raws(read(FilteredSource(Listed(*lines), Selection()), last)) == lines[3:]
    assert (
        len(
            {
                FilteredSource(Listed(), asked).source_id
                for asked in (Selection(limit=3), Selection(limit=5), Selection())
            }
        )
        == 1
    )


def test_other_filters_make_another_source() -> None:
    asked = [Selection(), Selection(terms=("a",)), Selection(terms=("b",)), Selection(located=True)]
    assert len({FilteredSource(Listed(), each).source_id for each in asked}) == 4


def test_it_ends_when_its_time_is_up() -> None:
    began_s = time.monotonic()
    items = read(open_source("simulator:rate=200,seed=1,duration_s=0.5"))
    assert 0.4 < time.monotonic() - began_s < 5
    assert 10 < len(items) < 200


def test_the_time_that_is_up_is_no_stop_of_the_run() -> None:
    stop = threading.Event()
    deadline = Deadline(stop, 0.05)
    assert not deadline.is_set()
    assert deadline.wait(10)
    assert deadline.is_set()
    assert not stop.is_set()


def test_a_stop_comes_before_the_time_is_up() -> None:
    stop = threading.Event()
    deadline = Deadline(stop, 60)
    threading.Timer(0.05, stop.set).start()
    assert deadline.wait()

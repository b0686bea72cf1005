"""Several sources as one."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, Gap, Item, Line, Source, SourceError
from collecting.sources import merged
from collecting.sources.merged import MergedSource
from contract.backoff import Backoff
from tests.collecting.repeating import WithoutRepeats
from tests.collecting.sources.reading import open_source


class Child:
    """Yields what it was given after the cursor (an index), raises what is an exception, waits for the stop at None."""

    def __init__(
        self, source_id: str, *items: bytes | Gap | Exception | None, replayable: bool = True, inclusive: bool = False
    ) -> None:
        self.source_id = source_id
        self.replayable = replayable
        self.cursor_inclusive = inclusive
        self.last_error: str | None = None
        self.items = list(items)
        self.begun = 0

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        self.begun += 1
        first = 0 if after is None else int(after) + (not self.cursor_inclusive)
        for number, item in enumerate(self.items[first:], first):
            if stop.is_set():
                return
            if item is None:
                stop.wait()
                return
            if isinstance(item, Exception):
                raise item
            yield item._replace(cursor=str(number)) if isinstance(item, Gap) else Line(str(number), item, "text")


def lines(name: str, count: int) -> list[bytes]:
    return [f"{name}{n}".encode() for n in range(count)]


def read(source: Source, after: str | None = None) -> list[Item]:
    return list(source.read(after, threading.Event()))


def raws(items: list[Item]) -> list[bytes]:
    return [item.raw for item in items if isinstance(item, Line)]


def test_every_line_of_every_source_comes_once_and_in_its_own_order() -> None:
    found = raws(read(MergedSource([Child("a", *lines("a", 500)), Child("b", *lines("b", 300))])))
    assert [raw for raw in found if raw.startswith(b"a")] == lines("a", 500)
    assert [raw for raw in found if raw.startswith(b"b")] == lines("b", 300)
    assert len(found) == 800


def test_from_any_cursor_each_goes_on_from_its_own_place() -> None:
    def opened() -> MergedSource:
        return MergedSource([Child("a", *lines("a", 40)), Child("b", *lines("b", 40))])

    whole = read(opened())
    for place in (0, 1, 7, 40, 78, 79):
        rest = raws(read(opened(), whole[place].cursor))
        assert Counter([*raws(whole[: place + 1]), *rest]) == Counter(lines("a", 40) + lines("b", 40))


def test_the_order_in_the_address_is_of_no_matter(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    one, other = f"file:{tmp_path}/a", "simulator:posts=3"
    assert open_source(one, other).source_id == open_source(other, one).source_id
    assert open_source(one, other).source_id != open_source(one, "simulator:posts=4").source_id
    with pytest.raises(SourceError, match="given twice"):
        open_source(one, one)


def test_the_last_key_of_the_cursor_is_the_source_that_the_line_came_from() -> None:
    for item in read(MergedSource([Child("a", *lines("a", 20)), Child("b", *lines("b", 20))])):
        assert isinstance(item, Line)
        name, cursor = list(json.loads(item.cursor).items())[-1]
        assert item.raw == f"{name}{cursor}".encode()


def test_a_gap_names_the_source_that_missed_something() -> None:
    items = read(MergedSource([Child("a", Gap("", "missed")), Child("b", b"b0")]))
    (gap,) = [item for item in items if isinstance(item, Gap)]
    assert (gap.source, gap.why) == ("a", "missed")
    assert json.loads(gap.cursor)["a"] == "0"


def test_what_an_inclusive_source_repeats_is_left_out_of_its_own_lines_only() -> None:
    def opened(count: int) -> MergedSource:
        sources = [Child("a", *lines("x", count), inclusive=True), Child("b", *lines("x", count))]
        return MergedSource([WithoutRepeats(each) if each.cursor_inclusive else each for each in sources])

    first = read(opened(5))
    again = opened(8)
    again.skip([item for item in first if isinstance(item, Line)])
    assert Counter(raws([*first, *read(again, first[-1].cursor)])) == Counter(lines("x", 8) * 2)


def test_a_source_that_gives_up_is_named_and_tried_again_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "BACKOFF", Backoff(0.3, 900.0, jitter=0.0))
    broken = Child("broken", b"broken0", SourceError("401"))
    steady = Child("steady", *lines("steady", 3), None)
    source = MergedSource([broken, steady])
    stop = threading.Event()
    found: list[Item] = []
    reading = threading.Thread(target=lambda: found.extend(source.read(None, stop)))
    reading.start()
    eventually(lambda: source.last_error == "broken: 401")
    assert set(raws(found)) >= {b"broken0"}
    broken.items = [b"broken0", b"broken1", None]
    eventually(lambda: b"broken1" in raws(found))
    assert source.last_error is None
    stop.set()
    reading.join(timeout=10)
    assert not reading.is_alive()
    assert Counter(raws(found)) == Counter([b"broken0", b"broken1", *lines("steady", 3)])


def test_it_gives_up_when_no_source_reads_any_more() -> None:
    source = MergedSource([Child("a", b"a0", SourceError("torn")), Child("b", b"b0")])
    found: list[Item] = []
    with pytest.raises(SourceError, match=r"^a: torn$"):
        found.extend(source.read(None, threading.Event()))  # keeps what came before
    assert Counter(raws(found)) >= Counter([b"a0", b"b0"])


def test_a_bug_in_one_source_is_reported_with_its_name() -> None:
    with pytest.raises(SourceError, match=r"^a: failed: RuntimeError: oh$"):
        read(MergedSource([Child("a", RuntimeError("oh")), Child("b", b"b0")]))


def test_what_holds_one_up_is_said() -> None:
    child = Child("a", None)
    source = MergedSource([child, Child("b")])
    assert source.last_error is None
    child.last_error = "503"
    assert source.last_error == "a: 503"


def test_all_must_wait_that_nothing_is_missed() -> None:
    assert MergedSource([Child("a"), Child("b")]).replayable
    assert not MergedSource([Child("a"), Child("b", replayable=False)]).replayable


@pytest.mark.parametrize("replayable", [True, False])
def test_at_a_stop_what_a_live_source_has_brought_is_taken(replayable: bool) -> None:
    """What waits may come again from its cursor; what is live may not."""
    child = Child("a", *lines("a", 50), None, replayable=replayable)
    source = MergedSource([child, Child("b", None)])
    stop = threading.Event()
    reading = source.read(None, stop)
    found = [next(reading)]
    time.sleep(0.3)  # the thread has read all 50 by now
    stop.set()
    found += reading
    assert raws(found) == lines("a", 1 if replayable else 50)


def test_nobody_is_left_reading_when_it_is_given_up() -> None:
    before = threading.active_count()
    reading = MergedSource([Child("a", *lines("a", 5000)), Child("b", None)]).read(None, threading.Event())
    next(reading)
    assert threading.active_count() == before + 2
    reading.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_each_source_has_a_selection_of_its_own_and_all_have_one_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("rain\nsun\n" * 50)
    (tmp_path / "b").write_text("snow\n" * 50)
    addresses = f"file:{tmp_path}/a,terms=rain,limit=7", f"file:{tmp_path}/b,limit=9"
    assert Counter(raws(read(open_source(*addresses)))) == {b"rain": 7, b"snow": 9}
    items = read(open_source(*addresses, beside=Selection(limit=10)))
    assert len(raws(items)) == 10
    assert not any(isinstance(item, CursorOnly) for item in items[-1:])
    rest = read(open_source(*addresses, beside=Selection(limit=16)), items[-1].cursor)
    assert Counter(raws([*items, *rest])) == {b"rain": 7, b"snow": 9}


@pytest.mark.parametrize("cursor", ["x", "[]", '{"a": 1}', "5@3"])
def test_a_cursor_of_another_source_is_refused(cursor: str) -> None:
    with pytest.raises(SourceError, match="is no cursor"):
        read(MergedSource([Child("a"), Child("b")]), cursor)


def eventually(condition: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)

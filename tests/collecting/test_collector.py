"""Reader, spool and publisher together; the broker is a list."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collecting.collector import Collector
from collecting.publish.producer import Headers, OnDelivery, ProducerSettings, Topic, Unavailable
from collecting.publish.publisher import Publisher
from collecting.source_api import CursorOnly, Gap, Item, Line, Source, SourceError
from collecting.spool.segments import SpoolCorrupt
from collecting.spool.spool import Spool
from contract.source_address import SourceAddress
from contract.spool.state import CollectorState
from contract.topic_log import Ends, LogEnd, TopicLog
from tests.collecting.repeating import WithoutRepeats
from tests.collecting.sources.reading import open_source

Listed = Item | Exception


class ListedSource:
    """Yields what it was given, after the cursor (its index); raises what is an exception; waits at None."""

    cursor_inclusive = False
    last_error: str | None = None

    def __init__(self, *items: Listed | None, replayable: bool = True, source_id: str = "listed") -> None:
        self._items = items
        self.replayable = replayable
        self.source_id = source_id

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        first = 0 if after is None else int(after) + (not self.cursor_inclusive)
        for item in self._items[first:]:
            if stop.is_set():
                return
            if isinstance(item, Exception):
                raise item
            if item is None:
                stop.wait()
                return
            yield item


class InclusiveSource(ListedSource):
    """Yields the line of the cursor once more, as a stream does whose cursor is a time."""

    cursor_inclusive = True


class ListBroker:
    """Keeps what is sent; refuses connections while it is away."""

    complaint: str | None = None

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.away = False

    def connect(self, _: ProducerSettings) -> "ListBroker":
        return self

    def topic(self) -> Topic:
        if self.away:
            raise Unavailable("nobody answers")
        return Topic(1, "cluster-1")

    def log(self, known: Ends) -> TopicLog:
        return TopicLog("topic-1", {0: LogEnd(0, 0)}, dict.fromkeys(known, 0))

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:  # noqa: ARG002
        self.values.append(value)
        on_delivery(None, None)  # type: ignore[arg-type]

    def poll(self, timeout_s: float) -> None:
        pass

    def close(self) -> None:
        pass


def line(number: int, raw: bytes | None = None) -> Line:
    return Line(str(number), raw if raw is not None else b"%d" % number, None)


Run = Callable[..., CollectorState]


@pytest.fixture
def kafka() -> ListBroker:
    return ListBroker()


@pytest.fixture
def run(tmp_path: Path, kafka: ListBroker) -> Run:
    def one_run(source: Source, *, stop: threading.Event | None = None, budget_bytes: int = 2**20) -> CollectorState:
        spool = Spool(tmp_path / "spool", budget_bytes=budget_bytes)
        try:
            publisher = Publisher(spool, ProducerSettings("h:1", "t"), connect=kafka.connect)
            sources = (SourceAddress("test", (source.source_id,)),)
            return Collector(sources, source, spool, publisher).run(stop or threading.Event())
        finally:
            spool.close()

    return one_run


def state_in(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "spool" / "state.json").read_bytes())
    return found


def eventually(condition: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_a_source_that_ends_is_finished_with_everything_acknowledged(
    run: Run, kafka: ListBroker, tmp_path: Path
) -> None:
    last = run(ListedSource(*map(line, range(100))))
    assert kafka.values == [b"%d" % n for n in range(100)]
    found = state_in(tmp_path)
    assert {key: found[key] for key in ("source", "status", "error", "lines_read", "records_acked", "lag_records")} == {
        "source": ["test:listed"], "status": "finished", "error": None,
        "lines_read": 100, "records_acked": 100, "lag_records": 0,
    }  # fmt: skip
    assert last.pid == found["pid"]


def test_a_finished_source_that_is_run_again_adds_nothing_and_its_counts_stay(run: Run, kafka: ListBroker) -> None:
    source = ListedSource(*map(line, range(5)))
    run(source)
    again = run(source)
    assert (again.status, again.lines_read, again.records_acked) == ("finished", 5, 5)
    assert len(kafka.values) == 5


def test_another_source_goes_on_in_the_same_spool_and_the_counts_add_up(run: Run, kafka: ListBroker) -> None:
    run(ListedSource(line(0), line(1)))
    kafka.away = True
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    left = run(ListedSource(line(0), line(1), line(2)), stop=stop)
    assert (left.status, left.lag_records) == ("stopped", 1)
    kafka.away = False
    last = run(ListedSource(line(0, b"other"), source_id="other"))
    assert (last.status, last.lines_read, last.records_acked) == ("finished", 4, 4)
    assert kafka.values == [b"0", b"1", b"2", b"other"]


def test_a_stop_sends_what_was_read_and_goes_on_after_it_next_time(run: Run, kafka: ListBroker) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    last = run(ListedSource(line(0), line(1), None), stop=stop)
    assert (last.status, last.error, last.lines_read, last.lag_records) == ("stopped", None, 2, 0)
    last = run(ListedSource(line(0), line(1), line(2)))
    assert last.status == "finished"
    assert kafka.values == [b"0", b"1", b"2"]


def test_a_source_that_breaks_is_failed_after_what_it_gave_was_sent(run: Run, kafka: ListBroker) -> None:
    last = run(ListedSource(line(0), SourceError("a:1: torn")))
    assert (last.status, last.error, last.records_acked) == ("failed", "a:1: torn", 1)
    assert kafka.values == [b"0"]


def test_a_bug_in_a_source_is_failed_with_its_name(run: Run) -> None:
    assert run(ListedSource(line(0), RuntimeError("oh"))).error == "reading listed failed: RuntimeError: oh"


def test_a_gap_becomes_a_note_in_its_place(run: Run, kafka: ListBroker) -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    source = ListedSource(line(0), Gap("1", "clamped", begin, end), line(2))
    last = run(source)
    assert json.loads(kafka.values[1]) == {
        "hashtide": {
            "gap": {"source": "listed", "from": begin.isoformat(), "to": end.isoformat(), "why": "clamped"},
        }
    }
    assert (last.lines_read, last.records_acked) == (2, 3)
    run(source)
    assert len(kafka.values) == 3


def test_a_gap_of_one_of_several_names_that_one(run: Run, kafka: ListBroker) -> None:
    run(ListedSource(Gap("1", "missed", source="its-own")))
    assert json.loads(kafka.values[0])["hashtide"]["gap"]["source"] == "its-own"


def test_what_was_passed_over_is_not_read_again_and_is_no_record(run: Run, kafka: ListBroker) -> None:
    last = run(ListedSource(line(0), CursorOnly("7")))
    assert (last.lines_read, last.records_acked, kafka.values) == (1, 1, [b"0"])
    run(ListedSource(*map(line, range(10))))
    assert kafka.values == [b"0", b"8", b"9"]


def test_what_holds_the_source_up_is_said_while_it_runs(run: Run, tmp_path: Path) -> None:
    stop = threading.Event()
    source = ListedSource(line(0), None)
    source.last_error = "401 from the network"
    running = threading.Thread(target=run, args=(source,), kwargs={"stop": stop})
    running.start()
    try:
        eventually(lambda: (tmp_path / "spool" / "state.json").exists())
        eventually(lambda: state_in(tmp_path)["error"] == "401 from the network")
    finally:
        stop.set()
        running.join(timeout=30)
    assert state_in(tmp_path)["error"] is None


def test_an_inclusive_source_does_not_bring_again_what_the_spool_has(run: Run, kafka: ListBroker) -> None:
    run(WithoutRepeats(InclusiveSource(line(0), line(1))))
    run(WithoutRepeats(InclusiveSource(line(0), line(1), line(2))))
    assert kafka.values == [b"0", b"1", b"2"]


def test_a_line_that_comes_twice_in_the_source_is_not_taken_for_one_brought_again(run: Run, kafka: ListBroker) -> None:
    run(ListedSource(line(0, b"same"), line(1, b"same")))
    assert kafka.values == [b"same", b"same"]


@pytest.mark.parametrize("replayable", [True, False])
def test_reading_stops_at_the_budget_and_goes_on_when_kafka_is_back(
    run: Run,
    kafka: ListBroker,
    tmp_path: Path,
    replayable: bool,
) -> None:
    kafka.away = True
    source = ListedSource(*(line(n, b"x" * 1000) for n in range(200)), replayable=replayable)
    runs: list[CollectorState] = []
    running = threading.Thread(target=lambda: runs.append(run(source, budget_bytes=80_000)))
    running.start()
    eventually(
        lambda: "reading waits" in str((tmp_path / "spool" / "state.json").exists() and state_in(tmp_path)["error"])
    )
    held = state_in(tmp_path)
    assert held["status"] == "running"
    assert "nobody answers" in str(held["error"])
    assert int(str(held["spool_bytes"])) < 80_000 + 5 * 2**20
    kafka.away = False
    running.join(timeout=30)
    (last,) = runs
    assert (last.status, last.error, last.lines_read) == ("finished", None, 200)
    notes = [value for value in kafka.values if b"hashtide" in value]
    assert len(kafka.values) - len(notes) == 200
    # A live stream went by in the meantime: that is a gap. A file waited.
    assert bool(notes) != replayable


def test_state_is_written_while_it_runs(run: Run, tmp_path: Path) -> None:
    stop = threading.Event()
    running = threading.Thread(target=run, args=(ListedSource(line(0), None),), kwargs={"stop": stop})
    running.start()
    try:
        eventually(lambda: (tmp_path / "spool" / "state.json").exists() and state_in(tmp_path)["records_acked"] == 1)
        assert state_in(tmp_path)["status"] == "running"
    finally:
        stop.set()
        running.join(timeout=30)
    assert state_in(tmp_path)["status"] == "stopped"


def test_a_stop_in_the_spool_is_obeyed_by_whom_it_names_and_nobody_else(run: Run, tmp_path: Path) -> None:
    stop, spool = threading.Event(), tmp_path / "spool"
    running = threading.Thread(target=run, args=(ListedSource(line(0), None),), kwargs={"stop": stop})
    running.start()
    try:
        eventually(lambda: (spool / "state.json").exists())
        name = json.loads((spool / "lock").read_bytes())
        for other in (json.dumps({**name, "started_at": name["started_at"] - 1}), '{"pid": 1}', "[]", "{"):
            (spool / "new").write_text(other)
            (spool / "new").replace(spool / "stop")
            said = {str(state_in(tmp_path)["updated_at"])}
            while len(said) < 3:  # it looks with each word
                assert running.is_alive()
                said.add(str(state_in(tmp_path)["updated_at"]))
                time.sleep(0.02)
        (spool / "stop").write_bytes((spool / "lock").read_bytes())
        running.join(timeout=10)
        assert not running.is_alive()
    finally:
        stop.set()
        running.join(timeout=30)
    assert state_in(tmp_path)["status"] == "stopped"


def test_a_disk_that_refuses_is_failed_and_says_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("collecting.spool.segments.write_all", full)
    last = run(ListedSource(line(0)))
    assert last.status == "failed"
    assert last.error == f"the spool {tmp_path}/spool cannot be written: No space left on device"


def test_damage_in_what_was_not_yet_sent_is_published_as_a_gap(run: Run, kafka: ListBroker, tmp_path: Path) -> None:
    kafka.away = True
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    run(ListedSource(*(line(n, b"x" * 1000) for n in range(50)), None), stop=stop, budget_bytes=80_000)
    path = tmp_path / "spool" / "000000000001.seg"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    kafka.away = False
    last = run(ListedSource(None), budget_bytes=80_000)
    assert (last.status, last.lag_records) == ("finished", 0)
    (gap,) = [value for value in kafka.values if b"hashtide" in value]
    assert b"000000000001.seg@" in gap
    assert b"bytes damaged: 1 lost" in gap
    assert len(kafka.values) == 50


def test_a_damaged_header_is_said_at_the_start(run: Run, kafka: ListBroker, tmp_path: Path) -> None:
    kafka.away = True
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    run(ListedSource(*(line(n, b"x" * 1000) for n in range(50)), None), stop=stop, budget_bytes=80_000)
    path = tmp_path / "spool" / "000000000001.seg"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    kafka.away = False
    with pytest.raises(SpoolCorrupt, match=r"000000000001.seg@0: the segment's header is damaged: put the file back"):
        run(ListedSource(None), budget_bytes=80_000)


def test_a_file_that_replaced_the_one_of_the_last_run_is_collected_whole(
    run: Run, kafka: ListBroker, tmp_path: Path
) -> None:
    path = tmp_path / "posts.txt"
    for name in ("old", "new"):
        path.write_text("".join(f"{name} {number}\n" for number in range(300)))
        last = run(open_source(f"file:{path}"))
        assert (last.status, last.lag_records) == ("finished", 0)
    assert kafka.values == [b"%s %d" % (name, number) for name in (b"old", b"new") for number in range(300)]

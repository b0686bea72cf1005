"""Kafka away in full flow, and the spool's budget used up: nothing is lost, and what went by is in the books.

HASHTIDE_OUTAGE_S says for how many seconds Kafka is away (20); the issue's own two minutes are run by hand.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from collecting.collector import Collector
from collecting.publish.producer import ProducerSettings
from collecting.publish.publisher import Publisher
from collecting.source_api import Item, Line
from collecting.spool.spool import Spool
from contract.source_address import SourceAddress
from tests.brokers import Broker
from tests.collecting.processes import started, state_in, write_posts, wrong_in

OUTAGE_S = float(os.environ.get("HASHTIDE_OUTAGE_S", "20"))
LINES_PER_S = 4_000
RSS_LIMIT_MB = 150
WITHIN_S = 120


def eventually(condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


@pytest.mark.kafka
def test_kafka_away_in_full_flow_loses_nothing_and_takes_no_memory(tmp_path: Path, broker_of_its_own: Broker) -> None:
    broker, spool, path = broker_of_its_own, tmp_path / "spool", tmp_path / "posts.jsonl"
    topic = broker.create_topic("outage")
    lines = write_posts(path, int(LINES_PER_S * (OUTAGE_S + 15)))
    with started(f"file:{path},pace={LINES_PER_S}", spool, broker.bootstrap_servers, topic) as one:
        try:
            eventually(lambda: state_in(spool).get("records_acked", 0) > LINES_PER_S)
            broker.stop()
            away_at_s, read_before = time.monotonic(), state_in(spool)["lines_read"]
            rss_mb: list[float] = []
            while time.monotonic() < away_at_s + OUTAGE_S:
                rss_mb.append(psutil.Process(one.pid).memory_info().rss / 2**20)
                time.sleep(0.2)
            held = state_in(spool)
            broker.start()
            assert one.wait(timeout=WITHIN_S + OUTAGE_S) == 0
        finally:
            one.kill()
    end = state_in(spool)
    print(  # noqa: T201 - figures for whoever runs the long one by hand
        f"away {OUTAGE_S:.0f} s: {held['lag_records']} records waited, {held['spool_bytes'] / 2**20:.0f} MB spooled,"
        f" RSS {rss_mb[0]:.0f} MB at first, {max(rss_mb):.0f} MB at most"
    )
    # It read on at its pace while nothing went out, and said so.
    assert held["lines_read"] - read_before > 0.5 * LINES_PER_S * OUTAGE_S
    assert held["lag_records"] > 0.5 * LINES_PER_S * OUTAGE_S
    assert held["status"] == "running"
    assert f"Kafka at {broker.bootstrap_servers}: no acknowledgement" in held["error"]
    assert "Connection refused" in held["error"]
    assert max(rss_mb) < RSS_LIMIT_MB
    assert (end["status"], end["lag_records"], end["lines_read"]) == ("finished", 0, len(lines))
    assert wrong_in(broker.read(topic), lines) == []


class PassingSource:
    """A live stream: line n passes in the n-th thousandth of a second and waits two seconds for whoever reads.

    Attributes:
        went_by: when the lines passed that nobody took, as epoch seconds.
    """

    source_id, replayable, cursor_inclusive = "passing", False, False
    per_s, buffer_s = 1000, 2

    def __init__(self) -> None:
        self.began_s = time.time()
        self.went_by: list[float] = []
        self.taken: list[bytes] = []

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:  # noqa: ARG002
        number = 0
        while not stop.is_set():
            now = int((time.time() - self.began_s) * self.per_s)
            oldest = max(number, now - self.per_s * self.buffer_s)
            self.went_by += [self.began_s + each / self.per_s for each in range(number, oldest)]
            for each in range(oldest, now):
                raw = b'{"id_str":"%d","text":"%s"}' % (10**18 + each, b"a" * 500)
                self.taken.append(raw)
                yield Line(str(each), raw, "x")
            number = now
            stop.wait(0.01)


@pytest.mark.kafka
def test_at_the_budget_a_live_source_leaves_a_gap_and_keeps_what_it_took(
    tmp_path: Path, broker_of_its_own: Broker
) -> None:
    broker, source = broker_of_its_own, PassingSource()
    topic, stop = broker.create_topic("budget"), threading.Event()
    settings = ProducerSettings(broker.bootstrap_servers, topic, connect_timeout_s=2, request_timeout_s=5)
    spool = Spool(tmp_path / "spool", budget_bytes=4 * 2**20)
    try:
        collector = Collector((SourceAddress("live"),), source, spool, Publisher(spool, settings))
        running = threading.Thread(target=collector.run, args=(stop,))
        running.start()
        eventually(lambda: state_in(spool.directory).get("records_acked", 0) > 500)
        broker.stop()
        eventually(lambda: "reading waits" in str(state_in(spool.directory)["error"]))
        time.sleep(2 * source.buffer_s)
        assert spool.size_bytes < 4.5 * 2**20
        broker.start()
        eventually(lambda: "reading waits" not in str(state_in(spool.directory)["error"]))
        time.sleep(1)
        stop.set()
        running.join(timeout=60)
        assert not running.is_alive()
    finally:
        stop.set()
        spool.close()
    records = broker.read(topic)
    notes = [json.loads(each.value)["hashtide"]["gap"] for each in records if each.key.startswith(b"note:")]
    bounds = [
        [datetime.fromisoformat(note[end]).astimezone(UTC).timestamp() for end in ("from", "to")] for note in notes
    ]
    assert source.went_by, "the budget never made it miss anything"
    assert all("budget of 4 MB is used up" in note["why"] for note in notes)
    # Every line that went by is within a gap (give or take the loop of the source), and the gaps are hardly wider.
    slack_s = 0.1
    outside = [each for each in source.went_by if not any(b - slack_s <= each <= e + slack_s for b, e in bounds)]
    assert outside == []
    missed_s = len(source.went_by) / source.per_s
    assert sum(end - begin for begin, end in bounds) < missed_s + len(bounds) * (source.buffer_s + 1)
    assert wrong_in((each for each in records if not each.key.startswith(b"note:")), source.taken) == []

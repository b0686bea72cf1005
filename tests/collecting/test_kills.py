"""kill -9 in the middle of a replay, again and again: every line of the file is in the topic, under one identity."""

import json
import random
import time
from pathlib import Path

import pytest

from tests.brokers import Broker
from tests.collecting.processes import started, state_in, write_posts, wrong_in

POSTS, KILLS = 100_000, 50
WITHIN_S = 60


class Progress:
    """How far a spool has come: bytes on disk, and records that are known to be acknowledged."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool

    @property
    def spooled_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._spool.glob("*.seg"))

    @property
    def acked_records(self) -> int:
        path = self._spool / "acked.json"
        return int(json.loads(path.read_bytes())["records"]) if path.exists() else 0


def test_the_recount_sees_what_is_lost_or_too_much_or_wrong(tmp_path: Path) -> None:
    class Record:
        def __init__(self, key: bytes, value: bytes) -> None:
            self.key, self.value = key, value

    lines = write_posts(tmp_path / "a", 5)
    whole = [
        Record(json.loads(line)["id_str"].join(["x:", ""]).encode() if line[:1] == b"{" else b"l", line)
        for line in lines
    ]
    assert wrong_in(whole, lines) == []
    assert wrong_in([*whole, *whole], lines) == []
    assert "lost" in wrong_in(whole[1:], lines)[0]
    assert "too much" in wrong_in([*whole, Record(b"l2", lines[3])], lines)[0]
    assert "not the id" in wrong_in([Record(b"x:7", lines[0]), *whole[1:]], lines)[0]
    assert "two different" in wrong_in([*whole, Record(b"l", b"other")], lines)[0]


@pytest.mark.kafka
def test_killed_fifty_times_in_a_replay_of_100_000_posts_it_is_exact(tmp_path: Path, broker: Broker) -> None:
    topic, spool, path = broker.create_topic("killed-fifty-times"), tmp_path / "spool", tmp_path / "posts.jsonl"
    lines = write_posts(path, POSTS)
    line_bytes = path.stat().st_size // POSTS
    chance, progress = random.Random(1), Progress(spool)  # noqa: S311
    killed_after_an_ack = 0
    for _ in range(KILLS):
        # By progress, so that it comes to fifty on any machine: at most 1,700 of the 100,000 lines a life.
        until_bytes = progress.spooled_bytes + chance.randint(50, 1_700) * line_bytes
        acked, until_acked = progress.acked_records, progress.acked_records + chance.randint(1, 1_500)
        with started(f"file:{path},pace=1000", spool, broker.bootstrap_servers, topic) as one:
            deadline_s = time.monotonic() + WITHIN_S
            while progress.spooled_bytes < until_bytes and progress.acked_records < until_acked:
                assert one.poll() is None, f"it ended by itself: {state_in(spool)}"
                assert time.monotonic() < deadline_s, f"no progress: {state_in(spool)}"
                time.sleep(0.003)
            one.kill()
        killed_after_an_ack += progress.acked_records > acked
    assert killed_after_an_ack > 5  # some were killed while they published, not only while they read
    assert progress.acked_records < POSTS
    with started(f"file:{path}", spool, broker.bootstrap_servers, topic) as last:
        assert last.wait(timeout=WITHIN_S) == 0
    end = state_in(spool)
    assert (end["status"], end["lines_read"], end["records_acked"]) == ("finished", POSTS, POSTS)
    assert wrong_in(broker.read(topic), lines) == []

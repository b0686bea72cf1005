"""The chaos run's own checks: each wrong that they are there for is found."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.fakes.x_server import Connection
from tests.flow.chaos_checks import Heard, problems
from tests.flow.chaos_networks import Jetstream, X, merged
from tests.flow.reading.records import TopicRecord

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def record(value: bytes, dialect: bytes = b"x") -> TopicRecord:
    return TopicRecord("posts[0]@0", b"k", value, {"dialect": dialect}, 0, NOW)


def gap(source: str, begin: float, end: float) -> TopicRecord:
    moments = {key: datetime.fromtimestamp(at, UTC).isoformat() for key, at in (("from", begin), ("to", end))}
    note = {"hashtide": {"gap": {"source": source, **moments, "why": "cut"}}}
    return record(json.dumps(note).encode(), b"hashtide")


@pytest.fixture
def x() -> Iterator[X]:
    """It said `one` at 100, was away from 105 to 115, said `two` at 110 to nobody and `three` at 120."""
    network = X(1)
    network.ledger.posts |= {b"one": "x:1", b"two": "x:2", b"three": "x:3"}
    network.server.sent += [(b"one", 100.0), (b"three", 120.0)]
    network.server.missed.append((b"two", 110.0))
    network.server.connections += [Connection(90.0, 105.0), Connection(115.0)]
    yield network
    network.server.connections.clear()
    network.stop()


def found(x: X, *records: TopicRecord) -> list[str]:
    return problems([x], Heard(records))


def test_what_is_heard_or_lies_in_a_gap_that_is_a_hole_is_right(x: X) -> None:
    assert found(x, record(b"one"), gap("x-chaos-1", 105.3, 114.9), record(b"three")) == []


def test_a_post_that_is_neither_heard_nor_in_a_gap_is_found(x: X) -> None:
    wrong = found(x, gap("x-chaos-1", 105.0, 115.0), record(b"three"))
    assert [each for each in wrong if "missed and in no gap" in each and "one" in each]


def test_a_hole_without_a_gap_or_with_other_bounds_is_found(x: X) -> None:
    assert [each for each in found(x, record(b"one"), record(b"three")) if "is no gap" in each]
    wider = found(x, record(b"one"), record(b"three"), gap("x-chaos-1", 95.0, 115.0))
    assert [each for each in wider if "were had" in each]
    elsewhere = found(x, record(b"one"), record(b"three"), gap("x-chaos-1", 105.0, 115.0), gap("x-chaos-1", 50.0, 60.0))
    assert [each for each in elsewhere if "was no hole" in each]
    narrower = found(x, record(b"one"), record(b"three"), gap("x-chaos-1", 108.0, 115.0))
    assert [each for each in narrower if "is no gap" in each]


def test_a_hole_whose_middle_no_gap_covers_is_found(x: X) -> None:
    halves = (gap("x-chaos-1", 105.0, 107.0), gap("x-chaos-1", 112.0, 115.0))
    assert [each for each in found(x, record(b"one"), record(b"three"), *halves) if "is no gap" in each]


def test_another_networks_gap_does_not_count(x: X) -> None:
    wrong = found(x, record(b"one"), gap("mastodon-a-1", 105.0, 115.0), record(b"three"))
    assert [each for each in wrong if "missed and in no gap" in each]


def test_bytes_that_nobody_said_are_found(x: X) -> None:
    wrong = found(x, record(b"one"), gap("x-chaos-1", 105.0, 115.0), record(b"three"), record(b"thre"))
    assert wrong == ["nobody said b'thre'"]


def test_jetstream_has_one_gap_for_what_it_forgot_and_nothing_heard_within() -> None:
    network = Jetstream(1)
    try:
        for _ in range(5):
            network.feed()
        for index, (_, told) in enumerate(network.log.events):
            network.log.events[index] = ((100 + 10 * index) * 1_000_000, told)
        raws = [network.hosts[0].raw(index) for index in range(5)]
        for index, raw in enumerate(raws):
            network.ledger.posts[raw] = str(index)
        first, last = record(raws[0], b"jetstream"), record(raws[4], b"jetstream")
        right = gap("jetstream-a-1", 100.0, 140.0)
        assert problems([network], Heard([first, right, last])) == []
        had = record(raws[2], b"jetstream")
        assert "were had" in problems([network], Heard([first, right, had, last]))[0]
        assert "missed and in no gap" in str(problems([network], Heard([first, last])))
        everything = [record(raw, b"jetstream") for raw in raws]
        assert "nothing is missing" in str(problems([network], Heard([*everything, right])))
        again = gap("jetstream-a-1", 110.0, 140.0)
        assert "one time told twice" in str(problems([network], Heard([first, right, again, last])))
    finally:
        network.stop()


def test_spans_that_touch_are_one() -> None:
    assert merged([(5.0, 6.0), (1.0, 2.0), (2.5, 4.0)], 0.6) == [(1.0, 4.0), (5.0, 6.0)]

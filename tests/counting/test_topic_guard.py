"""When the streaming job refuses a topic, reads a batch again, or waits; the brokers' answers are given."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from contract.manifest import Manifest, OffsetRange
from contract.topic_log import LogEnd, TopicLog
from contract.topic_log_client import LogUnknown, LogUnsupported
from counting import topic_guard
from counting.settings import parse_arguments
from counting.topic import TopicUnreadable
from counting.topic_guard import LeaderChanged, TopicGuard, TopicReplaced


class Brokers:
    """What they answer: at first each of `refusals`, then the log."""

    def __init__(self) -> None:
        self.refusals: list[Exception] = []
        self.topic_id: str | None = "a"
        self.ends = {0: LogEnd(100, 2)}
        self.epoch_ends: dict[tuple[int, int | None], int] = {}

    def __call__(self, *_: object, **__: object) -> "Brokers":
        return self

    def read(self, _topic: str, known: Mapping[int, LogEnd]) -> TopicLog:
        if self.refusals:
            raise self.refusals.pop(0)
        same = {p: self.epoch_ends.get((p, end.epoch), self.ends[p].offset) for p, end in known.items()}
        return TopicLog(self.topic_id, dict(self.ends), same)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> Brokers:
    made = Brokers()
    monkeypatch.setattr(topic_guard, "TopicLogClient", made)
    monkeypatch.setattr(topic_guard, "RETRY_S", 0.01)
    return made


@pytest.fixture
def guard(brokers: Brokers) -> TopicGuard:  # noqa: ARG001 - in place before the guard asks
    return TopicGuard(parse_arguments(["--root", "file:///r", "--bootstrap-servers", "h:1"]), patience_s=0.1)


def manifest(until: int, epoch: int | None = 2, topic_id: str = "a") -> Manifest:
    ranges = [OffsetRange("posts", 0, 0, until, epoch)]
    return Manifest(1, 0, datetime.now(UTC), None, ranges, until, 0, [], topic_id=topic_id)


def batch(first: int, until: int, partition: int = 0) -> list[OffsetRange]:
    return [OffsetRange("posts", partition, first, until)]


def test_a_topic_that_holds_all_that_was_counted_is_read(guard: TopicGuard) -> None:
    guard.begin(manifest(100))
    assert guard.confirm(batch(100, 110)) == ("a", [OffsetRange("posts", 0, 100, 110, 2)])


def test_a_new_generation_has_nothing_to_compare(guard: TopicGuard) -> None:
    guard.begin(None)


def test_another_topic_id_is_refused_with_both(guard: TopicGuard) -> None:
    with pytest.raises(TopicReplaced, match=r"its id is a, generation 1 has counted b up to batch 0.* new generation"):
        guard.begin(manifest(10, topic_id="b"))


def test_an_epoch_that_ended_before_what_was_counted_is_refused(guard: TopicGuard, brokers: Brokers) -> None:
    brokers.epoch_ends[0, 1] = 80
    with pytest.raises(TopicReplaced, match=r"posts\[0\]@80: .* from there to offset 100.* new generation"):
        guard.begin(manifest(100, epoch=1))


def test_manifests_of_older_versions_are_compared_by_the_topics_end(guard: TopicGuard) -> None:
    guard.begin(manifest(100, epoch=None, topic_id=""))
    with pytest.raises(TopicReplaced, match=r"posts\[0\]@100"):
        guard.begin(manifest(101, epoch=None, topic_id=""))


def test_a_batch_that_was_planned_backwards_is_refused(guard: TopicGuard) -> None:
    with pytest.raises(TopicReplaced, match="planned from offset 100 back to 60"):
        guard.begin(None, batch(100, 60))


def test_a_planned_batch_beyond_the_end_is_refused_after_a_while(guard: TopicGuard) -> None:
    with pytest.raises(TopicReplaced, match=r"posts\[0\] ends at offset 100.* up to 130.* start the collector"):
        guard.begin(None, batch(90, 130))


def test_a_failover_is_waited_for(guard: TopicGuard, brokers: Brokers) -> None:
    brokers.refusals = [LogUnknown("no leader"), LogUnknown("no leader")]
    guard.begin(manifest(100))


def test_brokers_that_never_answer_are_said_so(guard: TopicGuard, brokers: Brokers) -> None:
    brokers.refusals = [LogUnknown("no leader")] * 1000
    with pytest.raises(TopicUnreadable, match="topic 'posts' on h:1: no leader"):
        guard.begin(manifest(100))


def test_brokers_that_know_no_epochs_are_believed_with_a_warning(
    guard: TopicGuard, brokers: Brokers, caplog: pytest.LogCaptureFixture
) -> None:
    brokers.refusals = [LogUnsupported("too old")] * 2
    guard.begin(manifest(100))
    assert guard.confirm(batch(100, 110)) == ("", batch(100, 110))
    assert "can't be seen whether the topic loses records" in caplog.text


def test_a_leader_that_changed_since_the_query_began_prevents_the_commit(guard: TopicGuard, brokers: Brokers) -> None:
    guard.begin(manifest(100))
    brokers.ends[0] = LogEnd(110, 4)
    with pytest.raises(LeaderChanged, match=r"posts\[0\] has changed since epoch 2"):
        guard.confirm(batch(100, 110))
    changed = [guard.leader_changed]
    guard.begin(manifest(100))
    assert [*changed, guard.leader_changed] == [True, False]
    assert guard.confirm(batch(100, 110)).offset_ranges[0].leader_epoch == 4


def test_a_topic_made_anew_during_a_batch_prevents_the_commit(guard: TopicGuard, brokers: Brokers) -> None:
    guard.begin(manifest(100))
    brokers.topic_id = "b"
    with pytest.raises(TopicReplaced, match="made anew while it was counted"):
        guard.confirm(batch(100, 110))


@pytest.mark.parametrize(("epoch", "confirmed"), [(0, True), (1, False)])
def test_a_partition_that_was_added_meanwhile_had_one_leader_only(
    guard: TopicGuard, brokers: Brokers, epoch: int, *, confirmed: bool
) -> None:
    guard.begin(manifest(100))
    brokers.ends[1] = LogEnd(5, epoch)
    if confirmed:
        assert guard.confirm(batch(0, 5, partition=1)).offset_ranges[0].leader_epoch == 0
    else:
        with pytest.raises(LeaderChanged):
            guard.confirm(batch(0, 5, partition=1))

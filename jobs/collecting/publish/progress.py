"""Up to where the topic has the spool's records: acknowledged, and confirmed by a look at the topic's log.

An acknowledgement alone is no promise: one broker keeps what it acknowledged in the page cache, a topic can be deleted
and made anew. docs/decisions/0051 has the argument.
"""

import logging

from collecting.publish.binding import Binding
from collecting.publish.producer import Producer, Topic, Unavailable
from collecting.spool.spool import Spool
from contract.spool.position import Acked, Position
from contract.topic_log import Ends, TopicLog

log = logging.getLogger(__name__)


class Progress:
    """Keeps the position that the topic confirms, and goes back where the topic has lost what it acknowledged.

    Attributes:
        acknowledged: up to here the broker has acknowledged everything.
    """

    def __init__(self, spool: Spool, topic: str) -> None:
        self.acknowledged = spool.acked
        self._spool = spool
        self._topic = topic
        self._binding = Binding(spool.directory)
        self._known: Ends = spool.acked_with_marks.ends  # of the topic's log at the last look

    @property
    def confirmed(self) -> Position:
        """Up to here it is kept, durably: another process continues from here."""
        return self._spool.acked

    def begin(self, producer: Producer) -> Topic:
        """To be called before a producer sends anything. Returns the topic that it sends to.

        Raises:
            LogUnknown: the broker doesn't say now what the topic holds.
            Unavailable: nothing may be sent to it now, or sending begins anew from another position.
        """
        topic = producer.topic()
        found = producer.log(self._known)
        self._bind(topic.cluster_id, found.topic_id if found else None)
        if found is not None:
            if len(found.ends) != topic.partitions:
                raise Unavailable(f"topic {self._topic!r} is getting more partitions")
            self._compare(found, sent=self.acknowledged != self.confirmed)
        # Without a mark: how far the topic reached before we sent anything.
        if self.acknowledged != self.confirmed or (found and not self._spool.acked_with_marks.marks):
            self._keep(self.acknowledged, found)
        return topic

    def confirm(self, producer: Producer, topic: Topic, *, in_flight: bool) -> None:
        """Looks whether the topic holds what it acknowledged, and keeps the position if so.

        `in_flight` says whether something was sent that is not acknowledged yet.

        Raises:
            LogUnknown: the broker doesn't say it now.
            Unavailable: it doesn't hold it, or not certainly; this producer must send nothing more.
        """
        found = producer.log(self._known)
        news = self.acknowledged != self.confirmed
        if found is not None:
            if self._binding.is_new(topic.cluster_id, found.topic_id):
                raise Unavailable("the file that binds the spool to its topic was removed")
            self._compare(found, sent=in_flight or news)
        if news:
            self._keep(self.acknowledged, found)

    def _bind(self, cluster_id: str | None, topic_id: str | None) -> None:
        if self._binding.is_new(cluster_id, topic_id):
            self._spool.save_acked(Acked(self.confirmed))  # the marks are of another topic's log
            self._known = {}
            self._binding.keep(cluster_id, topic_id)

    def _compare(self, found: TopicLog, *, sent: bool) -> None:
        """Raises Unavailable where the log is not the one that we wrote to, or not certainly.

        While a partition keeps its leader its log can't lose anything. So what was sent and acknowledged between two
        looks at the same leaders is there at the second one; of anything else that was `sent` we can't know.
        """
        lost = found.lost(self._known)
        if lost:
            self._go_back(found, lost)
        known, self._known = self._known, found.ends
        if sent and any(found.ends[partition].epoch != end.epoch for partition, end in known.items()):
            again = self.acknowledged.records - self.confirmed.records
            self.acknowledged = self.confirmed
            raise Unavailable(
                f"topic {self._topic!r} has another leader since the last look: what was sent since then, {again} of "
                "it acknowledged, is sent again"
            )

    def _go_back(self, found: TopicLog, lost: dict[int, int]) -> None:
        """To the newest position whose records the topic still has.

        Raises:
            Unavailable: always; it says what was lost, and what happens or has to be done.
        """
        where = ", ".join(f"{self._topic}[{each}]@{until}" for each, until in sorted(lost.items()))
        acked, start = self._spool.acked_with_marks, self._spool.start
        marks = [each for each in acked.marks if not found.lost(each.ends)]
        position = marks[-1].position if marks else start
        if position.records < start.records or (not marks and start.records > 0):
            raise Unavailable(
                f"the topic lost records that it had acknowledged, from {where} on, and the spool no longer holds them "
                f"all: nothing is sent (restore the topic from a copy; or remove {self._spool.directory / 'cluster'}, "
                "and sending continues with the next record: what was lost and not yet counted is not counted)"
            )
        again = self.acknowledged.records - position.records
        self._spool.save_acked(Acked(position, tuple(marks)))
        self.acknowledged, self._known = position, self._spool.acked_with_marks.ends
        raise Unavailable(
            f"the topic lost records that it had acknowledged, from {where} on: the last {again} records are sent again"
        )

    def _keep(self, position: Position, found: TopicLog | None) -> None:
        acked = self._spool.acked_with_marks
        self._spool.save_acked(Acked(position) if found is None else acked.marked(position, found.ends))

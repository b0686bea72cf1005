"""What a topic still holds of what somebody has written to it, or read: its id, and how far its log is the same.

Offsets alone don't say it: a log that lost its tail (a power cut, an unclean election) and was filled up again by
another producer is as long as before. Kafka's leader epochs do (KIP-320): every leadership begins a new epoch at the
log's end, so what was cut away and filled up again is of a later epoch.

Standard library only. `contract.topic_log_client` asks the brokers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class LogEnd(NamedTuple):
    """A point in a partition's log.

    Attributes:
        offset: of the next record.
        epoch: the leader epoch at a moment when the log reached that far; None: not known.
    """

    offset: int
    epoch: int | None


Ends = Mapping[int, LogEnd]  # by partition


@dataclass(frozen=True)
class TopicLog:
    """A topic's log as it is now.

    Attributes:
        topic_id: of this incarnation of the topic; None where the broker doesn't give one.
        ends: each partition's end (what all replicas in sync have) and its leader's epoch.
        same_until: of the partitions that were asked about: up to this offset it is the log that had that epoch.
    """

    topic_id: str | None
    ends: Ends
    same_until: Mapping[int, int]

    def lost(self, known: Ends) -> dict[int, int]:
        """The partitions that lost some of what was before `known`: each with the offset up to which all is there.

        Args:
            known: ends that were seen. Their epochs are those that this log was read with, or earlier ones.
        """
        still = {partition: self.same_until.get(partition, 0) for partition in known}
        return {partition: max(until, 0) for partition, until in still.items() if until < known[partition].offset}

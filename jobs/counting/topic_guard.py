"""Guards a generation's counts against a topic that is no longer the one that was counted.

An offset means a record only as long as the log is the same. A topic that was made anew, or that lost its tail and was
filled up again, has other records at the offsets that batches were counted from; `contract.topic_log` says how far a
log is the same.

Executors keep what they have fetched for minutes (Spark's pools of consumers and of fetched records, the consumer's own
buffer), so a batch may be made of records that were fetched long before it was planned. Therefore a query belongs to
the leader epochs at its start: `begin` notes them before any record is fetched, and `confirm`, after a batch's action
and before its commit, wants them unchanged. Under one leader a log only grows, so whatever was fetched meanwhile still
stands where it stood. Where a leader has changed, the query begins again with consumers of its own.
"""

import logging
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from contract.manifest import Manifest, OffsetRange
from contract.topic_log import LogEnd, TopicLog
from contract.topic_log_client import LogUnknown, LogUnsupported, TopicLogClient
from counting.settings import CountSettings
from counting.topic import TopicUnreadable

PATIENCE_S = 60.0
"""How long a broker may be without an answer (a failover), and a collector may take to send a lost tail again."""
RETRY_S = 1.0
WAY_OUT = "count into a new generation (`./hashtide recount`)"

log = logging.getLogger(__name__)


class TopicReplaced(Exception):  # noqa: N818 - it states a condition
    """The topic no longer holds what this generation has counted; the message says since where, and the way out."""


class LeaderChanged(Exception):  # noqa: N818
    """A partition's leader changed while the query ran: the batch must be read again, by consumers of a new query."""


class Confirmed(NamedTuple):
    """The topic's id (empty: not known), and a batch's ranges with the leader epoch of each."""

    topic_id: str
    offset_ranges: list[OffsetRange]


class TopicGuard:
    """Knows which log the query reads. `begin` before each start of the query, `confirm` before each commit."""

    def __init__(self, settings: CountSettings, patience_s: float = PATIENCE_S) -> None:
        self._settings = settings
        self._patience_s = patience_s
        self._client: TopicLogClient | None = None
        self._log: TopicLog | None = None
        self.leader_changed = False

    def begin(self, last: Manifest | None, pending: Iterable[OffsetRange] = ()) -> None:
        """Compares the topic with what was counted, and notes its leader epochs.

        Args:
            last: the newest batch of the count log; manifests of older versions have no topic id and no epochs.
            pending: what the next batch reads, where it is planned already.

        Raises:
            TopicReplaced: what was counted, or was about to be, is no longer there.
            TopicUnreadable: the brokers don't say, for `patience_s`.
        """
        self.leader_changed = False
        counted = {each.partition: LogEnd(each.until_offset, each.leader_epoch) for each in _ranges(last)}

        def found() -> TopicLog | None:
            now = self._read(counted)
            if now is not None:
                self._refuse_another(now, last)
                self._refuse_lost(now, counted)
                _require_pending(now, pending)
            return now

        try:
            self._log = self._patiently(found)
        except _Missing as missing:
            raise TopicReplaced(
                f"{missing} and {self._patience_s:.0f} s did not change it: start the collector, which sends again "
                f"what the topic has lost, or {WAY_OUT}"
            ) from None

    def confirm(self, ranges: list[OffsetRange]) -> Confirmed:
        """A batch's ranges as they may be committed: what they say was read still stands there.

        Raises:
            LeaderChanged: it isn't sure; the query must begin again.
            TopicReplaced: the topic was made anew since the query began.
            TopicUnreadable: the brokers don't say, for `patience_s`.
        """
        begun = self._log
        now = self._patiently(lambda: self._read({}))
        if now is None or begun is None:
            return Confirmed("", ranges)
        if now.topic_id != begun.topic_id:
            raise TopicReplaced(f"{self._topic} was deleted and made anew while it was counted: {WAY_OUT}")
        confirmed = []
        for each in ranges:
            # A partition that the topic got meanwhile began with epoch 0, and so does what was read of it.
            then = begun.ends[each.partition].epoch if each.partition in begun.ends else 0
            if each.partition not in now.ends or now.ends[each.partition].epoch != then:
                self.leader_changed = True
                raise LeaderChanged(f"the leader of {each.topic}[{each.partition}] has changed since epoch {then}")
            confirmed.append(msgspec.structs.replace(each, leader_epoch=then))
        return Confirmed(now.topic_id or "", confirmed)

    def close(self) -> None:
        """Disconnects."""
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def _topic(self) -> str:
        return f"topic '{self._settings.topic}' on {self._settings.bootstrap_servers}"

    def _refuse_another(self, now: TopicLog, last: Manifest | None) -> None:
        if last is not None and last.topic_id and now.topic_id and now.topic_id != last.topic_id:
            raise TopicReplaced(
                f"{self._topic} was deleted and made anew: its id is {now.topic_id}, generation {last.generation} has "
                f"counted {last.topic_id} up to batch {last.batch_id}. Its new records are not counted; {WAY_OUT}"
            )

    def _refuse_lost(self, now: TopicLog, counted: dict[int, LogEnd]) -> None:
        for partition, until in sorted(now.lost(counted).items()):
            raise TopicReplaced(
                f"{self._settings.topic}[{partition}]@{max(until, 0)}: the topic has lost its records from there to "
                f"offset {counted[partition].offset}, which generation {self._settings.generation} has counted; what "
                f"takes their place would never be counted: {WAY_OUT}"
            )

    def _read(self, known: dict[int, LogEnd]) -> TopicLog | None:
        """The topic's log; None where the brokers are too old to say (before Kafka 2.3)."""
        if self._client is None:
            self._client = TopicLogClient(
                self._settings.bootstrap_servers, self._settings.kafka_config, patience_s=self._patience_s
            )
        try:
            return self._client.read(self._settings.topic, known)
        except LogUnsupported as error:
            log.warning("it can't be seen whether the topic loses records or is made anew: %s", error)
            return None

    def _patiently(self, question: Callable[[], TopicLog | None]) -> TopicLog | None:
        """Asks until there is an answer, or patience is over."""
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                return question()
            except (LogUnknown, _Missing) as error:
                if time.monotonic() > deadline:
                    if isinstance(error, _Missing):
                        raise
                    raise TopicUnreadable(f"{self._topic}: {error}") from error
                log.info("waiting: %s", error)
                self.close()  # a new connection asks for new metadata
            time.sleep(RETRY_S)


class _Missing(Exception):  # noqa: N818
    """The topic ends before the next batch does: perhaps a collector is about to fill it up again."""


def _require_pending(now: TopicLog, pending: Iterable[OffsetRange]) -> None:
    for each in pending:
        where, end = f"{each.topic}[{each.partition}]", now.ends.get(each.partition, LogEnd(0, None)).offset
        if each.records < 0:
            raise TopicReplaced(
                f"{where}: the next batch was planned from offset {each.from_offset} back to {each.until_offset}, "
                f"since the topic had lost what was counted: {WAY_OUT}"
            )
        if end < each.until_offset:
            raise _Missing(f"{where} ends at offset {end}, but the next batch was planned up to {each.until_offset}")


def _ranges(manifest: Manifest | None) -> Iterable[OffsetRange]:
    return manifest.offset_ranges if manifest is not None else ()

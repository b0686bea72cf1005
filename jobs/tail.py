"""Show the newest records of the topic for people: time, network, author, text.

Texts come from strangers: only printable characters on one line reach the terminal.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from kafka import TopicPartition
from kafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

import formats
from contract.job import JobFailedError, JobParser, job_main
from contract.kafka_client import PLAIN, KafkaClientConfig, KafkaConfigError, read_kafka_config
from contract.names import TOPIC
from counting.kafka_consumer import open_consumer
from formats.details import NO_NAME, Details
from formats.hashtags import extract_with_indices
from formats.parsed import Parsed
from formats.terms import identity

PATIENCE_S = 20.0
POLL_MS = 500
MAX_RECORDS = 100_000
DEAD_BYTES = 200  # of a dead record: enough to see what it was
_MAX_SECONDS = 253_402_300_800  # the year 10000
# Bidirectional controls would let a text rearrange what stands around it (see docs/contracts.md, Terms).
_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
_MADE_VISIBLE = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    **dict.fromkeys(range(0xD800, 0xE000), 0xFFFD),
    **dict.fromkeys(_BIDI),
}


class Seen(NamedTuple):
    """One record of the topic.

    Attributes:
        timestamp_ms: the record's own, epoch milliseconds.
    """

    timestamp_ms: int
    partition: int
    offset: int
    dialect: str | None
    value: bytes | None


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = JobParser("tail.py", __doc__)
    parser.add_argument("--bootstrap-servers", required=True, metavar="H:P", help="Kafka; several with commas")
    parser.add_argument(
        "--kafka-config", type=Path, metavar="FILE", help="Kafka client configuration with credentials (0400 or 0600)"
    )
    parser.add_argument("--topic", default=TOPIC)
    parser.add_argument("-n", "--lines", type=int, default=20, help="how many of the newest  [default: %(default)s]")
    parser.add_argument("-f", "--follow", action="store_true", help="then show new ones as they come")
    given = parser.parse_args(argv)
    if not 0 <= given.lines <= MAX_RECORDS:
        parser.error(f"-n must be between 0 and {MAX_RECORDS}")
    try:
        given.login = read_kafka_config(given.kafka_config)
    except KafkaConfigError as error:
        parser.error(f"--kafka-config: {error}")
    return given


def one_line(text: str) -> str:
    """The text on one line; what is not printable is made visible, or removed."""
    return " ".join(text.split()).translate(_MADE_VISIBLE)


def rendered(record: Seen) -> Text:
    """One record as a line."""
    parsed = formats.parse(record.dialect, record.value)
    if parsed.kind == "post":
        details = formats.describe(record.dialect, record.value or b"") or Details()
        return _post(parsed, details, record.timestamp_ms)
    line = Text(f"{_time(record.timestamp_ms * 1000)}  {parsed.source:<9}  ", style="dim")
    if parsed.kind == "control":
        return line.append(f"control: {one_line(parsed.term)}")
    if parsed.kind == "gap":
        return line.append(f"gap: {one_line(_gap(parsed.term))}", style="yellow")
    start = (record.value or b"")[:DEAD_BYTES].decode(errors="replace")
    return line.append(f"dead: {one_line(parsed.term)}: {one_line(start)}", style="red")


def _post(post: Parsed, details: Details, timestamp_ms: int) -> Text:
    at_us = post.created_at_us if post.created_at_us is not None else timestamp_ms * 1000
    line = Text()
    line.append(f"{_time(at_us)}  ", style="dim")
    line.append(f"{post.source:<9}  ", style="cyan")
    if details.author.name != NO_NAME or details.author.handle:
        name, handle = one_line(details.author.name), one_line(details.author.handle)
        # Jetstream gives a DID and no name: once is enough.
        line.append(f"{name} @{handle}  " if handle not in ("", name) else f"{name}  ", style="bold")
    if post.is_repost:
        line.append("↻ ", style="dim")
    line.append_text(_with_hashtags(one_line(post.text), post.hashtags))
    return line


def _with_hashtags(text: str, hashtags: Iterable[str]) -> Text:
    """The text with its hashtags coloured; those that do not stand in it follow."""
    line, shown = Text(text), set()
    for tag, start, end in extract_with_indices(text):
        line.stylize("green", start, end)
        shown.add(identity(tag))
    for tag in dict.fromkeys(hashtags):
        if identity(tag) not in shown:
            line.append(f" #{one_line(tag)}", style="dim green")
    return line


def _gap(term: str) -> str:
    note: dict[str, object] = msgspec.json.decode(term)
    return f"{note.get('source')} from {note.get('from')} to {note.get('to')}: {note.get('why')}"


def _time(at_us: int) -> str:
    seconds = at_us // 1_000_000
    if not 0 <= seconds < _MAX_SECONDS:
        return "????-??-?? ??:??:??"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


class Topic:
    """A plain reader of one topic; commits nothing, belongs to no group."""

    def __init__(self, bootstrap_servers: str, name: str, login: KafkaClientConfig = PLAIN) -> None:
        """Connects.

        Raises:
            OSError: no broker answers, or it refuses the credentials.
            LookupError: the topic does not exist, or these credentials may not see it.
        """
        self._consumer = open_consumer(bootstrap_servers, login, PATIENCE_S)
        numbers = self._consumer.partitions_for_topic(name)
        if not numbers:
            raise LookupError(
                f"there is no topic {name!r}" + (", or this login may not see it" if login.settings else "")
            )
        self._partitions = [TopicPartition(name, number) for number in sorted(numbers)]
        self._consumer.assign(self._partitions)

    def newest(self, number: int) -> list[Seen]:
        """The newest records of all partitions, oldest first.

        Raises:
            TimeoutError: the broker has stopped answering.
        """
        beginnings = self._consumer.beginning_offsets(self._partitions)
        ends = self._consumer.end_offsets(self._partitions)
        for partition in self._partitions:
            self._consumer.seek(partition, max(beginnings[partition], ends[partition] - number))
        found: list[Seen] = []
        deadline_s = time.monotonic() + PATIENCE_S
        while any(self._consumer.position(partition) < end for partition, end in ends.items()):
            came = self._poll()
            if came:
                found = sorted(found + came)[-number:]
                deadline_s = time.monotonic() + PATIENCE_S
            elif time.monotonic() > deadline_s:
                raise TimeoutError(f"no record came for {PATIENCE_S:.0f} s")
        return found

    def follow(self) -> Iterator[Seen]:
        """Yields new records as they come, for ever."""
        while True:
            yield from sorted(self._poll())

    def _poll(self) -> list[Seen]:
        batches = self._consumer.poll(timeout_ms=POLL_MS, max_records=500).values()
        return [
            Seen(each.timestamp, each.partition, each.offset, _dialect(each.headers), each.value)
            for batch in batches
            for each in batch
        ]


def _dialect(headers: Iterable[tuple[str, bytes]]) -> str | None:
    found = dict(headers).get("dialect")
    return None if found is None else found.decode("ascii", "replace")


def main(argv: list[str] | None = None) -> int:
    """Shows the newest records; 0 done, 1 with one line where Kafka or the topic is away, 2 for a wrong argument."""
    return job_main("tail", lambda: _show(arguments(argv)))


def _show(given: argparse.Namespace) -> None:
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # one line of ours, not its hundred
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        topic = Topic(given.bootstrap_servers, given.topic, given.login)
        for record in topic.newest(given.lines):
            console.print(rendered(record))
        if given.follow:
            for record in topic.follow():
                console.print(rendered(record))
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        pass
    except (KafkaError, LookupError, OSError, ValueError) as error:
        raise JobFailedError(f"{given.bootstrap_servers}: {str(error) or type(error).__name__}") from error


if __name__ == "__main__":
    sys.exit(main())

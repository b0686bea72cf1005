"""Collect posts: sources → spool → topic. See docs/contracts.md for what it promises.

With --simulator-truth or --simulator-lines it collects nothing, but makes a simulated stream, and what must be counted.
"""

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from collecting.collector import Collector
from collecting.filtering.selection import Selection
from collecting.publish.producer import ProducerSettings
from collecting.publish.publisher import Publisher
from collecting.source_api import Source, SourceError
from collecting.sources import open_source
from collecting.sources.auto import resolve_auto
from collecting.sources.simulator import SimulatorSource, parse_cursor
from collecting.spool.segments import SpoolCorrupt
from collecting.spool.spool import Spool
from contract.files import LockHeld
from contract.job import DONE, FAILED, WRONG_ARGUMENTS, JobFailedError, JobParser, job_main
from contract.kafka_client import KafkaConfigError, read_kafka_config
from contract.names import SPEND_FILE, TOPIC
from contract.source_address import AddressError, SourceAddress, read_stored, shown
from contract.spool import state
from contract.spool.collected import note_kinds
from contract.spool.state import CollectorState
from simulation import truth
from simulation.settings import SimulationSettings

log = logging.getLogger("collect")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = JobParser("collect.py", __doc__)
    parser.add_argument(
        "--source",
        required=True,
        action="append",
        metavar="ADDRESS",
        help="KIND:ITEM,ITEM,key=value; once for each of several (docs/contracts.md)",
    )
    parser.add_argument("--spool", type=Path, metavar="DIR", help="where lines are kept first; one collector per spool")
    parser.add_argument("--bootstrap-servers", metavar="H:P", help="Kafka; several with commas")
    parser.add_argument("--kafka-config", type=Path, metavar="FILE", help="Kafka client configuration (0400 or 0600)")
    parser.add_argument("--topic", default=TOPIC)
    parser.add_argument("--spool-budget-mb", type=int, default=2048, help="what the spool may take, archive included")
    parser.add_argument("--limit", metavar="N", help="end after N posts, over the address's life in the spool")
    parser.add_argument("--located-only", action="store_true", help="only posts whose author says where they are")
    parser.add_argument("--duration", metavar="S", help="end after S seconds")
    parser.add_argument("--verbose", action="store_true", help="print topic, partition and offset of each record")
    parser.add_argument(
        "--simulator-truth", type=Path, metavar="FILE", help="write what must be counted, as JSON, and end"
    )
    parser.add_argument("--simulator-lines", type=Path, metavar="FILE", help="write the simulated lines, and end")
    parser.add_argument("--check", action="store_true", help="only check whether the address is understood, and end")
    given = parser.parse_args(argv)
    if given.check or given.simulator_truth or given.simulator_lines:
        return given
    if not given.spool or not given.bootstrap_servers:
        parser.error("--spool and --bootstrap-servers are required")
    if given.spool_budget_mb < 1:
        parser.error("--spool-budget-mb must be at least 1")
    try:
        given.login = read_kafka_config(given.kafka_config)
    except KafkaConfigError as error:
        parser.error(f"--kafka-config: {error}")
    return given


def main(argv: list[str] | None = None) -> int:
    """Runs one collector; the exit status of docs/contracts.md."""
    return job_main("collect", lambda: _run(arguments(argv)), SourceError, SpoolCorrupt, OSError, ValueError)


def _run(given: argparse.Namespace) -> int:
    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)  # one line of ours a failure, not its hundred
    if given.check:
        return _check(given)
    if given.simulator_truth or given.simulator_lines:
        return _simulate(given)
    try:
        return _collect(given)
    except LockHeld as error:
        raise JobFailedError(f"another collector works on this spool: {error}") from error


def _addresses(given: argparse.Namespace) -> list[SourceAddress]:
    """Raises SourceError: one can't be understood."""
    try:
        return [SourceAddress.parse_one(each) for each in given.source]
    except AddressError as error:
        raise SourceError(str(error)) from None


def _source(given: argparse.Namespace, addresses: list[SourceAddress]) -> Source:
    """What the addresses and the options beside them name. Raises SourceError."""
    keys = {"limit": given.limit, "duration_s": given.duration, "located": "1" if given.located_only else None}
    asked = {key: (value,) for key, value in keys.items() if value is not None}
    return open_source(addresses, Selection.from_address(SourceAddress("options", keys=asked)))


def _check(given: argparse.Namespace) -> int:
    """Only the reason on stderr: the launcher shows it as it is."""
    try:
        _source(given, _addresses(given))
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_ARGUMENTS
    return DONE


def _collect(given: argparse.Namespace) -> int:
    stop = _stop_on_signals()
    spool = Spool(given.spool.absolute(), budget_bytes=given.spool_budget_mb * 2**20)
    os.environ.setdefault(SPEND_FILE, str(spool.directory / "x-spend.json"))  # beside what was paid for
    try:
        try:
            addresses = resolve_auto(_addresses(given), spool.directory)
            source = _source(given, addresses)
        except SourceError as error:
            CollectorState(read_stored(given.source), state.FAILED, str(error)).write(spool.directory)
            log.error("%s", error)  # noqa: TRY400
            return WRONG_ARGUMENTS
        note_kinds(spool.directory, (each.kind for each in addresses), datetime.now(UTC))
        settings = ProducerSettings(given.bootstrap_servers, given.topic, given.login.for_librdkafka())
        log.info("collecting %s into topic %s", shown(addresses), given.topic)
        publisher = Publisher(spool, settings, on_acked=_print_place if given.verbose else None)
        last = Collector(read_stored(given.source), source, spool, publisher).run(stop)
    finally:
        spool.close()
    log.info(
        "%s: %d lines read, %d records acknowledged, %d pending",
        last.status,
        last.lines_read,
        last.records_acked,
        last.lag_records,
    )
    if last.error:
        log.error("%s", last.error)
    return FAILED if last.status == state.FAILED else DONE


def _print_place(topic: str | None, partition: int | None, offset: int | None) -> None:
    with contextlib.suppress(BrokenPipeError):  # the reader closed the pipe; collecting continues
        sys.stdout.write(f"{topic}[{partition}]@{offset}\n")


def _stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once, which costs nothing but time."""
    stop = threading.Event()

    def heard(*_: object) -> None:
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heard)
    return stop


def _simulate(given: argparse.Namespace) -> int:
    """Truth and lines of a simulator. The start: the address's, else the one that the spool's last cursor has."""
    try:
        settings = _simulator(given)
        start_ms = settings.first_start_ms(0) if settings.start else _start_in_spool(given.spool, settings)
    except SourceError as error:
        log.error("%s", error)  # noqa: TRY400
        return WRONG_ARGUMENTS
    truth.write(settings, start_ms, truth_path=given.simulator_truth, lines_path=given.simulator_lines)
    return DONE


def _simulator(given: argparse.Namespace) -> SimulationSettings:
    """Raises SourceError: not the address of one simulator."""
    addresses = _addresses(given)
    if len(addresses) != 1:
        raise SourceError("--simulator-truth and --simulator-lines are of one simulator: give one --source")
    try:
        return SimulationSettings.from_address(addresses[0])
    except AddressError as error:
        raise SourceError(str(error)) from None


def _start_in_spool(directory: Path | None, settings: SimulationSettings) -> int:
    if directory is None:
        raise SourceError("source simulator: give start=TIME, or --spool DIR of the collector whose start it was")
    spool = Spool(directory, budget_bytes=2**40)
    try:
        cursor = spool.begin("", SimulatorSource(settings).source_id)
    finally:
        spool.close()
    if cursor is None:
        raise SourceError(f"the spool {directory} has no line of this source")
    return parse_cursor(cursor)[1]


if __name__ == "__main__":
    sys.exit(main())

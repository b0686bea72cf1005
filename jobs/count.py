"""The count stage: topic → checkpoint and count log. `python jobs/count.py --help`; on YARN by spark-submit.

Exit status: 0 ended as asked, 1 failed (one clear line on stderr), 2 wrong arguments.
"""

import logging
import sys
from collections.abc import Callable, Sequence

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contract.job import job_main
from counting import query
from counting.batches import CountLogWriter
from counting.checkpoint import Checkpoint
from counting.clocks import ClockAhead, RowsDropped
from counting.counting_rules import pin_rules
from counting.files import Files
from counting.session import session
from counting.settings import EARLIEST, CountSettings, parse_arguments
from counting.topic import TopicUnreadable, require_topic, resolve_starting_offsets
from counting.topic_guard import TopicGuard, TopicReplaced
from counting.watch import StopRequest, watch

log = logging.getLogger("count")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until the marker, a signal, or, with --until-caught-up, the topic's end."""

    def count() -> None:
        settings = parse_arguments(argv)
        stop_requested = StopRequest()
        with session(settings.name, settings) as spark:
            run(spark, settings, stop_requested)

    return job_main("count", count, TopicUnreadable, TopicReplaced, RowsDropped, ClockAhead, ValueError, OSError)


def run(spark: SparkSession, settings: CountSettings, asked_to_end: Callable[[], bool]) -> None:
    """One run of the query, from its checkpoint or from a new one.

    Raises:
        TopicUnreadable: the topic does not exist, or no broker answers.
        TopicReplaced: the topic no longer holds what the generation has counted.
        RowsDropped: the counts are not whole, or would not be with the next batch.
        ClockAhead: the driver's clock is ahead of the file system's; the next start plans the batch anew.
        ValueError: the checkpoint is damaged, or the generation counts otherwise than asked for.
        OSError: the file system failed.
    """
    files = Files(spark, settings.root)
    if files.exists(settings.stop_marker):
        log.info("the stop marker %s exists: not starting", files.url(settings.stop_marker))
        return
    if files.exists(settings.dropped_marker):
        raise RowsDropped(files.read_text(settings.dropped_marker))
    checkpoint, guard = Checkpoint(files, settings.checkpoint), TopicGuard(settings)
    is_new = checkpoint.is_new()
    count_log = CountLogWriter(files, settings.generation, checkpoint, settings.rules, guard.confirm)
    if is_new:
        count_log.require_empty()
    pin_rules(files, settings.rules_file, settings.rules, is_new=is_new)
    offsets = _first_offsets(settings, is_new=is_new)

    def start() -> StreamingQuery:
        return query.start(query.read_topic(spark, settings, offsets), settings, checkpoint, count_log)

    try:
        _run_guarded(start, lambda running: watch(running, files, settings.stop_marker, asked_to_end), guard, count_log)
    except RowsDropped as dropped:
        # YARN starts the job again; the marker stops it, since continuing would hide the loss.
        files.write_text(settings.dropped_marker, str(dropped))
        raise
    except ClockAhead as ahead:
        checkpoint.discard_plan(ahead.batch_id)
        raise
    finally:
        guard.close()


def _run_guarded(
    start: Callable[[], StreamingQuery],
    watch_to_end: Callable[[StreamingQuery], None],
    guard: TopicGuard,
    count_log: CountLogWriter,
) -> None:
    """Starts the query and watches it; where a leader of the topic has changed meanwhile, once more."""
    while True:
        count_log.clean_aside()
        guard.begin(count_log.newest(), count_log.pending())
        try:
            watch_to_end(start())
        except StreamingQueryException:
            if count_log.refusal:
                raise count_log.refusal from None
            if not guard.leader_changed:
                guard.begin(count_log.newest(), count_log.pending())  # says so where the topic is the cause
                raise
            log.warning("a leader of the topic has changed: reading the batch again")
        else:
            return


def _first_offsets(settings: CountSettings, *, is_new: bool) -> str:
    """Where a new checkpoint begins; of an older one, that has its own offsets, the topic is only looked for."""
    servers, topic, login = settings.bootstrap_servers, settings.topic, settings.kafka_config
    if not is_new:
        require_topic(servers, topic, login)
        return EARLIEST  # not used
    offsets = resolve_starting_offsets(servers, topic, settings.starting_offsets, login)
    log.info("new generation %d from %s", settings.generation, offsets)
    return offsets


if __name__ == "__main__":
    sys.exit(main())

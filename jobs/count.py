"""The count stage: topic → checkpoint and count log. `python jobs/count.py --help`; on YARN by spark-submit.

Exit status: 0 ended as asked, 1 failed (one clear line on stderr), 2 wrong arguments.
"""

import logging
import sys
from collections.abc import Callable, Sequence

from pyspark.sql import SparkSession

from contract.job import job_main
from counting import query
from counting.batches import CountLogWriter
from counting.checkpoint import Checkpoint
from counting.counting_rules import pin_rules
from counting.files import Files
from counting.session import session
from counting.settings import CountSettings, parse_arguments
from counting.topic import TopicUnreadable, require_topic, resolve_starting_offsets
from counting.watch import RowsDropped, StopRequest, watch

log = logging.getLogger("count")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until the marker, a signal, or, with --until-caught-up, the topic's end."""

    def count() -> None:
        settings = parse_arguments(argv)
        stop_requested = StopRequest()
        with session(settings.name, settings) as spark:
            run(spark, settings, stop_requested)

    return job_main("count", count, TopicUnreadable, RowsDropped, ValueError, OSError)


def run(spark: SparkSession, settings: CountSettings, asked_to_end: Callable[[], bool]) -> None:
    """One run of the query, from its checkpoint or from a new one.

    Raises:
        TopicUnreadable: the topic does not exist, or no broker answers.
        RowsDropped: the counts are no longer whole.
        ValueError: the checkpoint is damaged, or the generation counts otherwise than asked for.
        OSError: the file system failed.
    """
    files = Files(spark, settings.root)
    if files.exists(settings.stop_marker):
        log.info("the stop marker %s exists: not starting", files.url(settings.stop_marker))
        return
    if files.exists(settings.dropped_marker):
        raise RowsDropped(files.read_text(settings.dropped_marker))
    checkpoint = Checkpoint(files, settings.checkpoint)
    is_new = checkpoint.is_new()
    count_log = CountLogWriter(files, settings.generation, checkpoint)
    if is_new:
        count_log.require_empty()
    pin_rules(files, settings.rules_file, settings.rules, is_new=is_new)
    if is_new:
        offsets = resolve_starting_offsets(
            settings.bootstrap_servers, settings.topic, settings.starting_offsets, settings.kafka_config
        )
        log.info("new generation %d from %s", settings.generation, offsets)
    else:
        require_topic(settings.bootstrap_servers, settings.topic, settings.kafka_config)
        offsets = "earliest"  # not used: the checkpoint has the offsets
    count_log.clean_aside()
    running = query.start(query.read_topic(spark, settings, offsets), settings, checkpoint, count_log)
    try:
        watch(running, files, settings.stop_marker, asked_to_end)
    except RowsDropped as dropped:
        # YARN starts the job again; the marker stops it, since continuing would hide the loss.
        files.write_text(settings.dropped_marker, str(dropped))
        raise


if __name__ == "__main__":
    sys.exit(main())

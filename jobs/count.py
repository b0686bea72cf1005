"""The count stage: topic → checkpoint and count log. `python jobs/count.py --help`; on YARN by spark-submit.

With --mode it counts to look at instead, without the books: `python jobs/count.py --mode batch --help`.

Exit status: 0 ended as asked, 1 failed (one clear line on stderr), 2 wrong arguments.
"""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from counting import query
from counting.batches import CountLog
from counting.checkpoint import Checkpoint
from counting.counting_rules import pin_rules
from counting.files import Files
from counting.session import start_session
from counting.settings import Settings, parse_arguments
from counting.topic import TopicUnreadable, require_topic, resolve_starting_offsets
from counting.watch import RowsDropped, StopRequest, watch
from previewing import run as preview
from previewing import settings as exploring
from previewing.settings import PreviewSettings

log = logging.getLogger("count")


def main() -> int:
    """Runs until the marker, a signal, or, with --until-caught-up, the topic's end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("kafka").setLevel(logging.WARNING)
    logging.getLogger("py4j").setLevel(logging.WARNING)
    settings = exploring.parse_arguments() if _is_look(sys.argv[1:]) else parse_arguments()
    asked_to_end = StopRequest()
    spark = start_session(settings.name, settings.master, settings.shuffle_partitions, _connector_jars(settings))
    try:
        if isinstance(settings, PreviewSettings):
            preview.run(spark, settings, asked_to_end)
        else:
            run(spark, settings, asked_to_end)
    except (TopicUnreadable, RowsDropped, ValueError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - one clear line; where it happened is in the message
        return 1
    except StreamingQueryException as error:
        log.error("the query failed: %s", _cause(error))  # noqa: TRY400 - Spark has logged the trace
        return 1
    finally:
        spark.stop()
    return 0


def _is_look(argv: list[str]) -> bool:
    return any(word == "--mode" or word.startswith("--mode=") for word in argv)


def run(spark: SparkSession, settings: Settings, asked_to_end: Callable[[], bool]) -> None:
    """One run of the query, from its checkpoint or from a new one.

    Raises:
        TopicUnreadable: the topic does not exist, or no broker answers.
        RowsDropped: the counts are no longer whole.
        ValueError: the checkpoint is damaged, or the generation counts otherwise than asked for.
        OSError: the file system failed.
    """
    files = Files(spark, settings.root)
    if files.exists(settings.stop_marker):
        log.info("the stop marker %s is there: nothing is started", files.url(settings.stop_marker))
        return
    if files.exists(settings.dropped_marker):
        raise RowsDropped(files.read_text(settings.dropped_marker))
    checkpoint = Checkpoint(files, settings.checkpoint)
    is_new = checkpoint.is_new()
    pin_rules(files, settings.meaning_file, settings.meaning, is_new=is_new)
    if is_new:
        offsets = resolve_starting_offsets(
            settings.bootstrap_servers, settings.topic, settings.starting_offsets, settings.kafka_config
        )
        log.info("new generation %d from %s", settings.generation, offsets)
    else:
        require_topic(settings.bootstrap_servers, settings.topic, settings.kafka_config)
        offsets = "earliest"  # not used: the checkpoint says where it is
    count_log = CountLog(files, settings.generation, checkpoint)
    count_log.clean_aside()
    running = query.start(query.read_topic(spark, settings, offsets), settings, checkpoint, count_log)
    try:
        watch(running, files, settings.stop_marker, asked_to_end)
    except RowsDropped as dropped:
        # YARN starts the job again; it has to know that going on would hide the loss.
        files.write_text(settings.dropped_marker, str(dropped))
        raise


def _cause(error: StreamingQueryException) -> str:
    """The first line, which names the query, and the innermost cause."""
    lines = str(error).splitlines()
    causes = [line for line in lines if line.startswith("Caused by: ")]
    return " ".join([lines[0], *causes[-1:]])


def _connector_jars(settings: Settings | PreviewSettings) -> Path | None:
    """Where a local run finds the Kafka connector; on YARN spark.yarn.jars has it."""
    if settings.master is None or settings.connector_jars is not None:
        return settings.connector_jars
    parts = os.environ.get("HASHTIDE_PARTS")
    return Path(parts) / "jars" / "connector" if parts else None


if __name__ == "__main__":
    sys.exit(main())

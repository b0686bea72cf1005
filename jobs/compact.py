"""Compact what is new in the count log into Postgres; HASHTIDE_COMPACTOR_DSN in the environment.

The last line on stdout is one JSON object: generation, batches (compacted now), first_batch (null: none), last_batch
(newest compacted; null: none ever), rows, records, removed_batches, dropped_partitions.
"""

import argparse
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from compacting.access import Access
from compacting.compaction import CompactSettings, compact
from compacting.count_log import CountLog
from compacting.errors import CompactionError

log = logging.getLogger("compact")


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parse(arguments: list[str] | None = None) -> tuple[CountLog, CompactSettings]:
    """Arguments and environment → what to compact. Exits with status 2 where they are wrong."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=summary, epilog=details)
    defaults = CompactSettings(dsn="")
    parser.add_argument(
        "--count-log",
        required=True,
        metavar="URL",
        help="webhdfs://[user@]host:port[,host:port]/hashtide/counts, swebhdfs://… over TLS, file:///…",
    )
    parser.add_argument("--auth", choices=("simple", "kerberos"), default="simple", help="to WebHDFS")
    parser.add_argument("--principal", help="whose Kerberos ticket (default: the ticket cache's)")
    parser.add_argument("--keytab", metavar="FILE", help="the principal's key (default: a ticket is there)")
    parser.add_argument("--ca-file", metavar="FILE", help="PEM; who vouches for swebhdfs (default: the machine's)")
    parser.add_argument("--generation", type=positive, default=defaults.generation)
    parser.add_argument("--max-batches", type=positive, help="at most so many in this run (default: all)")
    parser.add_argument("--chunk-batches", type=positive, default=defaults.chunk_batches, help="at most, a transaction")
    parser.add_argument("--chunk-rows", type=positive, default=defaults.chunk_rows, help="at most, a transaction")
    parser.add_argument("--keep-days", type=positive, default=defaults.keep_days, help="of compacted batches' files")
    parser.add_argument(
        "--keep-bucket-days", type=positive, default=defaults.keep_bucket_days, help="of arrivals in count_bucket"
    )
    parser.add_argument("--spool", type=Path, metavar="DIR", help="the collector's, which says what was simulated")
    args = vars(parser.parse_args(arguments))
    dsn = os.environ.get("HASHTIDE_COMPACTOR_DSN")
    if not dsn:
        parser.error("HASHTIDE_COMPACTOR_DSN is not set: the connection string of the role that writes the counts")
    try:
        access = Access(args.pop("auth") == "kerberos", args.pop("principal"), args.pop("keytab"), args.pop("ca_file"))
        count_log = CountLog(args.pop("count_log"), args["generation"], access)
    except (ValueError, ImportError) as error:
        parser.error(f"--count-log: {error}")
    return count_log, CompactSettings(dsn=dsn, **args)


def main() -> int:
    """Compact and say so in one JSON line.

    Returns:
        0 done (also when there was nothing to do), 1 failed.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    count_log, settings = parse()
    try:
        outcome = compact(settings, count_log, datetime.now(UTC))
    except (CompactionError, psycopg2.Error) as error:
        log.error("%s", " ".join(str(error).split()))  # noqa: TRY400 - one clear line, not a traceback
        return 1
    sys.stdout.write(outcome.as_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

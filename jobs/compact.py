"""Compacts new batches of the count log into Postgres; HASHTIDE_COMPACTOR_DSN in the environment.

The last line on stdout is one JSON object: generation, batches (compacted now), first_batch (null: none), last_batch
(newest compacted; null: none ever), rows, records, removed_batches, dropped_partitions.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from compacting.compaction import CompactSettings, compact
from compacting.count_log import CountLogReader
from compacting.errors import CompactionError
from contract.hadoop_access import Access
from contract.job import JobParser, job_main
from contract.names import COMPACTOR_DSN


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def parse(arguments: list[str] | None = None) -> tuple[CountLogReader, CompactSettings]:
    """Arguments and environment → settings. Exits with status 2 if they are wrong."""
    parser = JobParser("compact.py", __doc__)
    defaults = CompactSettings(dsn="")
    parser.add_argument(
        "--count-log",
        required=True,
        metavar="URL",
        help="webhdfs://[user@]host:port[,host:port]/hashtide/counts, swebhdfs://… over TLS, file:///…",
    )
    parser.add_argument("--auth", choices=("simple", "kerberos"), default="simple", help="to WebHDFS (default simple)")
    parser.add_argument("--principal", help="Kerberos principal (default: the ticket cache's)")
    parser.add_argument(
        "--keytab", type=Path, metavar="FILE", help="the principal's keytab (default: use the ticket cache)"
    )
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="CA bundle (PEM) for swebhdfs (default: the system's)"
    )
    parser.add_argument("--generation", type=positive, default=defaults.generation)
    parser.add_argument("--max-batches", type=positive, help="at most so many batches in this run (default: all)")
    parser.add_argument(
        "--chunk-batches", type=positive, default=defaults.chunk_batches, help="batches per transaction, at most"
    )
    parser.add_argument(
        "--chunk-rows", type=positive, default=defaults.chunk_rows, help="rows per transaction, at most"
    )
    parser.add_argument(
        "--keep-days", type=positive, default=defaults.keep_days, help="days to keep files of compacted batches"
    )
    parser.add_argument(
        "--keep-bucket-days",
        type=positive,
        default=defaults.keep_bucket_days,
        help="days of arrivals to keep in count_bucket",
    )
    parser.add_argument("--spool", type=Path, metavar="DIR", help="the collector's; it records what was simulated")
    args = vars(parser.parse_args(arguments))
    dsn = parser.environment(COMPACTOR_DSN, "the connection string of the role that writes the counts")
    try:
        access = Access(args.pop("auth"), args.pop("principal"), args.pop("keytab"), args.pop("ca_file"))
        count_log = CountLogReader(args.pop("count_log"), args["generation"], access)
    except (ValueError, ImportError) as error:
        parser.error(f"--count-log: {error}")
    return count_log, CompactSettings(dsn=dsn, **args)


def main() -> int:
    """Compact and say so in one JSON line; return the exit status, 0 also when there was nothing to do."""

    def run() -> None:
        count_log, settings = parse()
        outcome = compact(settings, count_log, datetime.now(UTC))
        sys.stdout.write(outcome.as_json() + "\n")

    return job_main("compact", run, CompactionError, psycopg2.Error)


if __name__ == "__main__":
    sys.exit(main())

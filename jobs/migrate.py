"""Bring the schema of the books up to date: `python jobs/migrate.py`; HASHTIDE_MIGRATOR_DSN in the environment."""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

import psycopg2

from compacting.migrations import MigrationError, migrate, read_migrations

SCHEMA = Path(__file__).resolve().parent.parent / "sql" / "schema"

log = logging.getLogger("migrate")


def main() -> int:
    """Apply what is missing and say so in one JSON line.

    Returns:
        0 done (also when there was nothing to do), 1 failed.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--schema", type=Path, default=SCHEMA, help="folder of numbered .sql files (default: sql/schema)"
    )
    args = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    dsn = os.environ.get("HASHTIDE_MIGRATOR_DSN")
    if not dsn:
        parser.error("HASHTIDE_MIGRATOR_DSN is not set: the connection string of the role that owns the schema")
    try:
        applied = migrate(dsn, migrations := read_migrations(args.schema))
    except (MigrationError, psycopg2.Error, OSError) as error:
        log.error("%s", " ".join(str(error).split()))  # noqa: TRY400 - one clear line, not a traceback
        return 1
    sys.stdout.write(json.dumps({"applied": applied, "migrations": len(migrations)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Bring the schema of the books up to date: `python jobs/migrate.py`; HASHTIDE_MIGRATOR_DSN in the environment."""

import json
import sys
from pathlib import Path

import psycopg2

from compacting.migrations import MigrationError, migrate, read_migrations
from contract.job import JobParser, job_main
from contract.names import MIGRATOR_DSN

SCHEMA = Path(__file__).resolve().parent.parent / "sql" / "schema"


def main() -> int:
    """Apply what is missing and say so in one JSON line; return the exit status, 0 also when nothing was missing."""

    def run() -> None:
        parser = JobParser("migrate.py", __doc__)
        parser.add_argument(
            "--schema", type=Path, default=SCHEMA, help="folder of numbered .sql files (default: sql/schema)"
        )
        options = parser.parse_args()
        dsn = parser.environment(MIGRATOR_DSN, "the connection string of the role that owns the schema")
        migrations = read_migrations(options.schema)
        applied = migrate(dsn, migrations)
        sys.stdout.write(json.dumps({"applied": applied, "migrations": len(migrations)}) + "\n")

    return job_main("migrate", run, MigrationError, psycopg2.Error, OSError)


if __name__ == "__main__":
    sys.exit(main())

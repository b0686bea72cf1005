"""`psql` on the counts, with the read-only role."""

import os
import subprocess
from pathlib import Path

from psycopg2.extensions import parse_dsn

from stack.daemons.postgres import server_binaries

# Other parameters: PG and the name in capitals.
_NAMES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}


def environment(dsn: str) -> dict[str, str]:
    """A connection string as libpq's environment variables: others can read a command line."""
    return {_NAMES.get(key, f"PG{key.upper()}"): value for key, value in parse_dsn(dsn).items()}


def run(dsn_file: Path, command: str | None) -> int:
    """Runs the command, or an interactive session; returns psql's exit status."""
    args = [str(server_binaries() / "psql"), *(["--command", command] if command else [])]
    env = {**os.environ, **environment(dsn_file.read_text().strip())}
    try:
        return subprocess.run(args, env=env, check=False).returncode
    except KeyboardInterrupt:
        return 130

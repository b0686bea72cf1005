"""SPOOL/state.json: what the collector says of itself to whoever watches it (docs/contracts.md)."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from collecting.spool import process_id
from collecting.spool.files import write_atomically

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


@dataclass(frozen=True)
class State:
    """One reading.

    Attributes:
        source: the address.
        status: `running`, `finished` (the source has ended, all is acknowledged), `stopped` or `failed`.
        error: why it failed, or what holds it up at the moment; one line.
        collects: source_id of the source that stands behind the address: of `auto` it says which it is.
        lines_read, records_acked: over the spool's life; notes are records, but no lines.
        lag_records: in the spool and not yet acknowledged.
        pid_started_at: epoch seconds; with the pid it names the process for good, as the line of `SPOOL/lock` does.
    """

    source: str
    status: str
    error: str | None = None
    collects: str = ""
    lines_read: int = 0
    records_acked: int = 0
    lag_records: int = 0
    spool_bytes: int = 0
    pid: int = field(default_factory=os.getpid)
    pid_started_at: float = field(default_factory=lambda: process_id.started_at(os.getpid()))
    updated_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def write(self, directory: Path) -> None:
        """Replaces the spool's state file in one step."""
        write_atomically(directory / "state.json", (json.dumps(asdict(self)) + "\n").encode())

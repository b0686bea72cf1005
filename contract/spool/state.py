"""SPOOL/state.json: what the collector says of itself to whoever watches it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.files import write_atomically
from contract.source_address import SourceAddress, read_stored
from contract.spool.lock import Holder, started_at

RUNNING, FINISHED, STOPPED, FAILED = "running", "finished", "stopped", "failed"


@dataclass(frozen=True)
class CollectorState:
    """One reading.

    Attributes:
        sources: what it collects.
        status: `running`, `finished` (the source has ended, all is acknowledged), `stopped` or `failed`.
        error: why it failed, or what holds it up at the moment, one line; None where all is well.
        collects: id of the source that stands behind the addresses: of `auto` it says which it is.
        lines_read, records_acked: over the spool's life; the collector's own records are records, but no lines.
        lag_records: in the spool and not yet acknowledged.
        spool_bytes: what all segments together take.
        pid, pid_started_at: the process that wrote it, as the line of `SPOOL/lock` names it.
        updated_at: when it was written, epoch seconds.
    """

    sources: tuple[SourceAddress, ...]
    status: str
    error: str | None = None
    collects: str = ""
    lines_read: int = 0
    records_acked: int = 0
    lag_records: int = 0
    spool_bytes: int = 0
    pid: int = field(default_factory=os.getpid)
    pid_started_at: float = field(default_factory=lambda: started_at(os.getpid()))
    updated_at: float = field(default_factory=time.time)

    def is_of(self, holder: Holder) -> bool:
        """Whether the process that lives wrote it; else it is an earlier one's, whatever it says."""
        return (self.pid, self.pid_started_at) == (holder.pid, holder.started_at)

    def write(self, directory: Path) -> None:
        """Replaces the spool's state file in one step."""
        updated_at = datetime.fromtimestamp(self.updated_at, UTC).isoformat(timespec="milliseconds")
        others = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "sources"}
        content = json.dumps({"source": list(map(str, self.sources)), **others, "updated_at": updated_at}) + "\n"
        write_atomically(directory / "state.json", content)


def read_state(directory: Path) -> CollectorState | None:
    """What the collector last wrote; None before its first word, and after a power cut that left the file empty.

    Raises:
        ValueError: the file is there and isn't the collector's.
        OSError: it can't be read.
    """
    path = directory / "state.json"
    try:
        content = path.read_bytes()
        return _state(json.loads(content)) if content else None
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error!r}") from error


def _state(found: Mapping[str, Any]) -> CollectorState:
    """As every version wrote it: sources are a list or one text, moments epoch seconds or ISO 8601.

    What a version did not know is 0 or empty. A process that is not named is nobody's: pid 0.
    """
    counts = ("lines_read", "records_acked", "lag_records", "spool_bytes", "pid")
    return CollectorState(
        sources=read_stored(found["source"]),
        status=str(found["status"]),
        error=str(found.get("error") or "") or None,
        collects=str(found.get("collects") or ""),
        pid_started_at=_epoch_s(found.get("pid_started_at") or 0.0),
        updated_at=_epoch_s(found.get("updated_at") or 0.0),
        **{name: int(found.get(name) or 0) for name in counts},
    )


def _epoch_s(moment: float | str) -> float:
    """A moment as epoch seconds, from the same or from ISO 8601."""
    try:
        return float(moment)
    except ValueError:
        return datetime.fromisoformat(str(moment)).timestamp()

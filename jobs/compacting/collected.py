"""The collector's list of source kinds (SPOOL/collected.jsonl) → rows of `collected`."""

import json
from pathlib import Path

from contract.spool import collected


def read_collected(spool: Path | None) -> str:
    """A JSON array of {"began_at", "kinds"}; empty if there is no spool, or nothing was collected into it yet."""
    found = collected.read_collected(spool) if spool else []
    return json.dumps([{"began_at": each.began_at.isoformat(), "kinds": each.kinds} for each in found])

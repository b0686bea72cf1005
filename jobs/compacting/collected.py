"""What the collector noted of its sources' kinds (SPOOL/collected.jsonl) → rows of `collected`."""

import json
import logging
from datetime import datetime
from pathlib import Path

log = logging.getLogger(__name__)


def read_collected(spool: Path | None) -> str:
    """The notes as a JSON array of {"began_at", "kinds"}; empty where there is no spool, or none that says it yet.

    A line that can't be read is told and left out: what it is about is a label, and no count waits for that.
    """
    path = spool / "collected.jsonl" if spool else None
    if path is None or not path.exists():
        return "[]"
    notes = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        try:
            note = json.loads(line)
            began_at = datetime.fromisoformat(note["began_at"])
            notes.append({"began_at": began_at.isoformat(), "kinds": [str(kind) for kind in note["kinds"]]})
        except (ValueError, KeyError, TypeError):
            log.warning("%s line %d can't be read: which sources were collected is not known whole", path, number)
    return json.dumps(notes)

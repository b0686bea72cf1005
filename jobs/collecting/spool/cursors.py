"""Where each source goes on, for those whose segments are gone."""

import json
from pathlib import Path

from collecting.spool.files import write_atomically


class Cursors:
    """The last cursor of each source by its source_id, in one small file, the latest written last."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "cursors.json"

    def get(self, source_id: str) -> str | None:
        """The source's cursor as it was last written down."""
        return self._all().get(source_id)

    def remember(self, source_id: str, cursor: str) -> None:
        """Writes it down, before what it comes from is removed."""
        others = {other: each for other, each in self._all().items() if other != source_id}
        content = json.dumps({**others, source_id: cursor}).encode()
        write_atomically(self._path, content, durably=True)

    def newest_first(self) -> list[tuple[str, str]]:
        """Slug and cursor of every source, the one that was written down last at first."""
        return list(self._all().items())[::-1]

    def _all(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        cursors: dict[str, str] = json.loads(self._path.read_bytes())
        return cursors

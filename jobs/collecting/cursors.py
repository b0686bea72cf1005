"""Where each source goes on, for those whose segments are gone."""

import json
from pathlib import Path

from collecting.files import write_atomically


class Cursors:
    """The last cursor of each source by its slug, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, slug: str) -> str | None:
        """The source's cursor as it was last written down."""
        return self._all().get(slug)

    def remember(self, slug: str, cursor: str) -> None:
        """Writes it down, before what it comes from is removed."""
        content = json.dumps(self._all() | {slug: cursor}).encode()
        write_atomically(self._path, content, durably=True)

    def _all(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        cursors: dict[str, str] = json.loads(self._path.read_bytes())
        return cursors

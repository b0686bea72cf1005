"""Where each source goes on, for those whose segments are gone."""

import json
from pathlib import Path

from collecting.files import write_atomically


class Cursors:
    """The last cursor of each source by its slug, in one small file; the one that was written down last stands last."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "cursors.json"

    def get(self, slug: str) -> str | None:
        """The source's cursor as it was last written down."""
        return self._all().get(slug)

    def remember(self, slug: str, cursor: str) -> None:
        """Writes it down, before what it comes from is removed."""
        others = {other: each for other, each in self._all().items() if other != slug}
        content = json.dumps({**others, slug: cursor}).encode()
        write_atomically(self._path, content, durably=True)

    def newest_first(self) -> list[tuple[str, str]]:
        """Slug and cursor of every source, the one that was written down last at first."""
        return list(self._all().items())[::-1]

    def _all(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        cursors: dict[str, str] = json.loads(self._path.read_bytes())
        return cursors

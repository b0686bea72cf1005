"""The ground truth of a simulated stream, taken from the generator's input, not from its output."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulation.posts import Line, lines
from simulation.settings import SimulationSettings

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
FIRST_PLAUSIBLE_MS = 1_136_073_600_000  # 2006-01-01
FUTURE_MS = 4_000_000_000_000  # the simulator's only future year is 2100
IMPLAUSIBLE = 0


class Truth:
    """Books and counts of the added lines."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._control: Counter[str] = Counter()
        self._dead: Counter[str] = Counter()
        # (metric, bucket in ms or None, source, lang) → term → posts, and of them reposts
        self._posts: defaultdict[tuple[str, int | None, str, str], Counter[str]] = defaultdict(Counter)
        self._reposts: defaultdict[tuple[str, int | None, str, str], Counter[str]] = defaultdict(Counter)

    def add(self, line: Line) -> None:
        """Adds one line to the books."""
        self._kinds[line.kind] += 1
        if line.kind == "control":
            self._control[line.term] += 1
        elif line.kind == "dead":
            self._dead[line.term] += 1
        elif line.kind == "post":
            minute, hour = _bucket(line.at_ms, MINUTE_MS), _bucket(line.at_ms, HOUR_MS)
            self._count(("post", minute, line.source, line.lang), frozenset(("",)), line.is_repost)
            self._count(("hashtag", minute, line.source, line.lang), line.tags, line.is_repost)
            self._count(("spelling", hour, line.source, line.lang), line.spellings, line.is_repost)
            self._count(("word", hour, line.source, line.lang), line.words, line.is_repost)

    def _count(self, key: tuple[str, int | None, str, str], terms: frozenset[str], is_repost: bool) -> None:
        if terms:
            self._posts[key].update(terms)
            if is_repost:
                self._reposts[key].update(terms)

    def books(self) -> dict[str, int]:
        """Records and what became of them; the sums agree."""
        kinds = self._kinds
        return {
            "records": kinds.total(), "posts": kinds["post"], "duplicates": kinds["duplicate"],
            "control": kinds["control"], "dead": kinds["dead"], "gaps": 0,
        }  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Everything; `counts` are rows of (metric, bucket, source, lang, term, posts, reposts).

        A bucket is ISO 8601 in UTC; null for text posts, whose time of receipt the generator cannot know.
        """
        rows = [
            [metric, _iso(bucket), source, lang, term, posts, self._reposts[key][term] if key in self._reposts else 0]
            for key, terms in self._posts.items()
            for (metric, bucket, source, lang) in [key]
            for term, posts in terms.items()
        ]
        return {"books": self.books(), "control": self._control, "dead": self._dead, "counts": sorted(rows, key=str)}


def _bucket(at_ms: int | None, width_ms: int) -> int | None:
    if at_ms is None:
        return None
    return at_ms // width_ms * width_ms if FIRST_PLAUSIBLE_MS <= at_ms < FUTURE_MS else IMPLAUSIBLE


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(
    settings: SimulationSettings, start_ms: int, *, truth_path: Path | None = None, lines_path: Path | None = None
) -> None:
    """Generates the whole stream again and writes its truth (JSON), its lines, or both.

    Raises:
        ValueError: the stream is endless.
        OSError: a file cannot be written.
    """
    if not settings.posts:
        raise ValueError("an endless simulator has no ground truth; give it posts=N")
    truth = Truth()
    with (lines_path or Path("/dev/null")).open("wb") as file:
        for line in lines(settings, start_ms):
            if truth_path:
                truth.add(line)
            file.write(line.raw + b"\n")
    if truth_path:
        truth_path.write_text(json.dumps({"start": _iso(start_ms), **truth.as_json()}, ensure_ascii=False))

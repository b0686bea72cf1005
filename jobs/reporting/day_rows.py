"""A day's rows as the queries return them, before any computation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reporting.ranking import Rank, TermCount


@dataclass(frozen=True)
class LedgerPosition:
    """The last compacted batch of the current generation: the report's basis, instead of a clock.

    `processed_at` is that batch's own time, `began_at` the first one's; all but the generation are None before the
    first batch.
    """

    generation: int | None
    batch_id: int | None
    processed_at: datetime | None
    began_at: datetime | None
    code_version: str | None


@dataclass(frozen=True)
class RecordTally:
    """What became of the records of a topic; every record is exactly one of these.

    `unread` are offsets without a record: a transaction's markers, and what it aborted.
    `implausible` posts are among `posts`: their event time is before 2006 or ahead of their arrival.
    """

    records: int = 0
    posts: int = 0
    control: int = 0
    dead: int = 0
    gaps: int = 0
    implausible: int = 0
    unread: int = 0

    @property
    def duplicates(self) -> int:
        """The rest: the books keep no count of duplicates (docs/contracts.md)."""
        return self.records - self.posts - self.control - self.dead - self.gaps - self.unread


@dataclass(frozen=True)
class PostCount:
    """Posts of the day by source and language; posts include reposts."""

    source: str
    lang: str
    posts: int
    reposts: int


@dataclass(frozen=True)
class ControlCount:
    """Control messages of the day by source and kind."""

    source: str
    kind: str
    messages: int


@dataclass(frozen=True)
class Arrivals:
    """When the day's posts arrived; for `known` of them, since minutes are kept for some days only.

    `last` is the start of the ten minutes in which the last of them arrived.
    """

    known: int = 0
    late: int = 0
    after_the_day: int = 0
    last: datetime | None = None


@dataclass(frozen=True)
class Gap:
    """A time in which a source was not, or not completely, collected; start and end are None if unknown.

    `said` is the kind of the network's control message that reported it, None if the collector did; `notes` is how many
    such messages in a row are one gap.
    """

    source: str
    start: datetime | None
    end: datetime | None
    noted_at: datetime
    why: str
    said: str | None = None
    notes: int = 1


@dataclass(frozen=True)
class Collected:
    """The kinds of sources that the collector read from `began_at` until `ended_at` (None if unknown)."""

    began_at: datetime
    ended_at: datetime | None
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class DayBooks:
    """Everything a report is made of, read in one snapshot of the database.

    `read` is None if its minutes are no longer kept; `previous` if the day before has no posts.
    `spellings` has the most used spelling of the listed hashtags (missing for times before spellings were kept).
    `posts` and `all_hours` are of all sources and languages; `post_hours` and the terms of the selection.
    """

    position: LedgerPosition
    since_start: RecordTally
    read: RecordTally | None
    posts: tuple[PostCount, ...]
    arrivals: Arrivals
    control: tuple[ControlCount, ...]
    dead: tuple[tuple[str, int], ...]
    gaps: tuple[Gap, ...]
    all_hours: tuple[int, ...]
    post_hours: tuple[int, ...]
    hashtags: tuple[TermCount, ...]
    hashtag_hours: Mapping[str, tuple[int, ...]]
    spellings: Mapping[str, str]
    distinct_hashtags: int
    previous: Mapping[str, Rank] | None
    words: tuple[TermCount, ...]
    collected: tuple[Collected, ...] = ()

    @property
    def every_post(self) -> int:
        """Posts of the day, of all sources and languages."""
        return sum(row.posts for row in self.posts)

    @property
    def hours_are_kept(self) -> bool:
        """Whether the hours still cover every post: they are kept for months, days for ever."""
        return sum(self.all_hours) == self.every_post

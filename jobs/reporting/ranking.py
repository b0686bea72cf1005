"""Pure functions from a day's counts to ranks, their change, shares and hours."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

HOURS = 24


class Change(StrEnum):
    """How a term's rank moved since the day before."""

    UP = "up"
    DOWN = "down"
    SAME = "same"
    NEW = "new"  # the day before has counts, but none of this term
    UNKNOWN = "unknown"  # the day before has no counts at all: nothing to compare with


@dataclass(frozen=True)
class TermCount:
    """One term's posts on one day, summed over the selected sources and languages; posts include reposts."""

    term: str
    posts: int
    reposts: int


@dataclass(frozen=True)
class Rank:
    """A term's position in another day's ranking."""

    rank: int
    posts: int


@dataclass(frozen=True)
class RankedTerm:
    """One line of the ranking.

    `term` is the identity that was counted, `spelling` the displayed form: for a hashtag the most used one.
    `share` is of all posts of the day in the same selection, with or without a hashtag; None when none is counted.
    `rank` is 1 + the number of terms with more posts, so equal counts share a rank.
    """

    rank: int
    term: str
    spelling: str
    posts: int
    reposts: int
    share: float | None
    change: Change
    previous: Rank | None
    hours: tuple[int, ...]

    @property
    def steps(self) -> int:
        """By how many places the rank moved; 0 without a comparison."""
        return abs(self.previous.rank - self.rank) if self.previous else 0


def in_order(counts: Iterable[TermCount]) -> list[TermCount]:
    """Most posts first; equal ones by term in code point order, so that the order is always the same."""
    return sorted(counts, key=lambda count: (-count.posts, count.term))


def ranked(
    counts: Iterable[TermCount],
    *,
    posts: int,
    previous: Mapping[str, Rank] | None = None,
    hours: Mapping[str, Sequence[int]] | None = None,
    spellings: Mapping[str, str] | None = None,
) -> list[RankedTerm]:
    """Rank the leading terms of a day.

    Args:
        counts: the leading terms; no missing term may have more posts than one of them.
        posts: all posts of the day in the same selection, the shares' denominator.
        previous: places on the day before; None where that day has no counts.
        hours: posts by hour of each term.
        spellings: how to show terms; a missing one is shown unchanged.
    """
    lines: list[RankedTerm] = []
    for position, count in enumerate(in_order(counts), start=1):
        tied = lines and lines[-1].posts == count.posts
        rank = lines[-1].rank if tied else position
        before = previous.get(count.term) if previous is not None else None
        lines.append(
            RankedTerm(
                rank=rank,
                term=count.term,
                spelling=(spellings or {}).get(count.term, count.term),
                posts=count.posts,
                reposts=count.reposts,
                share=share_of(count.posts, posts),
                change=Change.UNKNOWN if previous is None else change_of(rank, before),
                previous=before,
                hours=tuple((hours or {}).get(count.term, (0,) * HOURS)),
            )
        )
    return lines


def change_of(rank: int, before: Rank | None) -> Change:
    """How a rank compares with the day before, if that day has counts."""
    if before is None:
        return Change.NEW
    if before.rank == rank:
        return Change.SAME
    return Change.UP if before.rank > rank else Change.DOWN


def share_of(part: int, whole: int) -> float | None:
    """Part of the whole, from 0 to 1; None if the whole is 0."""
    return part / whole if whole > 0 else None


def by_hour(rows: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Sum (hour 0 to 23, posts) rows into the 24 hours of a day."""
    hours = [0] * HOURS
    for hour, posts in rows:
        hours[hour] += posts
    return tuple(hours)


def shares_by(rows: Iterable[tuple[str, int]], *, limit: int) -> list[tuple[str | None, int, float | None]]:
    """Sum (name, posts) rows into (name, posts, share), most first; the rest is one line, name None."""
    sums: dict[str, int] = {}
    for name, posts in rows:
        sums[name] = sums.get(name, 0) + posts
    whole = sum(sums.values())
    ordered: list[tuple[str | None, int]] = [*sorted(sums.items(), key=lambda item: (-item[1], item[0]))]
    if len(ordered) > limit:
        rest = sum(posts for _, posts in ordered[limit:])
        ordered = [*ordered[:limit], (None, rest)]
    return [(name, posts, share_of(posts, whole)) for name, posts in ordered]

"""How complete a day is: pure functions from the books to a verdict, and sentences that anyone understands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from reporting.day_rows import DayBooks, Gap
from reporting.wording import clock, count_of, day_and_clock, duration, hour_ranges, number, percent
from reporting.wording import source as source_name

LATE_AFTER = timedelta(minutes=10)
"""A post is late if the ten minutes of its arrival began more than this after the minute in which it was written.

Arrival is kept in steps of ten minutes and event time in minutes, so the limit lies between 10 and 21 minutes of
delay: no post with a shorter delay is called late, and every post with a longer one is. sql/reporting/arrivals.sql
takes it as a parameter.
"""

_IMPLAUSIBLE = datetime(1970, 1, 1, tzinfo=UTC)


class Verdict(StrEnum):
    """What a reader must know before reading any number."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    OPEN = "open"  # the day is not over in the books
    EMPTY = "empty"
    SILENT = "silent"  # hours without a post, and no gap that explains them
    UNREADABLE = "unreadable"  # only unreadable records are missing, as far as is known
    BROKEN = "broken"  # the books contradict themselves


@dataclass(frozen=True)
class Completeness:
    """The verdict, its headline, and the sentences below it."""

    verdict: Verdict
    headline: str
    sentences: tuple[str, ...]
    missed: timedelta
    silent_hours: tuple[int, ...]


def completeness(books: DayBooks, *, start: datetime, end: datetime) -> Completeness:
    """Judges the day [start, end) by the books, up to their last batch."""
    posts = books.every_post
    reach = books.position.processed_at
    missed = missed_time(books.gaps, start=start, end=end)
    silent = silent_hours(books, start=start, end=end)
    verdict = _verdict(books, posts=posts, silent=silent, end=end)
    dead = sum(count for _, count in books.dead)
    sentences = [_state_sentence(reach, start=start, end=end)]
    if reach:
        sentences += _known_sentences(books, silent=silent, dead=dead, start=start, end=end)
    return Completeness(verdict, _headline(verdict, silent=len(silent), dead=dead), tuple(sentences), missed, silent)


def _known_sentences(books: DayBooks, *, silent: Sequence[int], dead: int, start: datetime, end: datetime) -> list[str]:
    posts = books.every_post
    return [
        *_beginning_sentences(books.position.began_at, start=start, end=end),
        _posts_sentence(posts),
        *_gap_sentences(books.gaps, start=start, end=end),
        *_silence_sentences(silent, posts=posts, gaps=books.gaps),
        _dead_sentence(dead),
        *_late_sentences(books, posts=posts),
    ]


def _headline(verdict: Verdict, *, silent: int, dead: int) -> str:
    return {
        Verdict.COMPLETE: "Complete, as far as the books know",
        Verdict.INCOMPLETE: "Incomplete: parts of this day are missing",
        Verdict.OPEN: "Not over yet: these numbers will grow",
        Verdict.EMPTY: "Nothing is counted for this day",
        Verdict.SILENT: f"No posts in {silent} of 24 hours, and no recorded gap explains it",
        Verdict.UNREADABLE: f"No gap is known, but {count_of(dead, 'record')} could not be read",
        Verdict.BROKEN: "The books contradict themselves: do not use these numbers",
    }[verdict]


def missed_time(gaps: Iterable[Gap], *, start: datetime, end: datetime) -> timedelta:
    """How much of [start, end) lies in at least one gap.

    A gap without an end counts until it was recorded; one without a start has no length.
    """
    missed, reached = timedelta(0), start
    known = [(gap.start, gap.end or gap.noted_at) for gap in gaps if gap.start]
    for gap_start, gap_end in sorted(known):
        begins, ends = max(gap_start, reached), min(gap_end, end)
        if ends > begins:
            missed += ends - begins
            reached = ends
    return missed


def silent_hours(books: DayBooks, *, start: datetime, end: datetime) -> tuple[int, ...]:
    """The hours of the day that have ended in the books and in which no post of any source was written."""
    if not books.hours_are_kept:
        return ()
    reach = _earlier(books.position.processed_at, end)
    ended = max(0, int((reach - start) / timedelta(hours=1)))
    return tuple(hour for hour, posts in enumerate(books.all_hours[:ended]) if posts == 0)


def balanced(books: DayBooks) -> bool:
    """Whether no part is larger than its whole."""
    tallies = [books.since_start] + ([books.read] if books.read else [])
    return all(tally.duplicates >= 0 and tally.implausible <= tally.posts for tally in tallies)


def _earlier(reach: datetime | None, end: datetime) -> datetime:
    return min(reach, end) if reach else datetime.min.replace(tzinfo=UTC)


def _verdict(books: DayBooks, *, posts: int, silent: Sequence[int], end: datetime) -> Verdict:
    if not balanced(books):
        return Verdict.BROKEN
    if posts == 0:
        return Verdict.EMPTY
    if not is_over(books.position.processed_at, end):
        return Verdict.OPEN
    if books.gaps:
        return Verdict.INCOMPLETE
    if silent:
        return Verdict.SILENT
    return Verdict.UNREADABLE if books.dead else Verdict.COMPLETE


def _state_sentence(reach: datetime | None, *, start: datetime, end: datetime) -> str:
    if start == _IMPLAUSIBLE:
        return "1970-01-01 is not a real day here: it holds all posts with an implausible time."
    if reach is None:
        return "No batch has been counted yet, so nothing is known about this day."
    if reach >= end:
        return f"The day is over: the last batch was counted on {day_and_clock(reach)}, after its end."
    if reach < start:
        return f"This day has not been processed yet: the last batch was counted on {day_and_clock(reach)}."
    return f"Counted up to {clock(reach)} UTC; later posts will be in a later revision."


def _beginning_sentences(began_at: datetime | None, *, start: datetime, end: datetime) -> list[str]:
    if began_at is None or not start < began_at < end:
        return []
    return [f"Counting began at {clock(began_at)} UTC; earlier posts are included only if a source still had them."]


def _posts_sentence(posts: int) -> str:
    if posts == 0:
        return "No post written on this day has been counted."
    if posts == 1:
        return "One post written on this day has been counted."
    return f"{number(posts)} posts written on this day have been counted, each once."


def _gap_sentences(gaps: Sequence[Gap], *, start: datetime, end: datetime) -> list[str]:
    """One sentence for each source, since others may be collected meanwhile; another for what a network reported."""
    if not gaps:
        return ["No gap in the collection is recorded."]
    sentences = []
    for source, said in sorted({(gap.source, gap.said is not None) for gap in gaps}):
        alike = [gap for gap in gaps if (gap.source, gap.said is not None) == (source, said)]
        missed = missed_time(alike, start=start, end=end)
        length = f"for {duration(missed)} of this day" if missed else "for an unknown time"
        name, times = source_name(source) if source else "an unnamed source", count_of(len(alike), "gap")
        sentences.append(
            f"{name} reported that it did not deliver everything {length} ({times}): some of those posts are missing."
            if said
            else f"From {name} nothing was collected {length} ({times}): those posts are missing."
        )
    return sentences


def _silence_sentences(silent: Sequence[int], *, posts: int, gaps: Sequence[Gap]) -> list[str]:
    if not silent or posts == 0:
        return []
    reason = (
        "the gaps may explain it"
        if gaps
        else "no gap is recorded, so either nobody wrote or nothing was collected; the books cannot show which"
    )
    return [f"No posts from {hour_ranges(silent)} UTC: {reason}."]


def _dead_sentence(dead: int) -> str:
    if dead == 0:
        return "Every record received on this day could be read."
    verb, pronoun = ("is", "it is") if dead == 1 else ("are", "they are")
    return (
        f"{count_of(dead, 'record')} received on this day could not be read and {verb} not counted; "
        f"{pronoun} listed by reason below."
    )


def _late_sentences(books: DayBooks, *, posts: int) -> list[str]:
    arrivals = books.arrivals
    if posts == 0:
        return []
    if arrivals.known < posts:
        return [
            f"Arrival times are kept for some days only; here they are known for {count_of(arrivals.known, 'post')}."
        ]
    if arrivals.late == 0:
        return []
    if arrivals.after_the_day == posts:
        return ["All of them arrived after the day had ended, as in a replay of a recording."]
    text = f"{count_of(arrivals.late, 'post')} ({percent(arrivals.late / posts)}) arrived late and "
    text += "is counted all the same" if arrivals.late == 1 else "are counted all the same"
    if arrivals.after_the_day:
        text += f"; {number(arrivals.after_the_day)} of them after the day had ended"
    return [text + "."]


def is_over(reach: datetime | None, end: datetime) -> bool:
    """Whether the last batch was counted after the day's end."""
    return reach is not None and reach >= end

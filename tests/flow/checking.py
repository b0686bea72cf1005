"""What must be in Postgres, against the recount; and the recount against the simulator's ground truth."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.flow.comparing import differences
from tests.flow.counted import Counted
from tests.flow.recount import Recount


def assert_equal_to_recount(stack: Counted, expected: Recount) -> None:
    """Counts, control messages, dead letters, gaps and the books of Postgres against the recount."""
    assert against_recount(stack, expected) == []


def assert_equal_to_truth(result: Recount, truth: Mapping[str, Any]) -> None:
    """The recount, which Postgres equals, against what the simulator put in; text has its time from the collector."""
    assert against_truth(result, truth) == []


def against_recount(stack: Counted, expected: Recount) -> list[str]:
    """What differs between Postgres and the recount, a line each."""
    found = stack.query("select posts, control, dead, gaps, duplicates from books where generation = 1")
    books = [(expected.posts, expected.control, len(expected.dead), len(expected.gaps), expected.duplicates)]
    return [
        *differences({key: tuple(pair) for key, pair in expected.counts.items()}, stack.counts()),
        *differences(expected.said, stack.control_messages()),
        *differences(expected.dead, stack.dead_letters()),
        *(f"a gap that only one side has: {each}" for each in expected.said_gaps() ^ stack.said_gaps()),
        *([] if found == books else [f"the books: expected {books}, found {found}"]),
    ]


def against_truth(result: Recount, truth: Mapping[str, Any], sent_again: int = 0) -> list[str]:
    """What differs between the recount and the simulator's ground truth, a line each.

    `sent_again`: records that a killed collector has sent a second time; each is one more duplicate, and no more.
    """
    expected = _summed(
        ((row[0], "" if row[2] == "text" else row[1], *row[2:5]), row[5], row[6]) for row in truth["counts"]
    )
    found = _summed(
        ((key[0], "" if key[2] == "text" else f"{key[1]:%Y-%m-%dT%H:%M:%SZ}", *key[2:]), pair[0], pair[1])
        for key, pair in result.counts.items()
    )
    kinds: Counter[str] = Counter()
    for (_, _, kind, about), messages in result.said.items():
        kinds[f"{kind}\t{about}" if about else kind] += messages
    books = {"posts": truth["books"]["posts"], "duplicates": truth["books"]["duplicates"] + sent_again}
    return [
        *differences(expected, found),
        *differences(truth["dead"], Counter(result.dead.values())),
        *differences(truth["control"], kinds),
        *differences(books, {"posts": result.posts, "duplicates": result.duplicates}),
    ]


def _summed(rows: Iterable[tuple[tuple[Any, ...], int, int]]) -> dict[tuple[Any, ...], tuple[int, int]]:
    sums: dict[tuple[Any, ...], tuple[int, int]] = {}
    for key, posts, reposts in rows:
        before = sums.get(key, (0, 0))
        sums[key] = (before[0] + posts, before[1] + reposts)
    return sums


def sums_that_differ(stack: Counted) -> Sequence[tuple[Any, ...]]:
    """Rows of count_hour and count_day that are not the sum of their buckets, or are missing, or are too many."""
    wrong: list[tuple[Any, ...]] = []
    for table, column, unit in (("count_hour", "hour", "hour"), ("count_day", "day", "day")):
        key = f"generation, date_trunc('{unit}', bucket, 'UTC') as at, metric, source, lang, term"
        at = "hour" if column == "hour" else "day::timestamp at time zone 'UTC'"
        wrong += stack.query(
            f"with sums as (select {key}, sum(posts)::bigint as posts, sum(reposts)::bigint as reposts"  # noqa: S608
            f" from count_bucket group by 1, 2, 3, 4, 5, 6),"
            f" kept as (select generation, {at} as at, metric, source, lang, term, posts, reposts from {table})"
            f" (select '{table}', 'missing', s.* from (table sums except table kept) s limit 20)"
            f" union all (select '{table}', 'wrong', k.* from (table kept except table sums) k limit 20)"
        )
    return wrong

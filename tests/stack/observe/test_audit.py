"""The books balance only when collector, topic and Postgres tell the same."""

from dataclasses import replace

import pytest

from stack.observe.audit import Books
from stack.observe.ledger import Ledger, LedgerRange, processed_at_lookup
from stack.observe.topic_recount import Identities, PartitionRecount, TopicRecount

LEDGER = Ledger(
    records=100,
    posts=80,
    control=5,
    dead=3,
    gaps=1,
    last_batch=1,
    ranges=(
        LedgerRange(0, 0, 40, 10.0),
        LedgerRange(1, 0, 30, 10.0),
        LedgerRange(0, 40, 60, 20.0),
        LedgerRange(1, 30, 40, 20.0),
    ),
)
TOPIC = TopicRecount({0: PartitionRecount(0, 60, 60), 1: PartitionRecount(0, 40, 40)}, distinct=89)
BOOKS = Books(lines_read=97, topic=TOPIC, ledger=LEDGER)


def test_balanced_books_have_no_problem() -> None:
    assert BOOKS.problems() == []
    assert (BOOKS.sent_again, BOOKS.duplicate) == (2, 11)


def test_an_untouched_stack_balances() -> None:
    assert Books(0, TopicRecount({0: PartitionRecount(0, 0, 0)}, 0), Ledger()).problems() == []


@pytest.mark.parametrize(
    ("ranges", "problem"),
    [
        (LEDGER.ranges[:-1], "partition 1: offsets 30 to 40 were never counted"),
        (LEDGER.ranges[1:], "partition 0: offsets 0 to 40 were never counted"),
        ((*LEDGER.ranges, LedgerRange(0, 50, 60)), "partition 0: offsets 50 to 60 were counted twice"),
        ((*LEDGER.ranges, LedgerRange(1, 40, 45)), "partition 1: counted up to offset 45, but the topic ends at 40"),
        ((*LEDGER.ranges, LedgerRange(7, 0, 1)), "partition 7 is in the ledger but not in the topic"),
    ],
)
def test_holes_overlaps_and_missing_ends_of_the_ledger_are_reported(
    ranges: tuple[LedgerRange, ...], problem: str
) -> None:
    assert problem in replace(BOOKS, ledger=replace(LEDGER, ranges=ranges)).problems()


def test_a_hole_in_the_middle_is_reported() -> None:
    ledger = replace(LEDGER, ranges=(LedgerRange(0, 0, 60), LedgerRange(1, 0, 10), LedgerRange(1, 20, 40)))
    assert "partition 1: offsets 10 to 20 were never counted" in replace(BOOKS, ledger=ledger).problems()


def test_a_post_counted_twice_is_reported() -> None:
    assert replace(BOOKS, ledger=replace(LEDGER, posts=81)).problems() == [
        "90 records are counted or listed, the topic holds 89 distinct keys"
    ]


def test_a_post_lost_is_reported() -> None:
    assert len(replace(BOOKS, ledger=replace(LEDGER, posts=79)).problems()) == 1


def test_a_batch_that_lost_records_is_reported() -> None:
    assert (
        "the batches say 99 records, their offset ranges 100"
        in replace(BOOKS, ledger=replace(LEDGER, records=99)).problems()
    )


def test_a_line_that_never_reached_the_topic_is_reported() -> None:
    assert replace(BOOKS, lines_read=101).problems() == ["2 of 101 lines read are not in the topic"]


def test_records_missing_within_the_topic_are_reported() -> None:
    topic = replace(TOPIC, partitions={**TOPIC.partitions, 1: PartitionRecount(0, 40, 39)})
    assert replace(BOOKS, topic=topic).problems() == [
        "1 offsets of the topic hold no readable record, the books have 0 of them"
    ]


def test_a_transactions_markers_and_aborted_records_balance_as_what_they_are() -> None:
    topic = replace(TOPIC, partitions={**TOPIC.partitions, 1: PartitionRecount(0, 40, 33)}, distinct=82)
    books = replace(BOOKS, lines_read=90, topic=topic, ledger=replace(LEDGER, posts=73, unread=7))
    assert books.problems() == []
    assert (books.sent_again, books.duplicate) == (2, 11)


def test_offsets_that_the_books_call_unread_and_the_topic_holds_are_reported() -> None:
    books = replace(BOOKS, lines_read=90, ledger=replace(LEDGER, unread=7))
    assert "0 offsets of the topic hold no readable record, the books have 7 of them" in books.problems()


def test_what_the_retention_removed_after_it_was_counted_still_balances() -> None:
    topic = replace(TOPIC, partitions={**TOPIC.partitions, 0: PartitionRecount(25, 60, 35)}, distinct=None)
    assert replace(BOOKS, topic=topic).problems() == []


def test_repeats_beyond_the_dedup_window_may_count_as_new_but_no_more_than_those() -> None:
    topic = replace(TOPIC, repeats_beyond_window=2)
    within = replace(BOOKS, topic=topic, ledger=replace(LEDGER, posts=82))
    assert within.problems() == []
    assert replace(within, ledger=replace(LEDGER, posts=83)).problems() == [
        "92 records are counted or listed, the topic holds 89 to 91 distinct keys"
    ]


def test_the_ledger_covers_what_all_partitions_have_reached() -> None:
    assert LEDGER.covers({0: 60, 1: 40, 2: 0})
    assert not LEDGER.covers({0: 60, 1: 41})
    assert not LEDGER.covers({0: 60, 1: 40, 2: 1})


def test_identities_counts_distinct_keys_and_far_repeats() -> None:
    identities = Identities()
    for key, at in [(b"x:1", 0.0), (b"x:2", 0.0), (b"x:1", 100.0), (b"x:2", 101.0), (b"x:2", 5.0)]:
        identities.add(key, at)
    assert identities.count(window_s=200.0) == (2, 0)
    assert identities.count(window_s=100.0) == (2, 2), "both repeats of x:2 are suspected: never fewer than can be"


def test_no_records_have_no_identities() -> None:
    assert Identities().count(1.0) == (0, 0)


def test_a_record_is_looked_up_in_the_batch_that_read_it() -> None:
    lookup = processed_at_lookup([*LEDGER.ranges, LedgerRange(0, 60, 60, 30.0)])
    assert [lookup(0, 0), lookup(0, 39), lookup(0, 40), lookup(1, 30)] == [10.0, 10.0, 20.0, 20.0]
    assert [lookup(0, 60), lookup(5, 0)] == [0.0, 0.0]

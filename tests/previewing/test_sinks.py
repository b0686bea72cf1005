"""The tables of a preview."""

from pyspark.sql import Row

from previewing.sinks import summary_line, table

NONE = {"post": 0, "late": 0, "control": 0, "gap": 0, "dead": 0}


def test_terms_stand_behind_their_counts_and_none_commands_the_terminal() -> None:
    rows = [Row(posts=12345, term="rain"), Row(posts=7, term="a\x1b[2Jb"), Row(posts=1, term="x" * 70)]
    assert table(rows) == ["    12,345  rain", "         7  a�[2Jb", f"         1  {'x' * 60}…"]


def test_an_empty_table_says_so() -> None:
    assert table([]) == ["  nothing"]


def test_authors_have_friends_followers_and_posts_or_a_question_mark() -> None:
    head, row = table([Row(friends=None, followers=1200, posts=3, name="Ann 🎉")])
    assert head.split() == ["friends", "followers", "posts", "author"]
    assert row.split() == ["?", "1,200", "3", "Ann", "🎉"]


def test_the_books_of_a_table_name_what_there_was() -> None:
    assert summary_line(NONE | {"post": 1200, "late": 3, "dead": 1}) == "1,200 posts (3 late), 1 dead"
    assert summary_line(NONE) == "0 posts"

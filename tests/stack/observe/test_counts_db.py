"""What the stack's commands ask Postgres, against a real one."""

from pathlib import Path

import pytest

from stack.observe.counts_db import busiest_day, top_hashtags
from tests.postgres import Database
from tests.reporting.samples import DAY, at
from tests.reporting.seeding import Books, seed

pytestmark = pytest.mark.postgres


def test_top_hashtags_are_shown_as_most_people_spell_them(database: Database, tmp_path: Path) -> None:
    dsn_file = tmp_path / "reader.dsn"
    dsn_file.write_text(database.reader)
    assert busiest_day(dsn_file, 1) is None
    books = Books(batches=[(0, at("12:00"), 20)])
    books.count("post", at("09:00"), posts=20)
    books.count("hashtag", at("09:00"), "strasse", posts=8)
    books.count("hashtag", at("10:00"), "strasse", posts=1, source="jetstream", lang="de")
    books.count("hashtag", at("09:00"), "from before spellings", posts=2)
    for spelling, posts in (("Straße", 5), ("STRASSE", 3), ("strasse", 1)):
        books.count("spelling", at("09:00"), f"strasse\t{spelling}", posts=posts)
    seed(database.migrator, books)
    assert busiest_day(dsn_file, 1) == DAY
    assert top_hashtags(dsn_file, 1, DAY, 10) == [("Straße", 9, 0.45), ("from before spellings", 2, 0.1)]
    assert top_hashtags(dsn_file, 1, DAY, 1) == [("Straße", 9, 0.45)]

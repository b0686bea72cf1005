"""The ground truth, against the product's own reading of the same lines: neither knows of the other."""

import json
from collections import Counter
from pathlib import Path

import pytest

import formats
from formats import terms, words
from simulation.posts import Line, lines
from simulation.settings import SimulationSettings
from simulation.truth import Truth, write

START_MS = 1_767_225_600_000
SETTINGS = SimulationSettings(posts=30_000, seed=11, rate=0.0, malformed=0.02, implausible=0.01)


@pytest.mark.parametrize("said", [True, False], ids=["dialect said by the source", "dialect by the shape"])
def test_the_formats_read_what_the_generator_put_in(said: bool) -> None:
    seen: set[str] = set()
    for number, line in enumerate(lines(SETTINGS, START_MS)):
        parsed = formats.parse(line.dialect if said else None, line.raw)
        kind: str = parsed.kind
        if parsed.post_id:
            kind = "duplicate" if parsed.post_id in seen else kind
            seen.add(parsed.post_id)
        assert kind == line.kind, (number, line)
        if kind in ("control", "dead"):
            term = f"{parsed.term}\t{parsed.about}" if parsed.about else parsed.term
            # What no decoder reads has no shape by which its network could be told.
            source = line.source if said or kind == "control" else parsed.source
            assert (term, parsed.source) == (line.term, source), (number, line)
        if kind == "post":
            found = (
                parsed.source, parsed.lang, parsed.is_repost,
                frozenset(terms.hashtags(parsed.hashtags)), frozenset(words.plain(parsed.text)),
                frozenset(f"{terms.identity(tag)}\t{terms.spelling(tag)}" for tag in parsed.hashtags),
            )  # fmt: skip
            made = line.source, line.lang, line.is_repost, line.tags, line.words, line.spellings
            assert found == made, (number, line)
            minute = None if parsed.created_at_us is None else parsed.created_at_us // 60_000_000
            assert minute == (None if line.at_ms is None else line.at_ms // 60_000), (number, line)


def test_the_truth_adds_up_and_can_be_made_again(tmp_path: Path) -> None:
    write(SETTINGS, START_MS, truth_path=tmp_path / "one.json", lines_path=tmp_path / "lines")
    write(SETTINGS, START_MS, truth_path=tmp_path / "two.json")
    truth = json.loads((tmp_path / "one.json").read_text())
    assert truth == json.loads((tmp_path / "two.json").read_text())
    assert truth["start"] == "2026-01-01T00:00:00Z"
    books = truth["books"]
    assert books["records"] == 30_000 == (tmp_path / "lines").read_bytes().count(b"\n")
    assert books["records"] == sum(books[kind] for kind in ("posts", "duplicates", "control", "dead", "gaps"))
    assert sum(truth["control"].values()) == books["control"]
    assert sum(truth["dead"].values()) == books["dead"]
    posts = Counter[str]()
    for metric, _, _, _, _, count, reposts in truth["counts"]:
        posts[metric] += count
        assert 0 <= reposts <= count
    assert posts["post"] == books["posts"]
    assert len({tuple(row[:5]) for row in truth["counts"]}) == len(truth["counts"])


def test_a_row_is_what_was_added_in_its_bucket() -> None:
    truth = Truth()
    at_ms = START_MS + 3_661_000  # 01:01:01
    post = Line(b"", "x", "post", "", "x", at_ms, "en", frozenset({"a"}), frozenset({"#a", "b"}))
    for line in (post, post._replace(is_repost=True), post._replace(at_ms=946_684_800_000), post._replace(at_ms=None)):
        truth.add(line)
    truth.add(Line(b"", "x", "duplicate"))
    rows = {tuple(row[:2] + row[4:]) for row in truth.as_json()["counts"]}
    assert {row for row in rows if row[0] != "word"} == {
        ("post", "2026-01-01T01:01:00Z", "", 2, 1), ("hashtag", "2026-01-01T01:01:00Z", "a", 2, 1),
        ("post", "1970-01-01T00:00:00Z", "", 1, 0), ("hashtag", "1970-01-01T00:00:00Z", "a", 1, 0),
        ("post", None, "", 1, 0), ("hashtag", None, "a", 1, 0),
    }  # fmt: skip
    assert ("word", "2026-01-01T01:00:00Z", "b", 2, 1) in rows


def test_an_endless_stream_has_no_truth(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="posts=N"):
        write(SimulationSettings(), START_MS, truth_path=tmp_path / "t")

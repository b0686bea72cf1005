"""The simulated stream: the same for ever, and as mixed as it claims to be."""

import json
import unicodedata
from collections import Counter
from itertools import islice

import pytest

from simulation.posts import BLOCK, BURST_PERIOD, HUGE_EVERY, Line, block, lines
from simulation.settings import SimulationSettings
from simulation.vocabulary import BURSTS, TAGS, identity

START_MS = 1_767_225_600_000
SETTINGS = SimulationSettings(posts=20_000, seed=7, rate=0.0)


@pytest.fixture(scope="module")
def stream() -> list[Line]:
    return list(lines(SETTINGS, START_MS))


def test_line_n_is_the_same_wherever_one_begins(stream: list[Line]) -> None:
    for first in (0, 1, BLOCK - 1, BLOCK, 12_345, 19_999, 20_000):
        assert list(islice(lines(SETTINGS, START_MS, first), 50)) == stream[first : first + 50]


def test_it_has_as_many_lines_as_were_asked_for_or_no_end(stream: list[Line]) -> None:
    assert len(stream) == 20_000
    assert len(list(islice(lines(SimulationSettings(), START_MS, 5_000_000), 3000))) == 3000


def test_another_seed_is_another_stream_without_common_ids() -> None:
    ids = [
        {json.loads(line.raw).get("id") for line in block(settings, 0, 0) if line.kind == "post"}
        for settings in (SimulationSettings(seed=seed, dialects=("x1",), malformed=0) for seed in (1, 2))
    ]  # fmt: skip
    assert not ids[0] & ids[1]


def test_the_start_moves_the_times_and_nothing_else() -> None:
    early, late = block(SETTINGS, START_MS, 3), block(SETTINGS, START_MS + 3_600_000, 3)
    assert [(line.kind, line.tags, line.words) for line in early] == [
        (line.kind, line.tags, line.words) for line in late
    ]
    moved = {b.at_ms - a.at_ms for a, b in zip(early, late, strict=True) if a.at_ms and b.at_ms}
    assert moved <= {3_600_000, 0}  # an implausible time stays


def test_every_kind_comes_about_as_often_as_was_asked(stream: list[Line]) -> None:
    kinds = Counter(line.kind for line in stream)
    assert kinds["duplicate"] == pytest.approx(20_000 * 0.025, rel=0.2)
    assert kinds["control"] == pytest.approx(20_000 * 0.03, rel=0.2)
    assert kinds["dead"] == pytest.approx(20_000 * 0.005, rel=0.4)
    posts = [line for line in stream if line.kind == "post" and line.source == "x"]
    assert sum(line.is_repost for line in posts) == pytest.approx(len(posts) * 0.25, rel=0.1)


def test_every_control_message_and_every_way_to_be_dead_comes(stream: list[Line]) -> None:
    terms = {(line.source, line.term.partition("\t")[0]) for line in stream if line.kind in ("control", "dead")}
    assert terms == {
        ("x", "delete"), ("x", "scrub_geo"), ("x", "status_withheld"), ("x", "user_withheld"), ("x", "warning"),
        ("jetstream", "like"), ("jetstream", "repost"), ("jetstream", "follow"), ("jetstream", "delete"),
        ("jetstream", "delete_like"), ("jetstream", "identity"), ("jetstream", "account"),
        ("mastodon", "delete"), ("unknown", "keep_alive"),
        ("x", "truncated or invalid JSON"), ("x", "not a JSON object"), ("x", "invalid UTF-8"), ("x", "missing id"),
        ("x", "unknown shape"), ("jetstream", "missing text"), ("jetstream", "invalid UTF-8"),
        ("mastodon", "missing created_at"), ("mastodon", "truncated or invalid JSON"),
    }  # fmt: skip


def test_x_limits_what_it_delivers_at_the_height_of_a_burst_only(stream: list[Line]) -> None:
    assert not [line for line in stream if line.term.startswith("limit")]
    high = block(SETTINGS, START_MS, BURST_PERIOD // 2 // BLOCK)
    assert [line for line in high if line.term.startswith("limit\ttrack=")]


def test_languages_scripts_and_awkward_characters_are_mixed(stream: list[Line]) -> None:
    assert len({line.lang for line in stream if line.kind == "post"}) == 14
    old_style = [line.raw for line in stream if line.kind == "post" and line.raw.startswith(b'{"created_at"')]
    texts = "".join(json.loads(raw)["text"] for raw in old_style)
    scripts = {unicodedata.name(char, "?").split()[0] for char in set(texts)}
    assert {"LATIN", "CJK", "HIRAGANA", "ARABIC", "CYRILLIC", "THAI", "DEVANAGARI", "HANGUL", "HEBREW"} <= scripts
    assert any(ord(char) > 0xFFFF for char in texts)
    for awkward in ("\0", "\u200d", "＃", "\u3000", "\n", "İ"):
        assert awkward in texts


def test_every_shape_that_is_hard_to_count_is_there(stream: list[Line]) -> None:
    raws = [line.raw for line in stream if line.kind == "post"]
    for mark in (
        b'"extended_tweet":',
        b'"retweeted_status":',
        b'"referenced_tweets":',
        b'"note_tweet":',
        b"timestamp_ms",
        b'"facets":',
        b'"tags":["',
        b'\\"reblog\\":{',
    ):
        assert sum(mark in raw for raw in raws) > 100
    long_reposts = [raw for raw in raws if b'"retweeted_status"' in raw and b"extended_tweet" in raw]
    assert long_reposts
    edits = [line for line in stream if line.kind == "duplicate" and b'"edit_history_tweet_ids":["' in line.raw]
    assert any(len(json.loads(line.raw)["data"]["edit_history_tweet_ids"]) == 2 for line in edits)


def test_a_duplicate_repeats_an_earlier_post_or_is_another_version(stream: list[Line]) -> None:
    seen: set[bytes] = set()
    names: set[str] = set()
    versions: set[tuple[str, bool]] = set()
    for line in stream:
        if line.kind == "post":
            seen.add(line.raw)
            names.update(name_of(line.raw))
        elif line.kind == "duplicate" and line.raw not in seen:
            (name,) = name_of(line.raw)
            assert name in names
            versions.add((line.source, b"status.update" in line.raw))
    assert versions == {("x", False), ("jetstream", False), ("mastodon", True), ("mastodon", False)}


def name_of(raw: bytes) -> list[str]:
    """What names a post through its versions, where it has any: X's first id, record key, URI."""
    if raw.startswith(b'{"data"'):
        return [str(json.loads(raw)["data"]["edit_history_tweet_ids"][0])]
    if raw.startswith(b'{"did"'):
        return [str(json.loads(raw)["did"] + json.loads(raw)["commit"]["rkey"])]
    return [str(json.loads(json.loads(raw)["payload"])["uri"])] if raw.startswith(b'{"stream"') else []


def test_what_an_entity_says_stands_in_the_text_at_its_indices(stream: list[Line]) -> None:
    checked = Counter[str]()
    for line in stream:
        if line.kind == "post" and line.raw.startswith(b'{"created_at"'):
            post = json.loads(line.raw)
            for tag in post["entities"]["hashtags"]:
                begin, end = tag["indices"]
                assert post["text"][begin:end] in ("#" + tag["text"], "＃" + tag["text"])
                checked["x"] += 1
        elif line.kind == "post" and line.source == "jetstream":
            record = json.loads(line.raw)["commit"]["record"]
            for facet in record.get("facets", ()):
                begin, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
                tag = facet["features"][0]["tag"]
                assert record["text"].encode()[begin:end].decode() in ("#" + tag, "＃" + tag)
                checked["jetstream"] += 1
    assert min(checked["x"], checked["jetstream"]) > 1000


def test_every_tag_has_a_spelling_and_some_have_several(stream: list[Line]) -> None:
    posts = [line for line in stream if line.kind == "post"]
    assert all(line.tags == {each.split("\t")[0] for each in line.spellings} for line in posts)
    ways = {each for line in posts for each in line.spellings if each.startswith("strasse\t")}
    assert {"strasse\tStraße", "strasse\tSTRASSE", "strasse\tstraße"} <= ways


def test_late_and_implausible_times_are_among_them(stream: list[Line]) -> None:
    times = [line.at_ms for line in stream if line.at_ms is not None]
    assert sum(at_ms < START_MS - 3_600_000 for at_ms in times) > 100
    assert any(at_ms > START_MS + 10**11 for at_ms in times)
    plausible = [at_ms for at_ms in times if at_ms < START_MS + 10**11]
    assert max(plausible) <= START_MS + SETTINGS.span_h * 3_600_000


def test_hashtags_follow_zipf_and_one_topic_rises_and_falls() -> None:
    def count(number: int) -> Counter[str]:
        return Counter(tag for line in block(SETTINGS, START_MS, number) for tag in line.tags)

    calm, high = count(0), count(BURST_PERIOD // 2 // BLOCK)
    burst = max(map(identity, BURSTS), key=lambda tag: high[tag])
    assert high[burst] > 10 * max(calm[burst], 1)
    assert high.most_common(1)[0][0] == burst
    first, tenth = (calm[identity(TAGS[rank][0])] for rank in (0, 9))
    assert first > 4 * tenth > 0


def test_a_line_is_about_a_kilobyte_but_for_the_huge_one(stream: list[Line]) -> None:
    sizes = [len(line.raw) for line in stream if line.kind == "post" and line.source == "x"]
    assert 900 < sum(sizes) / len(sizes) < 1500
    huge = block(SETTINGS, START_MS, HUGE_EVERY // 2 // BLOCK)[HUGE_EVERY // 2 % BLOCK]
    assert len(huge.raw) > 1_000_000
    assert huge.words == {"x" * 100 + "…"}


def test_no_line_has_an_end_of_line_in_it(stream: list[Line]) -> None:
    assert not [line for line in stream if b"\n" in line.raw or b"\r" in line.raw]


@pytest.mark.parametrize("dialect", ["x1", "x2", "text", "jetstream", "mastodon"])
def test_one_dialect_alone(dialect: str) -> None:
    made = block(SimulationSettings(dialects=(dialect,), malformed=0, control=0, duplicates=0, edits=0), START_MS, 25)
    heads = {"x1": b'{"created_at"', "x2": b'{"data"', "text": b"", "jetstream": b'{"did"', "mastodon": b'{"stream"'}
    assert all(line.raw.startswith(heads[dialect]) for line in made)
    assert {line.source for line in made} == {"x" if dialect in ("x1", "x2") else dialect}

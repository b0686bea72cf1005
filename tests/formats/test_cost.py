"""What reading a record costs is in proportion to its length, whatever is in it: one line cannot hold a task.

All pairs of UNITS, repeated to 64 kB, through all that looks at a text. CI takes a share of the pairs that moves on
each day, HASHTIDE_TEST_ALL_PAIRS=1 all of them (ten minutes).
"""

import itertools
import json
import os
import random
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator

import pytest
import regex

import formats
from collecting.filtering.selection import PostFilter, Selection
from formats import details, hashtags, markup, terms, values, words
from formats.parsed import Parsed

MOST = 100
"""Times the cost of REFERENCE that a code point may cost: 0.1 µs here, so a line of 2 MB takes 20 s at the worst."""
LONG, SHORT = 64_000, 8_000
GROWS = 3  # times the cost of a code point of a short text: quadratic would be 8
SHARES = 40

LETTERS = ["a", "é", "я", "字", "か", "カ", "한", "ไ", "ש", "क", "ﷺ", "1", "１"]
UNSEEN = ["\u0301", "\u200d", "\ufe0f", "\u202e", "\0", " ", "\n", "\u3000"]
SIGNS = [".", "/", ":", "#", "＃", "@", "_", "-", "’", "&", "<", ">", '"', "'", "\\", "{", "[", ",", "·", "👍"]
PIECES = ["http://", "www.", "a.co/", "&amp;", "&#1", "<a ", "</p>", '{"a":', "\\ud800", "RT @", "я" * 62]
UNITS = LETTERS + UNSEEN + SIGNS + PIECES


def read(dialect: str | None, raw: bytes) -> None:
    formats.parse(dialect, raw)
    formats.post_key(dialect, raw)
    formats.describe(dialect, raw)


def read_json(dialect: str | None, **fields: object) -> None:
    read(dialect, json.dumps(fields).encode())


def read_x(text: str) -> None:
    user = {"name": text, "location": text}
    read_json("x", id_str="1800000000000000000", text=text, lang=text, created_at=text, user=user)


def read_odd_x(text: str) -> None:
    """By the slow path: a field has the wrong type."""
    read_json("x", id=[], id_str="1800000000000000000", text=text, delete={text: text}, **{text: text})


def read_jetstream(text: str) -> None:
    post = {"text": text, "langs": [text], "tags": [text], "createdAt": "2026-01-01"}
    commit = {"collection": "app.bsky.feed.post", "operation": "create", "rkey": "r", "record": post}
    read_json("jetstream", did="d", commit=commit)


def read_mastodon(text: str) -> None:
    account = {"display_name": text, "acct": text}
    read_json("mastodon", uri="u", created_at="2026-01-01", content=text, tags=[{"name": text}], account=account)


FILTER = PostFilter(Selection(terms=("rain", "雨"), hashtags=("a",)))
READERS: dict[str, Callable[[str], object]] = {
    "hashtags": hashtags.extract,
    "plain words": words.plain,
    "clean words": lambda text: words.clean(text, "und"),
    "clean Japanese": lambda text: words.clean(text, "ja"),
    "identity": terms.identity,
    "spelling": terms.spelling,
    "html": markup.text_of,
    "language": values.language,
    "time": values.iso_us,
    "name": details.name,
    "about": values.about,
    "filter": lambda text: FILTER.takes(Parsed("post", "x", text=text, hashtags=(text,)), None),
    "text": lambda text: read("text", text.encode()),
    "no dialect": lambda text: read(None, text.encode()),
    "no JSON of X": lambda text: read("x", text.encode()),
    "no JSON of Jetstream": lambda text: read("jetstream", text.encode()),
    "no event of Mastodon": lambda text: read("mastodon", text.encode()),
    "no event of ours": lambda text: read("hashtide", text.encode()),
    "x": read_x,
    "odd x": read_odd_x,
    "jetstream": read_jetstream,
    "mastodon": read_mastodon,
    "server-sent": lambda text: read(None, ("event: update\ndata: " + text.replace("\n", "\ndata: ")).encode()),
    "kafka connect": lambda text: read_json(None, schema={"type": "string"}, payload=text),
}


def look_up(text: str) -> list[str]:
    """The reference: looks up each code point's category."""
    return [unicodedata.category(char) for char in text]


def repeated(unit: str, length: int) -> str:
    """Slash and hash sign are there, or the search for hashtags has nothing to do."""
    return "/ " + unit * (length // len(unit)) + " #a"


def cost(reader: Callable[[str], object], text: str, tries: int = 1) -> float:
    """Seconds of processor time for a code point: the best of some tries."""
    taken = []
    for _ in range(tries):
        began = time.process_time()
        reader(text)
        taken.append(time.process_time() - began)
    return min(taken) / len(text)


def cost_of_reference() -> float:
    return cost(look_up, repeated("ab я字", LONG), tries=3)


def too_dear(reader: Callable[[str], object], unit: str, reference: float, tries: int = 1) -> str:
    """What is wrong with the cost of the repeated unit; empty where nothing is."""
    short = cost(reader, repeated(unit, SHORT), tries)
    if short > MOST * reference:  # the long one could take minutes
        return f"{short * 1e6:.1f} µs a code point, {short / reference:.0f} times the reference"
    long = cost(reader, repeated(unit, LONG), tries)
    if long > MOST * reference or long > GROWS * short + reference:
        return f"{long * 1e6:.2f} µs a code point, of a short text {short * 1e6:.2f}, reference {reference * 1e6:.2f}"
    return ""


def require_cheap(units: Iterable[str]) -> None:
    reference = cost_of_reference()
    for unit in units:
        for name, reader in READERS.items():
            if too_dear(reader, unit, reference):  # or the machine did something else meanwhile
                found = too_dear(reader, unit, cost_of_reference(), tries=5)
                assert not found, f"{name} of {unit[:70]!r} repeated: {found}"


def share() -> int:
    return int(time.time() // 86_400) % SHARES


def chosen_pairs() -> Iterator[str]:
    pairs = ["".join(pair) for pair in itertools.product(UNITS, repeat=2)]
    return itertools.islice(pairs, 0 if every_pair() else share(), None, 1 if every_pair() else SHARES)


def every_pair() -> bool:
    return bool(os.environ.get("HASHTIDE_TEST_ALL_PAIRS"))


@pytest.mark.timeout(3_600)
def test_the_cost_of_a_code_point_is_flat_and_bounded_for_pairs_of_units() -> None:
    require_cheap(chosen_pairs())


def test_the_cost_of_a_code_point_is_flat_and_bounded_for_mixed_units() -> None:
    mixed = random.Random(share())  # noqa: S311 - no secret
    require_cheap("".join(mixed.choices(UNITS, k=2_000))[:SHORT] for _ in range(3))


def test_units_that_are_dear_where_one_is_careless_are_cheap() -> None:
    require_cheap(["я" * 62 + ".", "；a.co/", "&#1", '{"a":[', "か字", "a\u0301", "<a '"])


def test_the_measure_finds_a_pattern_that_tries_each_way() -> None:
    """The URL's pattern as it was: 60,000 of these took 84 s."""
    label = r"[\p{L}\p{Nd}](?:[\p{L}\p{Nd}_-]{0,61}[\p{L}\p{Nd}])?\."
    pattern = regex.compile(rf"(?<![A-Za-z0-9@.])(?:https?://)?(?:{label}){{1,10}}\p{{L}}{{2,63}}/")
    assert too_dear(lambda text: pattern.findall(text[:2_000]), "я" * 62 + ".", cost_of_reference())


def test_the_measure_finds_what_grows_with_the_square() -> None:
    def square(text: str) -> list[int]:
        return [len(text[:at].split("b")) for at in range(0, len(text), 500)]

    assert too_dear(square, "ab", cost_of_reference(), tries=3)

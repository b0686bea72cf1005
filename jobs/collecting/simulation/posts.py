"""Line n of a simulated stream, and what it is: a pure function of settings, start and n."""

import math
import random
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from collecting.simulation import payloads
from collecting.simulation.payloads import Content
from collecting.simulation.settings import Settings
from collecting.simulation.vocabulary import (
    BURSTS,
    EMOJI,
    LANGUAGE_TABLE,
    LANGUAGES,
    PEOPLE,
    TABLE,
    TAG_TABLE,
    TAGS,
    identity,
)

BLOCK = 1000  # lines are made in blocks, each with a random generator of its own: picking up at n costs one block
BURST_PERIOD = 60_000  # a topic rises and falls once in so many lines
HUGE_EVERY = 50_000  # one word of 1 MB in so many lines
HUGE_BYTES = 1_000_000
HOUR_MS = 3_600_000
JITTER_MS = 20_000
_IMPLAUSIBLE_MS = (946_684_800_000, 4_102_444_800_000)  # 2000, before X was; 2100, which is not yet


class Line(NamedTuple):
    """One line of the stream and what must become of it.

    Attributes:
        raw: the bytes.
        dialect: as the source says it; None for what no dialect has a claim on.
        kind: `post`, `duplicate`, `control` or `dead`.
        term: a control message's kind, a dead line's reason; else empty.
        source: the dialect it is counted under.
        at_ms: event time; None where the line has none of its own (then it is when it was received).
        lang, tags, words, is_repost: what is counted of a post; tags and words as identities.
    """

    raw: bytes
    dialect: str | None
    kind: str
    term: str = ""
    source: str = "x"
    at_ms: int | None = None
    lang: str = "und"
    tags: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    is_repost: bool = False


def lines(settings: Settings, start_ms: int, first: int = 0) -> Iterator[Line]:
    """The stream's lines from index `first` on; endless where the settings say so."""
    index = first
    while not settings.posts or index < settings.posts:
        for line in block(settings, start_ms, index // BLOCK)[index % BLOCK :]:
            if settings.posts and index >= settings.posts:
                return
            yield line
            index += 1


def block(settings: Settings, start_ms: int, number: int) -> list[Line]:
    """Lines [number * BLOCK, (number + 1) * BLOCK)."""
    return _Block(settings, start_ms, number).lines()


class _Block:
    def __init__(self, settings: Settings, start_ms: int, number: int) -> None:
        self._settings = settings
        self._start_ms = start_ms
        self._number = number
        self._random = random.Random(f"{settings.seed}/{number}").random  # noqa: S311 - repeatable, that is the point
        period, into = divmod(number * BLOCK, BURST_PERIOD)
        self._burst = BURSTS[(period + settings.seed) % len(BURSTS)]
        self._burst_share = 0.3 * math.exp(-(((into / BURST_PERIOD - 0.5) / 0.08) ** 2))
        self._ids = 10**18 + settings.seed % 8_000_000 * 10**12
        self._posts: list[tuple[Line, tuple[int, int, int, str, int, Content] | None]] = []  # what can come again
        dialects = [dialect for dialect in settings.dialects if dialect != "text"]
        self._dialects = dialects or ["text"]
        self._text_share = 0.1 if "text" in settings.dialects and dialects else 0.0
        self._kinds = (self._duplicate, self._edit, self._control, self._malformed, self._post)
        shares = (settings.duplicates, settings.edits, settings.control, settings.malformed)
        self._shares = list(accumulate(shares))

    def lines(self) -> list[Line]:
        first = self._number * BLOCK
        return [self._line(index) for index in range(first, first + BLOCK)]

    def _line(self, index: int) -> Line:
        if index % HUGE_EVERY == HUGE_EVERY // 2 and self._settings.malformed and self._dialects != ["text"]:
            return self._huge(index)
        return self._kinds[bisect(self._shares, self._random())](index)

    def _event_ms(self, index: int) -> int:
        draw, settings = self._random(), self._settings
        at_ms = int(self._start_ms + index * settings.tick_ms - self._random() * JITTER_MS)
        if draw < settings.late:
            return at_ms - HOUR_MS - int(self._random() * 30 * HOUR_MS)
        if draw > 1 - settings.implausible:
            return _IMPLAUSIBLE_MS[index % 2]
        return at_ms

    def _post(self, index: int) -> Line:
        draw = self._random
        language, vocabulary = LANGUAGES[LANGUAGE_TABLE[int(draw() * TABLE)]]
        is_text = self._dialects == ["text"] or draw() < self._text_share
        content, tags, words = self._content(vocabulary, one_line=is_text)
        if is_text:
            return Line(content.text.encode(), "text", "post", "", "text", None, "und", tags, words)
        dialect = self._dialects[int(draw() * len(self._dialects))]
        number, person, at_ms = self._ids + index * 8, int(draw() * draw() * len(PEOPLE)), self._event_ms(index)
        is_repost = draw() < self._settings.reposts
        if dialect == "x1":
            raw = self._v1(number, at_ms, language, person, content, is_repost=is_repost)
        elif is_repost:
            raw = payloads.v2_repost(number, at_ms, language, person, content, int(draw() * len(PEOPLE)), number + 1)
        else:
            raw = payloads.v2(number, number, at_ms, language, person, content)
        line = Line(raw.encode(), "x", "post", "", "x", at_ms, language, tags, words, is_repost)
        editable = None if is_repost or dialect == "x1" else (number, index, at_ms, language, person, content)
        self._posts.append((line, editable))
        return line

    def _v1(self, number: int, at_ms: int, language: str, person: int, content: Content, *, is_repost: bool) -> str:
        draw = self._random
        if not is_repost:
            # Old posts have no timestamp_ms; a time with milliseconds and one without are in the same minute.
            return payloads.v1(number, at_ms, language, person, content, timestamped=draw() > 0.1)
        author = int(draw() * len(PEOPLE))
        original = payloads.v1(number + 1, at_ms - int(draw() * HOUR_MS), language, author, content, timestamped=False)
        return payloads.v1_repost(number, at_ms, language, person, original, author, content)

    def _content(
        self, vocabulary: tuple[str, ...], *, one_line: bool
    ) -> tuple[Content, frozenset[str], frozenset[str]]:
        """A text of words, some hashtags in it, and the identities of both."""
        draw = self._random
        size = 3 + int(draw() * 12) + (40 if draw() < 0.06 else 0)
        tokens = [vocabulary[int(draw() * len(vocabulary))] for _ in range(size)]
        if draw() < 0.2:
            tokens.append(EMOJI[int(draw() * len(EMOJI))])
        if draw() < 0.1:
            tokens.append(f"https://example.org/{int(draw() * 0xFFFFFF):06x}")
        if draw() < 0.15:
            tokens.insert(0, "@" + PEOPLE[int(draw() * len(PEOPLE))])
        if draw() < 0.001 and not one_line:
            tokens[0] += "\0nul"
        spelled = self._spelled_tags()
        marked = [("＃" if draw() < 0.02 else "#") + tag for tag in spelled]
        for tag in marked:
            tokens.insert(1 + int(draw() * len(tokens)), tag)
        wide = "\u3000" if draw() < 0.02 else " "
        text = ("\n" if draw() < 0.03 and not one_line else wide).join(tokens)
        return Content(text, _places(text, marked)), _identities(tuple(spelled)), frozenset(map(identity, tokens))

    def _spelled_tags(self) -> list[str]:
        draw = self._random
        spelled = []
        if draw() < self._burst_share:
            spelled.append(self._burst)
        chance = draw()
        for _ in range(0 if chance < 0.45 else 1 if chance < 0.75 else 2 if chance < 0.92 else 4):
            spellings = TAGS[TAG_TABLE[int(draw() * TABLE)]]
            spelled.append(spellings[int(draw() * len(spellings))])
        if spelled and draw() < 0.02:
            spelled.append(spelled[0])  # a tag twice in a post counts once
        return spelled

    def _duplicate(self, index: int) -> Line:
        if not self._posts:
            return self._post(index)
        line, _ = self._posts[int(self._random() * len(self._posts))]
        return Line(line.raw, "x", "duplicate")

    def _edit(self, index: int) -> Line:
        """A later version of a post: another id, the same first id, so the same post (X's `edit_history_tweet_ids`)."""
        originals = [what for _, what in self._posts[-50:] if what is not None]
        if not originals:
            return self._post(index)
        number, _, at_ms, language, person, content = originals[-1]
        # The text stays: of two versions in one batch either may be the one that counts.
        return Line(
            payloads.v2(self._ids + index * 8, number, at_ms, language, person, content, likes=3).encode(),
            "x",
            "duplicate",
        )

    def _control(self, index: int) -> Line:
        number = self._ids + index * 8 + 2
        person = f'"user_id":{900_000_000 + index % len(PEOPLE)}'
        kind, body = (
            ("delete", f'"status":{{"id":{number},"id_str":"{number}",{person}}},"timestamp_ms":"{self._start_ms}"'),
            ("delete", f'"status":{{"id":{number},"id_str":"{number}",{person}}}'),
            ("limit", f'"track":{index},"timestamp_ms":"{self._start_ms}"'),
            ("scrub_geo", f'{person},"up_to_status_id":{number}'),
            ("status_withheld", f'"id":{number},{person},"withheld_in_countries":["XX"]'),
            ("user_withheld", '"id":900000001,"withheld_in_countries":["XX"]'),
            ("warning", '"code":"FALLING_BEHIND","message":"Your connection is falling behind.","percent_full":60'),
        )[int(self._random() * 7)]
        if self._random() < 0.2:
            return Line(b"", None, "control", "keep_alive", "unknown")
        return Line(f'{{"{kind}":{{{body}}}}}'.encode(), "x", "control", kind)

    def _malformed(self, index: int) -> Line:
        post = payloads.v1(
            self._ids + index * 8 + 3, self._start_ms, "en", 1, Content("lost #words", (("words", 5, 11),))
        )
        raw, reason = (
            (post[: 20 + int(self._random() * (len(post) - 21))].encode(), "truncated or invalid JSON"),
            (b"null", "not a JSON object"),
            (f"[{post}]".encode(), "not a JSON object"),
            (post.encode().replace(b"lost", b"\xff\xfe"), "invalid UTF-8"),
            (b'{"created_at":"Mon Mar 07 15:13:47 +0000 2016","text":"no id","lang":"en"}', "missing id"),
            (b'{"neither":"post","nor":"control"}', "unknown shape"),
        )[int(self._random() * 6)]
        return Line(raw, "x", "dead", reason)

    def _huge(self, index: int) -> Line:
        word, at_ms = "x" * HUGE_BYTES, self._event_ms(index)
        raw = payloads.v1(self._ids + index * 8, at_ms, "en", 1, Content(word, ())).encode()
        return Line(raw, "x", "post", "", "x", at_ms, "en", frozenset(), frozenset((identity(word),)))


@lru_cache(maxsize=50_000)
def _identities(spelled: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(identity, spelled))


def _places(text: str, marked: list[str]) -> tuple[tuple[str, int, int], ...]:
    """Where each hashtag stands, in the order of the text: (spelling, start at the sign, end)."""
    if not marked:
        return ()
    places, at = [], 0
    wanted = set(marked)
    for token in text.split():
        at = text.index(token, at)
        if token in wanted:
            places.append((token[1:], at, at + len(token)))
        at += len(token)
    return tuple(places)

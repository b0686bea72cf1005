"""Line n of a simulated stream and its truth: a pure function of settings, start and n."""

import math
import random
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from simulation import control, jetstream, mastodon, payloads
from simulation.payloads import Content
from simulation.settings import SimulationSettings
from simulation.vocabulary import BURSTS, EMOJI, LANGUAGE_TABLE, LANGUAGES, PEOPLE, TABLE, TAG_TABLE, TAGS, identity

BLOCK = 1000  # lines are made in blocks, each with its own random generator: resuming at n costs one block
BURST_PERIOD = 60_000  # a topic rises and falls once in so many lines
AT_HEIGHT = 0.2  # share of the burst's topic above which X limits delivery
HUGE_EVERY = 50_000  # one word of 1 MB in so many lines
HUGE_BYTES = 1_000_000
HOUR_MS = 3_600_000
JITTER_MS = 20_000
_IMPLAUSIBLE_MS = (946_684_800_000, 4_102_444_800_000)  # 2000, before X existed; 2100, in the future


class Line(NamedTuple):
    """One line of the stream, and how it must be counted.

    Attributes:
        raw: the bytes.
        dialect: as the source declares it; None for lines of no dialect.
        kind: `post`, `duplicate`, `control` or `dead`.
        term: a control message's kind and, after a tab, its subject; a dead line's reason; otherwise empty.
        source: the dialect under which it is counted.
        at_ms: event time; None if the line has none (then the time of receipt counts).
        lang, tags, words, is_repost: what is counted of a post; tags and words as identities.
        spellings: of the tags, each `IDENTITY<TAB>SPELLING`.
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
    spellings: frozenset[str] = frozenset()


class _Written(NamedTuple):
    """A post that can be repeated, as its author wrote it."""

    dialect: str
    number: int
    at_ms: int
    lang: str
    person: int
    content: Content
    also: tuple[str, ...]


def lines(settings: SimulationSettings, start_ms: int, first: int = 0) -> Iterator[Line]:
    """The stream's lines from index `first`; endless if the settings say so."""
    index = first
    while not settings.posts or index < settings.posts:
        for line in block(settings, start_ms, index // BLOCK)[index % BLOCK :]:
            if settings.posts and index >= settings.posts:
                return
            yield line
            index += 1


def block(settings: SimulationSettings, start_ms: int, number: int) -> list[Line]:
    """Lines [number * BLOCK, (number + 1) * BLOCK)."""
    return _Block(settings, start_ms, number).lines()


class _Block:
    def __init__(self, settings: SimulationSettings, start_ms: int, number: int) -> None:
        self._settings = settings
        self._start_ms = start_ms
        self._number = number
        self._random = random.Random(f"{settings.seed}/{number}").random  # noqa: S311 - repeatable, that is the point
        period, into = divmod(number * BLOCK, BURST_PERIOD)
        self._burst = BURSTS[(period + settings.seed) % len(BURSTS)]
        self._burst_share = 0.3 * math.exp(-(((into / BURST_PERIOD - 0.5) / 0.08) ** 2))
        self._ids = 10**18 + settings.seed % 8_000_000 * 10**12
        self._posts: list[Line] = []  # posts that can be repeated
        self._editable: list[_Written] = []
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
        content, spelled, words = self._content(vocabulary, one_line=is_text)
        if is_text:
            tags, spellings = _counted(spelled)
            return Line(content.text.encode(), "text", "post", "", "text", None, "und", tags, words, False, spellings)
        dialect = self._dialects[int(draw() * len(self._dialects))]
        number, person, at_ms = self._ids + index * 8, int(draw() * draw() * len(PEOPLE)), self._event_ms(index)
        # On Bluesky a repost is an event of its own, without a text.
        is_repost = draw() < self._settings.reposts and dialect != "jetstream"
        also = TAGS[TAG_TABLE[int(draw() * TABLE)]][:1] if dialect == "jetstream" and draw() < 0.1 else ()
        written = _Written(dialect, number, at_ms, language, person, content, also)
        raw = (self._reposted if is_repost else self._original)(written)
        network = _network(dialect)
        if dialect == "mastodon":
            spelled, language = mastodon.tag_names(content), "und" if is_repost else language
        tags, spellings = _counted(spelled + also)
        line = Line(raw.encode(), network, "post", "", network, at_ms, language, tags, words, is_repost, spellings)
        self._posts.append(line)
        if not is_repost and dialect != "x1":
            self._editable.append(written)
        return line

    def _original(self, written: _Written) -> str:
        dialect, number, at_ms, language, person, content, also = written
        if dialect == "x1":
            # Old posts have no timestamp_ms; a time with milliseconds and one without are in the same minute.
            return payloads.v1(number, at_ms, language, person, content, timestamped=self._random() > 0.1)
        if dialect == "jetstream":
            return jetstream.post(number, at_ms, language, person, content, also)
        if dialect == "mastodon":
            return mastodon.post(number, at_ms, language, person, content)
        return payloads.v2(number, number, at_ms, language, person, content)

    def _reposted(self, written: _Written) -> str:
        draw = self._random
        dialect, number, at_ms, language, person, content, _ = written
        author = int(draw() * len(PEOPLE))
        if dialect == "x1":
            before_ms = at_ms - int(draw() * HOUR_MS)
            original = payloads.v1(number + 1, before_ms, language, author, content, timestamped=False)
            return payloads.v1_repost(number, at_ms, language, person, original, author, content)
        if dialect == "mastodon":
            return mastodon.boost(number, at_ms, person, number + 1, language, author, content)
        return payloads.v2_repost(number, at_ms, language, person, content, author, number + 1)

    def _content(
        self, vocabulary: tuple[str, ...], *, one_line: bool
    ) -> tuple[Content, tuple[str, ...], frozenset[str]]:
        """A text, its hashtags as spelled, and the identities of its words."""
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
        return Content(text, _places(text, marked)), tuple(spelled), frozenset(map(identity, tokens))

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
        line = self._posts[int(self._random() * len(self._posts))]
        return Line(line.raw, line.dialect, "duplicate", source=line.source)

    def _edit(self, index: int) -> Line:
        """A post repeated: edited (X's `edit_history_tweet_ids`, an `update`), or another server's copy."""
        if not self._editable:
            return self._post(index)
        dialect, number, at_ms, language, person, content, also = self._editable[-1]
        # The text stays the same: either of two versions in one batch may count.
        if dialect == "jetstream":
            raw = jetstream.post(number, at_ms, language, person, content, also, operation="update")
        elif dialect == "mastodon":
            edited, other = self._random() < 0.5, self._ids + index * 8
            raw = (
                mastodon.post(number, at_ms, language, person, content, edited=True)
                if edited
                else mastodon.post(other, at_ms, language, person, content, copy_of=number)
            )
        else:
            raw = payloads.v2(self._ids + index * 8, number, at_ms, language, person, content, likes=3)
        return Line(raw.encode(), _network(dialect), "duplicate", source=_network(dialect))

    def _control(self, index: int) -> Line:
        draw, number, at_ms = self._random, self._ids + index * 8 + 2, self._start_ms
        dialect = _network(self._dialects[int(draw() * len(self._dialects))])
        if dialect == "text" or draw() < 0.1:
            return Line(b"", None, "control", control.KEEP_ALIVE[0], "unknown")
        if dialect == "jetstream":
            kind, about, raw = control.of_jetstream(draw, number, index, at_ms)
        elif dialect == "mastodon":
            kind, about, raw = control.of_mastodon(number)
        else:
            kind, about, raw = control.of_x(draw, number, index, at_ms, at_height=self._burst_share > AT_HEIGHT)
        return Line(raw.encode(), dialect, "control", f"{kind}\t{about}", dialect)

    def _malformed(self, index: int) -> Line:
        dialect, reason, raw = control.unreadable(self._random, self._ids + index * 8 + 3, self._start_ms)
        return Line(raw, dialect, "dead", reason, dialect)

    def _huge(self, index: int) -> Line:
        word, at_ms = "x" * HUGE_BYTES, self._event_ms(index)
        raw = payloads.v1(self._ids + index * 8, at_ms, "en", 1, Content(word, ())).encode()
        return Line(raw, "x", "post", "", "x", at_ms, "en", frozenset(), frozenset((identity(word),)))


@lru_cache(maxsize=50_000)
def _counted(spelled: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Identities and spellings, as they are counted."""
    return frozenset(map(identity, spelled)), frozenset(f"{identity(each)}\t{each}" for each in spelled)


def _network(dialect: str) -> str:
    """The name under which a dialect's posts are counted; X has two dialects."""
    return "x" if dialect in ("x1", "x2") else dialect


def _places(text: str, marked: list[str]) -> tuple[tuple[str, int, int], ...]:
    """Positions of the hashtags, in the order of the text: (spelling, start at the sign, end)."""
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

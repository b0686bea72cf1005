"""The collector's own events: gaps of its source, and lines that were too large for the topic."""

import msgspec

from formats import lenient
from formats.parsed import TOO_LARGE, UNKNOWN_SHAPE, Parsed, Rejected

SOURCE = "hashtide"


class _Note(msgspec.Struct, gc=False):
    gap: msgspec.Raw = msgspec.Raw(b"null")
    dead: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct, gc=False):
    hashtide: _Note | None = None


_decoder = msgspec.json.Decoder(_Message)


def parse(raw: bytes) -> Parsed:
    """Parses a gap event; its term is the JSON object under `hashtide.gap`.

    Raises:
        Rejected: it marks a line that was too large for the topic, or is not an event of ours.
    """
    note = lenient.decode(_decoder, raw).hashtide
    if note is not None:
        gap = lenient.value(note.gap)
        if gap and isinstance(gap, dict):
            return Parsed("gap", SOURCE, term=msgspec.json.encode(gap).decode())
        dead = lenient.value(note.dead)
        if dead and isinstance(dead, dict):
            raise Rejected(TOO_LARGE)
    raise Rejected(UNKNOWN_SHAPE)

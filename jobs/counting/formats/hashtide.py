"""The collector's own notes: where its source has missed something."""

import msgspec

from counting.formats import lenient
from counting.formats.parsed import UNKNOWN_SHAPE, Parsed, Rejected

SOURCE = "hashtide"


class _Note(msgspec.Struct, gc=False):
    gap: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct, gc=False):
    hashtide: _Note | None = None


_decoder = msgspec.json.Decoder(_Message)


def parse(raw: bytes) -> Parsed:
    """The note as a gap, whose term is the JSON object under `hashtide.gap`.

    Raises:
        Rejected: it is no note of ours.
    """
    note = lenient.decode(_decoder, raw).hashtide
    gap = None if note is None else msgspec.json.decode(note.gap)
    if not gap or not isinstance(gap, dict):
        raise Rejected(UNKNOWN_SHAPE)
    return Parsed("gap", SOURCE, term=msgspec.json.encode(gap).decode())

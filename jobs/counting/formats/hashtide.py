"""The collector's own notes: where its source has missed something."""

import msgspec

from counting.formats import lenient
from counting.formats.parsed import UNKNOWN_SHAPE, Parsed, Rejected

SOURCE = "hashtide"


class _Note(msgspec.Struct, gc=False):
    gap: dict[str, msgspec.Raw] | None = None


class _Message(msgspec.Struct, gc=False):
    hashtide: _Note | None = None


_decoder = msgspec.json.Decoder(_Message)


def parse(raw: bytes) -> Parsed:
    """The note as a gap, whose term is the JSON object under `hashtide.gap`.

    Raises:
        Rejected: it is no note of ours.
    """
    note = lenient.decode(_decoder, raw).hashtide
    if note is None or not note.gap:
        raise Rejected(UNKNOWN_SHAPE)
    return Parsed("gap", SOURCE, term=msgspec.json.encode(note.gap).decode())

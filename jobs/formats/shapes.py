"""Which dialect a record is, by its shape alone (docs/contracts.md, A record of topic `posts`)."""

import re

import msgspec

from contract.sources import JETSTREAM, MASTODON, NOTES, TEXT, X
from formats import connect, lenient
from formats.parsed import UNKNOWN_SOURCE, Rejected

_LITERALS = (b"null", b"true", b"false")
_BOM = b"\xef\xbb\xbf"
_OUR_NOTE = re.compile(rb'\s*\{\s*"hashtide"\s*:')
_DATA_LINES = (b"\ndata:", b"\rdata:")


_ABSENT = msgspec.Raw(b"")  # differs from a null, which is present


class _Keys(msgspec.Struct, gc=False):
    """Whether a JSON object has these keys, whatever they hold. To decode this is quicker than to search for two."""

    schema: msgspec.Raw = _ABSENT
    payload: msgspec.Raw = _ABSENT
    kind: msgspec.Raw = _ABSENT
    did: msgspec.Raw = _ABSENT
    event: msgspec.Raw = _ABSENT
    uri: msgspec.Raw = _ABSENT
    account: msgspec.Raw = _ABSENT
    content: msgspec.Raw = _ABSENT


_keys = msgspec.json.Decoder(_Keys)
_NO_KEYS = _Keys()


def recognise(raw: bytes) -> tuple[str, bytes | None]:
    """The dialect of a record without a header, and the record itself: out of Connect's envelope where it is in one.

    None for a record whose envelope holds nothing; its dialect means nothing then, as of a blank one. Never raises.
    """
    bare = raw if raw.startswith(b"{") else raw.removeprefix(_BOM).strip()
    if bare.startswith(b"{"):
        keys = _top_level(bare)
        if keys.schema is _ABSENT or keys.payload is _ABSENT:
            return _of_object(bare, keys), raw
    elif not bare.startswith(b'"'):
        return _of_other(bare), raw
    inner = connect.unwrap(bare)
    if inner is None:
        return UNKNOWN_SOURCE, None
    bare = inner.removeprefix(_BOM).strip()
    return _of_object(bare, _top_level(bare)) if bare.startswith(b"{") else _of_other(bare), inner


def _of_object(bare: bytes, keys: _Keys) -> str:
    if _OUR_NOTE.match(bare):
        return NOTES.name
    if keys.kind is not _ABSENT and keys.did is not _ABSENT:
        return JETSTREAM
    if keys.event is not _ABSENT and keys.payload is not _ABSENT:
        return MASTODON
    if keys.uri is not _ABSENT and keys.account is not _ABSENT and keys.content is not _ABSENT:
        return MASTODON
    return X


def _of_other(bare: bytes) -> str:
    if bare.startswith(b"[") or bare in _LITERALS:
        return X
    if bare.startswith(b"data:") or (bare.startswith(b"event:") and any(line in bare for line in _DATA_LINES)):
        return MASTODON
    return TEXT.name


def _top_level(bare: bytes) -> _Keys:
    try:
        return _keys.decode(bare)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _forgiving(bare)


def _forgiving(bare: bytes) -> _Keys:
    try:
        record = lenient.value(bare)
    except (Rejected, RecursionError):
        return _NO_KEYS
    there = msgspec.Raw(b"null")
    return _Keys(**{name: there for name in _Keys.__struct_fields__ if name in record})

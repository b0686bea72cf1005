"""Which dialect a record is, by its shape alone (docs/contracts.md, A record of topic `posts`)."""

import re

import msgspec

from counting.formats import hashtide, jetstream, lenient, mastodon, text, x
from counting.formats.parsed import Rejected

_LITERALS = (b"null", b"true", b"false")
_BOM = b"\xef\xbb\xbf"
_OUR_NOTE = re.compile(rb'\s*\{\s*"hashtide"\s*:')
_DATA_LINES = (b"\ndata:", b"\rdata:")
_JETSTREAM = ("kind", "did")
_MASTODON = (("event", "payload"), ("uri", "account", "content"))
# Nobody writes a key's letters as escapes; who does is read as well, only not as quickly.
_ESCAPED_LETTERS = (rb"\u006", rb"\u007")


class _Keys(msgspec.Struct, gc=False):
    kind: msgspec.Raw | None = None
    did: msgspec.Raw | None = None
    event: msgspec.Raw | None = None
    payload: msgspec.Raw | None = None
    uri: msgspec.Raw | None = None
    account: msgspec.Raw | None = None
    content: msgspec.Raw | None = None


_keys = msgspec.json.Decoder(_Keys)


def recognise(raw: bytes) -> str:
    """The dialect of a record that is not blank. Never raises."""
    if not raw.startswith(b"{"):
        raw = raw.removeprefix(_BOM).strip()
        if not raw.startswith((b"{", b"[")) and raw not in _LITERALS:
            return mastodon.SOURCE if _is_server_sent(raw) else text.SOURCE
    if _OUR_NOTE.match(raw):
        return hashtide.SOURCE
    if b'"did"' in raw or b'"payload"' in raw or b'"account"' in raw or any(each in raw for each in _ESCAPED_LETTERS):
        return _by_keys(raw)
    return x.SOURCE


def _is_server_sent(raw: bytes) -> bool:
    return raw.startswith(b"data:") or (raw.startswith(b"event:") and any(line in raw for line in _DATA_LINES))


def _by_keys(raw: bytes) -> str:
    keys = _top_level(raw)
    if keys.issuperset(_JETSTREAM):
        return jetstream.SOURCE
    if any(keys.issuperset(each) for each in _MASTODON):
        return mastodon.SOURCE
    return x.SOURCE


def _top_level(raw: bytes) -> set[str]:
    try:
        try:
            record = _keys.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return set(lenient.value(raw))
    except (Rejected, RecursionError, TypeError):
        return set()
    return {name for name in _Keys.__struct_fields__ if getattr(record, name) is not None}

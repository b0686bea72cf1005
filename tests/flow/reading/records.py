"""A record of the topic → what it is: by its header, else by its shape."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.flow.reading import jetstream, mastodon, x
from tests.flow.reading.found import NotAPostError, Post, control, dead, json_object, json_of, mapping
from tests.flow.reading.text import hashtags_of_text


@dataclass(frozen=True)
class TopicRecord:
    """One record of the topic, and when the batch that read it began."""

    place: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int
    processed_at: datetime


def read(record: TopicRecord) -> Post:
    """A post; or raises what the record is instead."""
    header, value = record.headers.get("dialect", b"").decode() or None, record.value
    if header is None and value is not None:
        value = _unwrapped(value)
    if value is None:
        raise dead("no value")
    if not value.strip():
        raise control(header if header in _READERS else "unknown", "keep_alive")
    dialect = header or _shape(value)
    if dialect not in _READERS:
        raise dead("unknown dialect")
    try:
        text = value.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise dead("invalid UTF-8") from None
    return _READERS[dialect](text)


def _text(text: str) -> Post:
    return Post(None, None, "text", "und", text, hashtags_of_text(text), is_repost=False)


def _note(text: str) -> Post:
    note = mapping(json_object(text), "hashtide")
    gap = mapping(note, "gap")
    if gap:
        raise NotAPostError("gap", gap)
    raise dead("too large for the topic" if mapping(note, "dead") else "unknown shape")


_READERS: dict[str, Callable[[str], Post]] = {
    "x": lambda text: x.read(json_object(text)),
    "jetstream": lambda text: jetstream.read(json_object(text)),
    "mastodon": mastodon.read,
    "text": _text,
    "hashtide": _note,
}


def _shape(value: bytes) -> str:
    bare = value.removeprefix(b"\xef\xbb\xbf").strip()
    if bare[:1] not in (b"{", b"[") and bare not in (b"null", b"true", b"false"):
        is_event = bare.startswith(b"data:") or (bare.startswith(b"event:") and re.search(rb"[\r\n]data:", bare))
        return "mastodon" if is_event else "text"
    if re.match(rb'\{\s*"hashtide"\s*:', bare):
        return "hashtide"
    names = _names(bare)
    if names >= {"kind", "did"}:
        return "jetstream"
    return "mastodon" if names >= {"event", "payload"} or names >= {"uri", "account", "content"} else "x"


def _names(bare: bytes) -> set[str]:
    try:
        message = json_of(bare.decode())
    except (NotAPostError, UnicodeDecodeError):
        return set()
    return {name for name, value in message.items() if value is not None} if isinstance(message, dict) else set()


def _unwrapped(value: bytes) -> bytes | None:
    """Out of Kafka Connect's envelope, or out of a JSON string; once."""
    bare = value.removeprefix(b"\xef\xbb\xbf").strip()
    # To parse every record for an envelope that few have would take as long as all the rest.
    if not bare.startswith(b'"') and not (b'"schema"' in bare and b'"payload"' in bare):
        return value
    try:
        message = json_of(bare.decode())
    except (NotAPostError, UnicodeDecodeError):
        return value
    if isinstance(message, str):
        return _sent(message, None)
    if not isinstance(message, dict) or message.keys() != {"schema", "payload"}:
        return value
    return None if message["payload"] is None else _sent(message["payload"], message["schema"])


def _sent(payload: object, schema: object) -> bytes:
    if not isinstance(payload, str):
        return json.dumps(payload).encode()
    if isinstance(schema, dict) and schema.get("type") == "bytes":
        try:
            return base64.b64decode(payload, validate=True)
        except binascii.Error:
            pass
    return re.sub("[\ud800-\udfff]", "\ufffd", payload).encode()

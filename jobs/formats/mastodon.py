"""Mastodon: events of its streaming API, as server-sent events, websocket envelopes, or bare statuses.

Source: docs.joinmastodon.org/methods/streaming and /entities/Status; the HTML standard, "Server-sent events".
"""

from typing import Any

import msgspec

from formats import lenient
from formats.details import NO_NAME, Author, Details, name
from formats.markup import text_of
from formats.parsed import (
    INVALID_JSON,
    INVALID_UTF8,
    KEEP_ALIVE,
    LONGEST_ID,
    MISSING_CREATED_AT,
    MISSING_ID,
    MISSING_TEXT,
    UNKNOWN_SHAPE,
    Parsed,
    Rejected,
)
from formats.values import about, iso_us, kind, language, one_line

SOURCE = "mastodon"
POST_EVENTS = ("update", "status.update")

_BOM = b"\xef\xbb\xbf"
_URL_LENGTH = 2_000


class _Tag(msgspec.Struct, gc=False):
    name: str | None = None


class _Account(msgspec.Struct, gc=False):
    acct: str | None = None
    uri: str | None = None
    url: str | None = None
    username: str | None = None
    display_name: str | None = None
    followers_count: int | None = None
    following_count: int | None = None


class _Content(msgspec.Struct, gc=False):
    content: str | None = None
    tags: list[_Tag] | None = None


class _Status(_Content, gc=False):
    uri: str | None = None
    url: str | None = None
    created_at: str | None = None
    language: str | None = None
    account: _Account | None = None
    reblog: _Content | None = None


class _Envelope(_Status, gc=False):
    """The websocket's envelope or a bare status; only the envelope has `event`."""

    event: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"")


_envelopes = msgspec.json.Decoder(_Envelope)
_statuses = msgspec.json.Decoder(_Status)


class _Event(msgspec.Struct, gc=False):
    """A record's content: a status if its event is a post's, otherwise the event's raw data."""

    name: str
    status: _Status | None = None
    data: bytes = b""


def parse(raw: bytes) -> Parsed:
    """One event as a post or a control message.

    Raises:
        Rejected: it is neither.
    """
    event = _read(raw)
    if event.status is None:
        return Parsed("control", SOURCE, term=kind(event.name), about=_about(event))
    status = event.status
    post_id, created_at_us = _identify(status)
    text, hashtags = _text_and_hashtags(status)
    lang = language(status.language)
    repeated = status.reblog
    if repeated is None:
        return Parsed("post", SOURCE, post_id, created_at_us, lang, text, hashtags)
    whole, tags = _text_and_hashtags(repeated) if repeated.content is not None else (text, hashtags)
    return Parsed("post", SOURCE, post_id, created_at_us, lang, whole, tags, True, own_text=text, own_hashtags=hashtags)


def post_id(raw: bytes) -> str | None:
    """The id that `parse` gives the post; None if it is not a post."""
    try:
        status = _read(raw).status
        return None if status is None else _identify(status)[0]
    except Rejected:
        return None


def describe(raw: bytes) -> Details | None:
    """The author, with the name shown by their own server; the user name if they have chosen none.

    Raises:
        Rejected: it is not a post.
    """
    status = _read(raw).status
    if status is None:
        return None
    _identify(status)
    account = status.account or _Account()
    handle = one_line(account.acct or account.username or "", _URL_LENGTH)
    shown = name(account.display_name)
    author = Author(
        account.uri or account.url,
        shown if shown != NO_NAME else name(account.username),
        handle,
        account.following_count,
        account.followers_count,
    )
    return Details(author, one_line(status.url or status.uri or "", _URL_LENGTH))


def _read(raw: bytes) -> _Event:
    raw = raw.removeprefix(_BOM).strip()
    if not raw.startswith((b"{", b"[")):
        return _server_sent(raw)
    record = lenient.decode(_envelopes, raw)
    if record.event is None:
        return _Event("update", record)
    return _event(record.event, _payload(record.payload))


def _payload(written: msgspec.Raw) -> bytes:
    """The event's payload, which servers put into a JSON string."""
    if bytes(written) in (b"", b"null"):
        return b""
    payload = lenient.value(written)
    return payload.encode() if isinstance(payload, str) else bytes(written)


def _server_sent(raw: bytes) -> _Event:
    try:
        lines = raw.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except UnicodeDecodeError:
        raise Rejected(INVALID_UTF8) from None
    event, data = "", []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "data":
            data.append(value)
        elif field not in ("", "id", "retry"):
            raise Rejected(UNKNOWN_SHAPE)
    if not data:
        if event:
            raise Rejected(UNKNOWN_SHAPE)  # torn: every complete event has data
        return _Event(KEEP_ALIVE)  # comments only: servers send `:thump`
    return _event(event or "message", "\n".join(data).encode())


def _event(event: str, data: bytes) -> _Event:
    if event not in POST_EVENTS:
        return _Event(event, data=data)
    if not data:
        raise Rejected(INVALID_JSON)
    return _Event(event, lenient.decode(_statuses, data))


def _identify(status: _Status) -> tuple[str, int]:
    """Identity and event time. The URI is the same on every server that has a copy."""
    if not status.uri or len(status.uri) > LONGEST_ID:
        raise Rejected(UNKNOWN_SHAPE if status.content is None else MISSING_ID)
    created_at_us = iso_us(status.created_at)
    if created_at_us is None:
        raise Rejected(MISSING_CREATED_AT)
    if status.content is None and (status.reblog is None or status.reblog.content is None):
        raise Rejected(MISSING_TEXT)
    return f"{SOURCE}:{status.uri}", created_at_us


def _text_and_hashtags(content: _Content) -> tuple[str, tuple[str, ...]]:
    return text_of(content.content or ""), tuple(tag.name for tag in content.tags or () if tag.name)


def _about(event: _Event) -> str:
    """The post or user that an event is about, otherwise the id in its data."""
    try:
        data = lenient.value(event.data) if event.data else None
    except Rejected:
        data = event.data.decode(errors="replace")
    if not isinstance(data, dict):
        return about(data) if isinstance(data, (str, int)) else ""
    status = data.get("status") or data.get("last_status")
    if isinstance(status, dict) and isinstance(status.get("uri"), str):
        return about(_text(data, "type"), f"{SOURCE}:{status['uri']}")
    return about(_text(data, "type"), _text(data, "id"))


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""

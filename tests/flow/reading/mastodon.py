"""Mastodon: server-sent events, websocket envelopes, bare statuses."""

import re
from html import unescape
from typing import Any

from tests.flow.reading.found import (
    NotAPostError,
    Post,
    control,
    dead,
    json_object,
    json_of,
    language,
    mapping,
    objects,
    string,
    time_of,
)

# Elements that stand in lines of their own; all others leave nothing.
_BLOCKS = re.compile(r"</?(?:p|br|div|ul|ol|li|pre|blockquote|h[1-6])\b[^>]*>", re.IGNORECASE)
_TAGS = re.compile(r"</?[a-zA-Z][^>]*>|<!--.*?-->", re.DOTALL)


def read(text: str) -> Post:
    """A post; or raises what the event is instead."""
    text = text.strip()
    if text[:1] not in ("{", "["):
        return _read_event(*_server_sent(text))
    message = json_object(text)
    event = string(message, "event")
    if event is None:
        return _post(message)
    return _read_event(event, message.get("payload"))


def _server_sent(text: str) -> tuple[str, str]:
    event, data = "", []
    for line in re.split("\r\n|\r|\n", text):
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif name not in ("", "id", "retry"):
            raise dead("unknown shape")
    if not data:
        raise dead("unknown shape") if event else control("mastodon", "keep_alive")
    return event or "message", "\n".join(data)


def _read_event(event: str, payload: object) -> Post:
    """`payload`: JSON in a string, or what stood there instead of one."""
    if event in ("update", "status.update"):
        if payload is None or payload == "":
            raise dead("truncated or invalid JSON")
        status = json_object(payload) if isinstance(payload, str) else payload
        if not isinstance(status, dict):
            raise dead("not a JSON object")
        return _post(status)
    raise _said(event, payload)


def _post(status: dict[str, Any]) -> Post:
    uri, content, repeated = string(status, "uri"), string(status, "content"), mapping(status, "reblog")
    if not uri:
        raise dead("unknown shape" if content is None else "missing id")
    created_at = time_of(string(status, "created_at"))
    if created_at is None:
        raise dead("missing created_at")
    whole = repeated if string(repeated, "content") is not None else status
    html = string(whole, "content")
    if html is None:
        raise dead("missing text")
    tags = [string(tag, "name") or "" for tag in objects(whole, "tags")]
    lang = language(string(status, "language"))
    return Post(f"mastodon:{uri}", created_at, "mastodon", lang, text_of(html), tags, repeated is not None)


def text_of(html: str) -> str:
    """What people see of it, as far as words go."""
    return unescape(_TAGS.sub("", _BLOCKS.sub("\n", html)))


def _said(event: str, payload: object) -> NotAPostError:
    if isinstance(payload, str) and payload:
        try:
            payload = json_of(payload)
        except NotAPostError:
            return control("mastodon", event, payload)
    if isinstance(payload, dict):
        about = next((found for name in ("status", "last_status") if (found := mapping(payload, name))), None)
        uri = string(about, "uri")
        named = f"mastodon:{uri}" if uri is not None else string(payload, "id")
        return control("mastodon", event, string(payload, "type"), named)
    return control("mastodon", event, payload if isinstance(payload, (str, int)) else "")

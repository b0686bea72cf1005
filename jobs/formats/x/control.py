"""X's control messages: the kind of a line that is not a post, and what it is about.

Source: developer.x.com, "Consuming streaming data" (v1.1) and "Handling disconnections" (v2).
"""

from collections.abc import Callable
from typing import Any

from formats import lenient
from formats.values import about, kind, labelled
from formats.x.message import Message

_NOTHING = (b"", b"null")
Fields = dict[str, Any]


def is_control(message: Message) -> bool:
    """Whether a line without a post id is a control message; otherwise it is dead."""
    return bool(
        message.errors
        or bytes(message.connection_issue)
        or any(bytes(getattr(message, name)) not in _NOTHING for name in _ABOUT)
    )


def kind_and_about(message: Message) -> tuple[str, str]:
    """The kind of a control message, and its subject: a post, a user, or the message itself.

    Raises:
        Rejected: a part of it is not JSON.
    """
    for name, say in _ABOUT.items():
        raw = getattr(message, name)
        if bytes(raw) not in _NOTHING:
            fields = lenient.value(raw)
            return name, say(fields) if isinstance(fields, dict) else ""
    first = message.errors[0] if message.errors else None
    title = message.title or next((each.title for each in message.errors or () if each.title), None)
    issue = lenient.value(message.connection_issue) if bytes(message.connection_issue) else None
    subject = about(
        labelled("connection_issue", issue),
        labelled("disconnect_type", first.disconnect_type if first is not None else None),
        labelled("detail", message.detail or (first.detail if first is not None else None)),
    )
    return kind(title or "error"), subject


def _delete(fields: Fields) -> str:
    status = fields.get("status")
    return _post(status, "id") if isinstance(status, dict) else ""


def _scrub_geo(fields: Fields) -> str:
    post = _post(fields, "up_to_status_id")
    return about(labelled("user", _id(fields, "user_id")), labelled("up_to", post))


def _limit(fields: Fields) -> str:
    return about(labelled("track", fields.get("track")))


def _status_withheld(fields: Fields) -> str:
    return about(_post(fields, "id"), labelled("countries", fields.get("withheld_in_countries")))


def _user_withheld(fields: Fields) -> str:
    return about(labelled("user", _id(fields, "id")), labelled("countries", fields.get("withheld_in_countries")))


def _disconnect(fields: Fields) -> str:
    return about(*(labelled(name, fields.get(name)) for name in ("code", "stream_name", "reason")))


def _warning(fields: Fields) -> str:
    return about(*(labelled(name, fields.get(name)) for name in ("code", "percent_full", "user_id", "message")))


def _id(fields: Fields, name: str) -> str:
    """An id as text: its `_str` form, since a number may have lost its last digits."""
    return about(fields.get(f"{name}_str") or fields.get(name))


def _post(fields: Fields, name: str) -> str:
    number = _id(fields, name)
    return f"x:{number}" if number else ""


_ABOUT: dict[str, Callable[[Fields], str]] = {
    "delete": _delete,
    "scrub_geo": _scrub_geo,
    "limit": _limit,
    "status_withheld": _status_withheld,
    "user_withheld": _user_withheld,
    "disconnect": _disconnect,
    "warning": _warning,
}

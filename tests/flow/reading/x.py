"""X: v1.1 and v2."""

import re
from datetime import UTC, datetime
from typing import Any

from tests.flow.reading.found import (
    Post,
    control,
    dead,
    from_us,
    labelled,
    language,
    mapping,
    objects,
    sequence,
    string,
    time_of,
)
from tests.flow.reading.text import hashtags_of_text

CONTROL_KINDS = ("delete", "scrub_geo", "limit", "status_withheld", "user_withheld", "disconnect", "warning")
# Snowflake ids: milliseconds since 2010-11-04T01:42:54.657Z in the bits above the 22nd.
SNOWFLAKE_EPOCH_MS = 1288834974657
FIRST_SNOWFLAKE = 29700859247


def read(message: dict[str, Any]) -> Post:
    """A post; or raises what the message is instead."""
    return _v1(message) if mapping(message, "data") is None else _v2(message)


def _v1(message: dict[str, Any]) -> Post:
    number = _id(string(message, "id_str")) or _id(_int_text(message.get("id")))
    if number is None:
        _raise_if_control(message)
    created_at = _ms(message.get("timestamp_ms")) or _time(string(message, "created_at"))
    original = mapping(message, "retweeted_status")
    return _post(message, original, number, created_at, original is not None)


def _v2(message: dict[str, Any]) -> Post:
    data = message["data"]
    history = [each for each in sequence(data, "edit_history_tweet_ids") if isinstance(each, str)]
    number = (_id(history[0]) if history else None) or _id(string(data, "id"))
    repeated = {each.get("id") for each in objects(data, "referenced_tweets") if each.get("type") == "retweeted"}
    included = objects(mapping(message, "includes"), "tweets")
    original = next((each for each in included if each.get("id") in repeated), None)
    return _post(data, original, number, _time(string(data, "created_at")), bool(repeated))


def _post(
    own: dict[str, Any],
    original: dict[str, Any] | None,
    number: str | None,
    created_at: datetime | None,
    is_repost: bool,
) -> Post:
    if number is None:
        raise dead("missing id" if _text(own) is not None else "unknown shape")
    created_at = created_at or _time_of_id(_id(string(own, "id")) or number)
    if created_at is None:
        raise dead("missing created_at")
    if _text(own) is None:
        raise dead("missing text")
    full = original if original is not None and _text(original) is not None else own
    lang = language(string(own, "lang"))
    return Post(f"x:{number}", created_at, "x", lang, _text(full) or "", _hashtags(full), is_repost)


def _raise_if_control(message: dict[str, Any]) -> None:
    for kind in CONTROL_KINDS:
        if message.get(kind) is not None:
            said = mapping(message, kind)
            raise control("x", kind, *(_about(kind, said) if said is not None else ()))
    errors = objects(message, "errors")
    if errors or "connection_issue" in message:
        first = errors[0] if errors else None
        titles = [string(message, "title"), *(string(each, "title") for each in errors)]
        raise control(
            "x",
            next((title for title in titles if title), "error"),
            labelled("connection_issue", message.get("connection_issue")),
            labelled("disconnect_type", string(first, "disconnect_type")),
            labelled("detail", string(message, "detail") or string(first, "detail")),
        )


def _about(kind: str, said: dict[str, Any]) -> tuple[str, ...]:
    """The post or user that a message is about, or what it says."""

    def number(name: str, of: dict[str, Any] = said) -> str:
        return str(of.get(f"{name}_str") or of.get(name) or "")

    def post(name: str, of: dict[str, Any] = said) -> str:
        return f"x:{number(name, of)}" if number(name, of) else ""

    def fields(*names: str) -> tuple[str, ...]:
        return tuple(labelled(name, said.get(name)) for name in names)

    countries = labelled("countries", said.get("withheld_in_countries"))
    return {
        "delete": (post("id", mapping(said, "status") or {}),),
        "scrub_geo": (labelled("user", number("user_id")), labelled("up_to", post("up_to_status_id"))),
        "limit": fields("track"),
        "status_withheld": (post("id"), countries),
        "user_withheld": (labelled("user", number("id")), countries),
        "disconnect": fields("code", "stream_name", "reason"),
        "warning": fields("code", "percent_full", "user_id", "message"),
    }[kind]


def _long(content: dict[str, Any]) -> dict[str, Any]:
    return mapping(content, "extended_tweet") or mapping(content, "note_tweet") or {}


def _text(content: dict[str, Any]) -> str | None:
    long = _long(content)
    candidates = (
        string(long, "full_text"),
        string(long, "text"),
        string(content, "full_text"),
        string(content, "text"),
    )
    return next((text for text in candidates if text is not None), None)


def _hashtags(content: dict[str, Any]) -> list[str]:
    entities = mapping(_long(content), "entities")
    if entities is None:
        entities = mapping(content, "entities")
    if entities is None:
        return hashtags_of_text(_text(content) or "")
    return [string(each, "text") or string(each, "tag") or "" for each in objects(entities, "hashtags")]


def _int_text(value: object) -> str | None:
    return str(value) if type(value) is int else None


def _id(text: str | None) -> str | None:
    return text if text and re.fullmatch(r"[1-9][0-9]{0,18}", text) else None


def _ms(value: object) -> datetime | None:
    digits = _id(value if isinstance(value, str) else _int_text(value))
    return from_us(int(digits) * 1000) if digits and len(digits) <= 14 else None


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%a %b %d %H:%M:%S %z %Y").astimezone(UTC)
    except ValueError:
        return time_of(text)


def _time_of_id(number: str) -> datetime | None:
    return from_us(((int(number) >> 22) + SNOWFLAKE_EPOCH_MS) * 1000) if int(number) >= FIRST_SNOWFLAKE else None

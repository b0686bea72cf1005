"""Jetstream: Bluesky's events."""

from typing import Any

from tests.flow.reading.found import (
    NotAPostError,
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
    strings,
    time_of,
)

POSTS = "app.bsky.feed.post"


def read(message: dict[str, Any]) -> Post:
    """A post; or raises what the event is instead."""
    commit = mapping(message, "commit")
    if string(commit, "collection") != POSTS or string(commit, "operation") not in ("create", "update"):
        raise _other(message, commit)
    record = mapping(commit, "record")
    text, did, key = string(record, "text"), string(message, "did"), string(commit, "rkey")
    if text is None:
        raise dead("missing text")
    if not (did and key):
        raise dead("missing id")
    created_at, time_us = time_of(string(record, "createdAt")), message.get("time_us")
    if created_at is None and type(time_us) is int:
        created_at = from_us(time_us)
    if created_at is None:
        raise dead("missing created_at")
    tags = [string(f, "tag") or "" for facet in objects(record, "facets") for f in objects(facet, "features")]
    langs = [each for each in sequence(record, "langs") if isinstance(each, str)]
    return Post(
        f"jetstream:{did}/{key}", created_at, "jetstream", language(langs[0] if langs else None), text,
        tags + strings(record, "tags"), is_repost=False,
    )  # fmt: skip


def _other(message: dict[str, Any], commit: dict[str, Any] | None) -> NotAPostError:
    did, collection, event = string(message, "did"), string(commit, "collection"), string(message, "kind")
    if collection:
        name, key = collection.split(".")[-1], string(commit, "rkey")
        if string(commit, "operation") == "delete":
            if collection == POSTS:
                return control("jetstream", "delete", f"jetstream:{did}/{key}")
            return control("jetstream", f"delete_{name}", f"at://{did}/{collection}/{key}")
        record = mapping(commit, "record")
        subject = mapping(record, "subject")
        if subject is not None:
            return control("jetstream", name, _named(string(subject, "uri") or ""))
        return control("jetstream", name, string(record, "subject") or did)
    if event and event != "commit":
        account, identity = mapping(message, "account"), mapping(message, "identity")
        active = "active" if account and account.get("active") is True else ""
        status = labelled("status", string(account, "status") or active)
        return control("jetstream", event, did, status, labelled("handle", string(identity, "handle")))
    return dead("unknown shape")


def _named(uri: str) -> str:
    """A post's identity from its URI; of what is no post the URI."""
    parts = uri.split("/")
    if len(parts) >= 5 and uri.startswith(f"at://{parts[2]}/{POSTS}/") and parts[4]:
        return f"jetstream:{parts[2]}/{'/'.join(parts[4:])}"
    return uri

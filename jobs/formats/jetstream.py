"""Jetstream: Bluesky's events, as JSON over a websocket.

Source: github.com/bluesky-social/jetstream (the events), atproto.com/lexicons (`app.bsky.feed.post`, facets).
"""

import msgspec

from formats import lenient
from formats.details import Author, Details
from formats.parsed import LONGEST_ID, MISSING_CREATED_AT, MISSING_ID, MISSING_TEXT, UNKNOWN_SHAPE, Parsed, Rejected
from formats.values import about, iso_us, kind, labelled, language, one_line

SOURCE = "jetstream"
POSTS = "app.bsky.feed.post"

_AT = "at://"
_LONGEST_DID = 300  # 2 KB by the W3C's rule; those in use have 32


class _Feature(msgspec.Struct, gc=False):
    tag: str | None = None


class _Facet(msgspec.Struct, gc=False):
    features: list[_Feature] | None = None


class _Reference(msgspec.Struct, gc=False):
    uri: str | None = None


class _Record(msgspec.Struct, gc=False):
    """`text` to `tags` belong to posts; `subject`, a post or a user, to likes, reposts, follows and blocks."""

    text: str | None = None
    created_at: str | None = msgspec.field(default=None, name="createdAt")
    langs: list[str] | None = None
    facets: list[_Facet] | None = None
    tags: list[str] | None = None
    subject: _Reference | str | None = None


class _Commit(msgspec.Struct, gc=False):
    operation: str | None = None
    collection: str | None = None
    rkey: str | None = None
    record: _Record | None = None


class _Account(msgspec.Struct, gc=False):
    active: bool | None = None
    status: str | None = None


class _Identity(msgspec.Struct, gc=False):
    handle: str | None = None


class _Event(msgspec.Struct, gc=False):
    did: str | None = None
    time_us: int | None = None
    kind: str | None = None
    commit: _Commit | None = None
    account: _Account | None = None
    identity: _Identity | None = None


_decoder = msgspec.json.Decoder(_Event)


def parse(raw: bytes) -> Parsed:
    """One event as a post or a control message.

    Raises:
        Rejected: it is neither.
    """
    event = lenient.decode(_decoder, raw)
    post = _post(event)
    if post is None:
        return _control(event)
    record, post_id, created_at_us = post
    lang = language(record.langs[0] if record.langs else None)
    return Parsed("post", SOURCE, post_id, created_at_us, lang, record.text or "", _hashtags(record))


def post_id(raw: bytes) -> str | None:
    """The id that `parse` gives the post; None if it is not a post."""
    try:
        post = _post(lenient.decode(_decoder, raw))
    except Rejected:
        return None
    return None if post is None else post[1]


def describe(raw: bytes) -> Details | None:
    """Jetstream gives no names, so the author is known by the DID only.

    Raises:
        Rejected: the record is not understood.
    """
    event = lenient.decode(_decoder, raw)
    if _post(event) is None or event.did is None or event.commit is None:
        return None
    did = one_line(event.did, _LONGEST_DID)
    return Details(
        Author(did, did, did), f"https://bsky.app/profile/{did}/post/{one_line(event.commit.rkey or '', 600)}"
    )


def _post(event: _Event) -> tuple[_Record, str, int] | None:
    """A post's record, identity and event time; None for a control message. Only this decides what is a post."""
    commit = event.commit
    if commit is None or commit.collection != POSTS or commit.operation not in ("create", "update"):
        return None
    record = commit.record
    if record is None or record.text is None:
        raise Rejected(MISSING_TEXT)
    if not event.did or not commit.rkey or len(event.did) + len(commit.rkey) > LONGEST_ID:
        raise Rejected(MISSING_ID)
    created_at_us = iso_us(record.created_at)
    if created_at_us is None:
        created_at_us = event.time_us
    if created_at_us is None:
        raise Rejected(MISSING_CREATED_AT)
    return record, f"{SOURCE}:{event.did}/{commit.rkey}", created_at_us


def _hashtags(record: _Record) -> tuple[str, ...]:
    """The author's app marks tags by facets; `tags` holds those that are not in the text."""
    if not record.facets and not record.tags:
        return ()
    found = [feature.tag for facet in record.facets or () for feature in facet.features or () if feature.tag]
    return (*found, *(tag for tag in record.tags or () if tag))


def _control(event: _Event) -> Parsed:
    """An event about something other than a post, or about a deleted post."""
    if event.commit is not None and event.commit.collection:
        name, subject = _commit(event, event.commit)
    elif event.kind and event.kind != "commit":
        name, subject = event.kind, about(event.did, _account(event), _handle(event))
    else:
        raise Rejected(UNKNOWN_SHAPE)
    return Parsed("control", SOURCE, term=kind(name), about=subject)


def _commit(event: _Event, commit: _Commit) -> tuple[str, str]:
    name = (commit.collection or "").rpartition(".")[2]
    if commit.operation == "delete":
        if commit.collection == POSTS:
            return "delete", about(f"{SOURCE}:{event.did}/{commit.rkey}")
        return f"delete_{name}", about(f"{_AT}{event.did}/{commit.collection}/{commit.rkey}")
    subject = commit.record.subject if commit.record is not None else None
    if isinstance(subject, _Reference):
        return name, about(_named(subject.uri))
    return name, about(subject or event.did)


def _named(uri: str | None) -> str | None:
    """The identity of the post that an at-URI names; the URIs of other records are returned unchanged."""
    if uri is None or not uri.startswith(_AT):
        return uri
    did, _, path = uri.removeprefix(_AT).partition("/")
    collection, _, rkey = path.partition("/")
    return f"{SOURCE}:{did}/{rkey}" if collection == POSTS and rkey else uri


def _account(event: _Event) -> str:
    account = event.account
    return "" if account is None else labelled("status", account.status or ("active" if account.active else ""))


def _handle(event: _Event) -> str:
    return "" if event.identity is None else labelled("handle", event.identity.handle)

"""Mastodon's events as its websocket sends them: an envelope whose payload is JSON in a string. About 1.5 KB each."""

import json
from functools import cache
from html import escape
from json.encoder import encode_basestring as quoted

from simulation.payloads import Content, iso_time
from simulation.vocabulary import PEOPLE, identity

HOME = "https://social.example"


def uri(number: int, person: int) -> str:
    """A post's URI, the same on every server."""
    return f"{HOME}/users/{PEOPLE[person]}/statuses/{number}"


def tag_names(content: Content) -> tuple[str, ...]:
    """The hashtags as a server lists them: lower case, each once."""
    return tuple(dict.fromkeys(_name(tag) for tag, _, _ in content.tags))


@cache
def _name(tag: str) -> str:
    lower = tag.lower()
    return lower if identity(lower) == identity(tag) else tag


def post(
    number: int, at_ms: int, lang: str, person: int, content: Content, *, edited: bool = False, copy_of: int = 0
) -> str:
    """A post; `edited`: a later version; `copy_of`: number of the post that this copies on another server."""
    status = _status(number, copy_of or number, at_ms, lang, person, content, edited=edited)
    return _envelope("status.update" if edited else "update", status)


def boost(number: int, at_ms: int, person: int, original: int, lang: str, author: int, content: Content) -> str:
    """A `reblog`: it has no words, tags or language of its own."""
    repeated = _status(original, original, at_ms - 60_000, lang, author, content)
    return _envelope("update", _status(number, number, at_ms, "", person, Content("", ()), repeated))


def deletion(number: int) -> str:
    """A deletion, with the id that this server gave the post."""
    return f'{{"stream":["public"],"event":"delete","payload":"{number}"}}'


def _envelope(event: str, status: str) -> str:
    return f'{{"stream":["public"],"event":"{event}","payload":{quoted(status)}}}'


def _status(
    number: int, named: int, at_ms: int, lang: str, person: int, content: Content, repeated: str = "null",
    *, edited: bool = False,
) -> str:  # fmt: skip
    tags = ",".join(f'{{"name":{quoted(tag)},"url":"{HOME}/tags/simulated"}}' for tag in tag_names(content))
    activity = "/activity" if repeated != "null" else ""
    language = f'"{lang}"' if lang else "null"
    edited_at = f'"{iso_time(at_ms + 5000)}"' if edited else "null"
    return (
        f'{{"id":"{number}","created_at":"{iso_time(at_ms)}","in_reply_to_id":null,"in_reply_to_account_id":null,'
        f'"sensitive":false,"spoiler_text":"","visibility":"public","language":{language},'
        f'"uri":"{uri(named, person)}{activity}","url":"{HOME}/@{PEOPLE[person]}/{named}","replies_count":0,'
        f'"reblogs_count":0,"favourites_count":{int(edited)},"edited_at":{edited_at},'
        f'"content":{quoted(_html(content))},"reblog":{repeated},"account":{_account(person)},"media_attachments":[],'
        f'"mentions":[],"tags":[{tags}],"emojis":[],"card":null,"poll":null}}'
    )


def _html(content: Content) -> str:
    """The text as servers render it: a paragraph, `<br />` for line breaks, links around the hashtags."""
    if not content.text:
        return ""
    parts, at = [], 0
    for tag, start, end in content.tags:
        link = f'<a href="{HOME}/tags/simulated" class="mention hashtag" rel="tag">{content.text[start]}<span>'
        parts += [escape(content.text[at:start]), link, escape(tag), "</span></a>"]
        at = end
    parts.append(escape(content.text[at:]))
    return f"<p>{''.join(parts)}</p>".replace("\n", "<br />")


@cache
def _account(person: int) -> str:
    name = PEOPLE[person]
    account = {
        "id": str(900_000_000 + person), "username": name, "acct": name, "display_name": name.strip("_").title(),
        "locked": False, "bot": False, "created_at": "2022-11-01T00:00:00.000Z", "note": "This person does not exist.",
        "url": f"{HOME}/@{name}", "uri": f"{HOME}/users/{name}", "followers_count": person * 37 % 9973,
        "following_count": person * 91 % 1999, "statuses_count": 123, "emojis": [], "fields": [],
    }  # fmt: skip
    return json.dumps(account, separators=(",", ":"))

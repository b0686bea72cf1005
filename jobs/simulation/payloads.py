"""One post in the JSON of X: v1.1 and v2, as their streams send it. About 1 KB each. From templates, for speed."""

import json
from datetime import UTC, datetime
from functools import cache
from json.encoder import encode_basestring as quoted  # v2 does not
from json.encoder import encode_basestring_ascii as quoted_ascii  # v1.1 escapes all beyond ASCII
from typing import NamedTuple

from simulation.vocabulary import PEOPLE

LONG_CODE_POINTS = 140
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Content(NamedTuple):
    """A person's post: `tags` are (spelling, first code point, code point after the last), with the sign."""

    text: str
    tags: tuple[tuple[str, int, int], ...]


def v1(number: int, at_ms: int, lang: str, person: int, content: Content, *, timestamped: bool = True) -> str:
    """A v1.1 post; a long one has `extended_tweet`, and its own text and entities are truncated as by X."""
    return _v1(number, at_ms, lang, person, content, "", f',"timestamp_ms":"{at_ms}"' if timestamped else "")


def v1_repost(number: int, at_ms: int, lang: str, person: int, original: str, author: int, content: Content) -> str:
    """A v1.1 retweet: `RT @…` and a truncated text with the remaining entities, the full post in `retweeted_status`."""
    prefix = f"RT @{PEOPLE[author]}: "
    moved = tuple((tag, start + len(prefix), end + len(prefix)) for tag, start, end in content.tags)
    shown = _truncated(Content(prefix + content.text, moved), LONG_CODE_POINTS, "…")
    return _v1(number, at_ms, lang, person, shown, f',"retweeted_status":{original}', f',"timestamp_ms":"{at_ms}"')


def _v1(number: int, at_ms: int, lang: str, person: int, content: Content, repeated: str, stamp: str) -> str:
    long = len(content.text) > LONG_CODE_POINTS and not repeated
    shown = _truncated(content, 116, "… https://example.org/1C") if long else content
    extended = (
        f',"extended_tweet":{{"full_text":{quoted_ascii(content.text)},"display_text_range":[0,{len(content.text)}],'
        f'"entities":{_entities_v1(content)}}}'
        if long
        else ""
    )
    return (
        f'{{"created_at":"{_classic_time(at_ms // 1000)}","id":{number},"id_str":"{number}",'
        f'"text":{quoted_ascii(shown.text)},"source":"<a href=\\"https://example.org\\" '
        'rel=\\"nofollow\\">Example</a>",'
        f'"truncated":{"true" if long else "false"},"in_reply_to_status_id":null,"in_reply_to_user_id":null,'
        f'"in_reply_to_screen_name":null,"user":{_user_v1(person)},"geo":null,"coordinates":null,"place":null,'
        f'"contributors":null{repeated},"is_quote_status":false{extended},"quote_count":0,"reply_count":0,'
        f'"retweet_count":0,"favorite_count":0,"entities":{_entities_v1(shown)},"favorited":false,"retweeted":false,'
        f'"filter_level":"low","lang":"{lang}"{stamp}}}'
    )


def _entities_v1(content: Content) -> str:
    tags = ",".join(f'{{"text":{quoted_ascii(tag)},"indices":[{a},{b}]}}' for tag, a, b in content.tags)
    return f'{{"hashtags":[{tags}],"urls":[],"user_mentions":[],"symbols":[]}}'


def v2(number: int, first: int, at_ms: int, lang: str, person: int, content: Content, likes: int = 0) -> str:
    """A v2 post of the filtered stream. `first`: the id of its first version; if it differs from `number`, an edit."""
    post = _v2(number, at_ms, lang, person, content, likes, [first, number] if first != number else [number], "")
    return f'{{"data":{post},"includes":{{"users":[{_user_v2(person)}]}},"matching_rules":[{_RULE}]}}'


def v2_repost(number: int, at_ms: int, lang: str, person: int, content: Content, author: int, original: int) -> str:
    """A v2 retweet: `RT @…` and a truncated text, the full post in `includes.tweets`."""
    prefix = f"RT @{PEOPLE[author]}: "
    moved = tuple((tag, start + len(prefix), end + len(prefix)) for tag, start, end in content.tags)
    shown = _truncated(Content(prefix + content.text, moved), LONG_CODE_POINTS, "…")
    reference = f',"referenced_tweets":[{{"type":"retweeted","id":"{original}"}}]'
    post = _v2(number, at_ms, lang, person, shown, 0, [number], reference, whole=True)
    whole = _v2(original, at_ms - 60_000, lang, author, content, 7, [original], "")
    return (
        f'{{"data":{post},"includes":{{"users":[{_user_v2(person)}],"tweets":[{whole}]}},"matching_rules":[{_RULE}]}}'
    )


_RULE = '{"id":"1700000000000000001","tag":"simulated"}'


def _v2(
    number: int, at_ms: int, lang: str, person: int, content: Content, likes: int, history: list[int], more: str,
    *, whole: bool = False,
) -> str:  # fmt: skip
    note, versions = "", json.dumps([str(each) for each in history])
    if len(content.text) > 2 * LONG_CODE_POINTS and not whole:
        note = f',"note_tweet":{{"text":{quoted(content.text)}{_entities_v2(content)}}}'
        content = _truncated(content, 2 * LONG_CODE_POINTS - 1, "…")
    return (
        f'{{"author_id":"{900_000_000 + person}","conversation_id":"{number}",'
        f'"created_at":"{iso_time(at_ms // 1000 * 1000)}","edit_history_tweet_ids":{versions}'
        f'{_entities_v2(content)},"id":"{number}","lang":"{lang}"{note},"possibly_sensitive":false,'
        f'"public_metrics":{{"retweet_count":0,"reply_count":0,"like_count":{likes},"quote_count":0,'
        f'"bookmark_count":0,"impression_count":{likes * 10}}}{more},"reply_settings":"everyone",'
        f'"text":{quoted(content.text)}}}'
    )


def _entities_v2(content: Content) -> str:
    if not content.tags:
        return ""  # X leaves out what would be empty
    tags = ",".join(f'{{"start":{a},"end":{b},"tag":{quoted(tag)}}}' for tag, a, b in content.tags)
    return f',"entities":{{"hashtags":[{tags}]}}'


def _truncated(content: Content, limit: int, end: str) -> Content:
    if len(content.text) <= limit:
        return content
    return Content(content.text[:limit] + end, tuple(tag for tag in content.tags if tag[2] <= limit))


@cache
def _user_v1(person: int) -> str:
    name = PEOPLE[person]
    user = {
        "id": 900_000_000 + person, "id_str": str(900_000_000 + person), "name": name.strip("_").title(),
        "screen_name": name, "location": "Simulated", "url": None, "description": "This person does not exist.",
        "protected": False, "verified": False, "followers_count": person * 37 % 9973,
        "friends_count": person * 91 % 1999, "listed_count": 3, "favourites_count": 12, "statuses_count": 1234,
        "created_at": "Mon Jun 09 17:00:58 +0000 2014", "lang": None, "default_profile": True,
        "profile_image_url_https": "https://example.org/picture.png",
    }  # fmt: skip
    return json.dumps(user, separators=(",", ":"))


@cache
def _user_v2(person: int) -> str:
    name = PEOPLE[person]
    user = {
        "created_at": "2014-06-09T17:00:58.000Z", "description": "This person does not exist.",
        "id": str(900_000_000 + person), "name": name.strip("_").title(), "protected": False,
        "public_metrics": {"followers_count": person * 37 % 9973, "following_count": person * 91 % 1999},
        "username": name, "verified": False,
    }  # fmt: skip
    return json.dumps(user, separators=(",", ":"))


def _classic_time(at_s: int) -> str:
    day = _classic_day(at_s // 86400)
    return f"{day[0]} {at_s // 3600 % 24:02}:{at_s // 60 % 60:02}:{at_s % 60:02} +0000 {day[1]}"


@cache
def _classic_day(days: int) -> tuple[str, str]:
    day = datetime.fromtimestamp(days * 86400, UTC)
    return f"{_DAYS[day.weekday()]} {_MONTHS[day.month - 1]} {day.day:02}", f"{day.year:04}"


def iso_time(at_ms: int) -> str:
    """`2026-01-31T14:05:09.123Z`."""
    at_s = at_ms // 1000
    return f"{_iso_day(at_s // 86400)}T{at_s // 3600 % 24:02}:{at_s // 60 % 60:02}:{at_s % 60:02}.{at_ms % 1000:03}Z"


@cache
def _iso_day(days: int) -> str:
    return datetime.fromtimestamp(days * 86400, UTC).date().isoformat()

"""Bluesky's events in the JSON of Jetstream, about 600 bytes each. From templates, for speed."""

from json.encoder import encode_basestring as quoted

from simulation.payloads import Content, iso_time

_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"  # of record keys (atproto.com/specs/tid): 13 characters of 5 bits
_CID = "bafyreisimulated2222222222222222222222222222222222222222222"
POSTS = "app.bsky.feed.post"


def did(person: int) -> str:
    """The account of a person."""
    return f"did:plc:simulated{person:015}"


def rkey(number: int) -> str:
    """A record's key by its number; each number has its own key."""
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(60, -5, -5))


def post(
    number: int, at_ms: int, lang: str, person: int, content: Content, also: tuple[str, ...],
    *, operation: str = "create",
) -> str:  # fmt: skip
    """A post with its hashtags as facets, in byte offsets of the text; `also`: tags that are not in the text."""
    facets = ",".join(_facet(content.text, *place) for place in content.tags)
    shown = f',"facets":[{facets}]' if facets else ""
    beside = f',"tags":[{",".join(map(quoted, also))}]' if also else ""
    record = (
        f'{{"$type":"{POSTS}","createdAt":"{iso_time(at_ms)}"{shown},"langs":["{lang}"]'
        f'{beside},"text":{quoted(content.text)}}}'
    )
    return _commit(person, at_ms, operation, POSTS, number, record)


def _facet(text: str, tag: str, start: int, end: int) -> str:
    begins = len(text[:start].encode())
    ends = begins + len(text[start:end].encode())
    feature = f'{{"$type":"app.bsky.richtext.facet#tag","tag":{quoted(tag)}}}'
    return f'{{"features":[{feature}],"index":{{"byteEnd":{ends},"byteStart":{begins}}}}}'


def reaction(kind: str, number: int, at_ms: int, person: int, subject: str) -> str:
    """A `like`, `repost` (of a post, by its URI) or `follow` (of an account)."""
    collection = "app.bsky.graph.follow" if kind == "follow" else f"app.bsky.feed.{kind}"
    named = f'"{subject}"' if kind == "follow" else f'{{"cid":"{_CID}","uri":"{subject}"}}'
    record = f'{{"$type":"{collection}","createdAt":"{iso_time(at_ms)}","subject":{named}}}'
    return _commit(person, at_ms, "create", collection, number, record)


def deletion(collection: str, number: int, at_ms: int, person: int) -> str:
    """A deleted record of a collection."""
    return _commit(person, at_ms, "delete", collection, number, "")


def identity(at_ms: int, person: int, handle: str) -> str:
    """An account's new handle."""
    who = did(person)
    body = f'"did":"{who}","handle":"{handle}","seq":{person},"time":"{iso_time(at_ms)}"'
    return f'{{"did":"{who}","time_us":{at_ms * 1000},"kind":"identity","identity":{{{body}}}}}'


def account(at_ms: int, person: int) -> str:
    """An account is active (again)."""
    who = did(person)
    body = f'"active":true,"did":"{who}","seq":{person},"time":"{iso_time(at_ms)}"'
    return f'{{"did":"{who}","time_us":{at_ms * 1000},"kind":"account","account":{{{body}}}}}'


def _commit(person: int, at_ms: int, operation: str, collection: str, number: int, record: str) -> str:
    key = rkey(number)
    made = f',"record":{record},"cid":"{_CID}"' if record else ""
    return (
        f'{{"did":"{did(person)}","time_us":{at_ms * 1000 + 417},"kind":"commit","commit":{{"rev":"{key}",'
        f'"operation":"{operation}","collection":"{collection}","rkey":"{key}"{made}}}}}'
    )

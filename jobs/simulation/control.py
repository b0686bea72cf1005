"""Control messages of the networks with their subjects, and unreadable lines."""

from collections.abc import Callable

from simulation import jetstream, mastodon, payloads
from simulation.payloads import Content
from simulation.vocabulary import PEOPLE

Draw = Callable[[], float]
Message = tuple[str, str, str]
"""Kind, subject (docs/contracts.md), the line."""

KEEP_ALIVE: Message = ("keep_alive", "", "")


def of_x(draw: Draw, number: int, index: int, at_ms: int, *, at_height: bool) -> Message:
    """A control message of X's streams. `limit` occurs only at the height of a burst."""
    user = 900_000_000 + index % len(PEOPLE)
    person, status = f'"user_id":{user}', f'"id":{number},"id_str":"{number}"'
    if at_height and draw() < 0.5:
        return "limit", f"track={index}", f'{{"limit":{{"track":{index},"timestamp_ms":"{at_ms}"}}}}'
    kind, about, body = (
        ("delete", f"x:{number}", f'"status":{{{status},{person}}},"timestamp_ms":"{at_ms}"'),
        ("delete", f"x:{number}", f'"status":{{{status},{person}}}'),
        ("scrub_geo", f"user={user} up_to=x:{number}", f'{person},"up_to_status_id":{number}'),
        ("status_withheld", f"x:{number} countries=XX,XY",
         f'"id":{number},{person},"withheld_in_countries":["XX","XY"]'),
        ("user_withheld", "user=900000001 countries=XX", '"id":900000001,"withheld_in_countries":["XX"]'),
        ("warning", "code=FALLING_BEHIND percent_full=60 message=Your connection is falling behind.",
         '"code":"FALLING_BEHIND","message":"Your connection is falling behind.","percent_full":60'),
    )[int(draw() * 6)]  # fmt: skip
    return kind, about, f'{{"{kind}":{{{body}}}}}'


def of_jetstream(draw: Draw, number: int, index: int, at_ms: int) -> Message:
    """An event of Jetstream other than a post: what people do to posts and accounts, mostly likes."""
    person, other = index % len(PEOPLE), (index + 7) % len(PEOPLE)
    who, whom, key, key_before = jetstream.did(person), jetstream.did(other), jetstream.rkey(number), number - 8
    of = f"at://{whom}/{jetstream.POSTS}/{key}"
    chosen = int(draw() * 8)
    if chosen < 4:
        kind = ("like", "like", "repost", "follow")[chosen]
        subject = whom if kind == "follow" else of
        about = whom if kind == "follow" else f"jetstream:{whom}/{key}"
        return kind, about, jetstream.reaction(kind, key_before, at_ms, person, subject)
    return (
        ("delete", f"jetstream:{who}/{key}", jetstream.deletion(jetstream.POSTS, number, at_ms, person)),
        ("delete_like", f"at://{who}/app.bsky.feed.like/{key}",
         jetstream.deletion("app.bsky.feed.like", number, at_ms, person)),
        ("identity", f"{who} handle={person}.social.example",
         jetstream.identity(at_ms, person, f"{person}.social.example")),
        ("account", f"{who} status=active", jetstream.account(at_ms, person)),
    )[chosen - 4]  # fmt: skip


def of_mastodon(number: int) -> Message:
    """A deletion, as Mastodon's public streams announce it."""
    return "delete", str(number), mastodon.deletion(number)


def unreadable(draw: Draw, number: int, at_ms: int) -> tuple[str, str, bytes]:
    """Dialect, dead reason (docs/contracts.md), the line."""
    post = payloads.v1(number, at_ms, "en", 1, Content("lost #words", (("words", 5, 11),)))
    event = jetstream.post(number, at_ms, "en", 1, Content("lost words", ()), ())
    status = mastodon.post(number, at_ms, "en", 1, Content("lost words", ()))
    choices: tuple[tuple[str, str, bytes], ...] = (
        ("x", "truncated or invalid JSON", post[: 20 + int(draw() * (len(post) - 21))].encode()),
        ("x", "not a JSON object", b"null"),
        ("x", "not a JSON object", f"[{post}]".encode()),
        ("x", "invalid UTF-8", post.encode().replace(b"lost", b"\xff\xfe")),
        ("x", "missing id", b'{"created_at":"Mon Mar 07 15:13:47 +0000 2016","text":"no id","lang":"en"}'),
        ("x", "unknown shape", b'{"neither":"post","nor":"control"}'),
        ("jetstream", "missing text", event.replace('"text":', '"test":').encode()),
        ("jetstream", "invalid UTF-8", event.encode().replace(b"lost", b"\xff\xfe")),
        ("mastodon", "missing created_at", status.replace('\\"created_at\\":', '\\"made_at\\":', 1).encode()),
        ("mastodon", "truncated or invalid JSON", f'{status[: len(status) // 2].rstrip(chr(92))}"}}'.encode()),
    )
    return choices[int(draw() * len(choices))]

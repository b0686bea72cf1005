"""What a record is found to be: a post, or something else; and the few things that all networks' JSON needs."""

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

ABOUT_LENGTH = 200
KIND_LENGTH = 100
LOOKED_AT = 1000


@dataclass(frozen=True)
class Post:
    """A post; `identity` is None where it has none of its own, `created_at` where only its receipt has a time."""

    identity: str | None
    created_at: datetime | None
    source: str
    lang: str
    text: str
    hashtags: list[str]
    is_repost: bool


class NotAPostError(Exception):
    """What the record is instead: dead and why, control and its kind, gap and the note."""

    def __init__(self, kind: str, detail: Any, source: str = "", about: str = "") -> None:
        super().__init__(kind)
        self.kind, self.detail, self.source, self.about = kind, detail, source, about


def dead(reason: str) -> NotAPostError:
    """It can't be understood."""
    return NotAPostError("dead", reason)


def control(source: str, name: str, *about: object) -> NotAPostError:
    """A message of a network; `about` are the parts of what it is about, empty ones left out."""
    said = " ".join(str(part)[:LOOKED_AT] for part in about if part is not None and part != "")
    return NotAPostError("control", one_line(name, KIND_LENGTH) or "unnamed", source, one_line(said, ABOUT_LENGTH))


def one_line(text: str, length: int) -> str:
    """Without control characters and white space around it, and no longer than that."""
    kept = [each for each in text[:LOOKED_AT].strip() if unicodedata.category(each) != "Cc"]
    return "".join(kept)[:length]


def labelled(name: str, value: object) -> str:
    """`name=value`, empty where there is no such value."""
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return "" if value is None or value == "" or isinstance(value, dict) else f"{name}={value}"


def json_of(text: str) -> Any:
    """The JSON that a text is, or why it is dead."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise dead("JSON nested too deeply") from None
    except ValueError:
        raise dead("truncated or invalid JSON") from None


def json_object(text: str) -> dict[str, Any]:
    """The same of an object."""
    message = json_of(text)
    if not isinstance(message, dict):
        raise dead("not a JSON object")
    return message


def _no_constant(name: str) -> None:
    raise ValueError(name)


def string(parent: dict[str, Any] | None, name: str) -> str | None:
    """A field that is a string; an escaped lone surrogate in it is U+FFFD."""
    value = (parent or {}).get(name)
    return re.sub("[\ud800-\udfff]", "\ufffd", value) if isinstance(value, str) else None


def mapping(parent: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    """A field that is an object."""
    value = (parent or {}).get(name)
    return value if isinstance(value, dict) else None


def sequence(parent: dict[str, Any] | None, name: str) -> list[Any]:
    """A field that is an array, else an empty one."""
    value = (parent or {}).get(name)
    return value if isinstance(value, list) else []


def objects(parent: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """The objects in a field that is an array."""
    return [each for each in sequence(parent, name) if isinstance(each, dict)]


def strings(parent: dict[str, Any] | None, name: str) -> list[str]:
    """The strings in a field that is an array, without empty ones."""
    return [each for each in sequence(parent, name) if isinstance(each, str) and each]


def language(code: str | None) -> str:
    """The code in lower case, `und` where it is none."""
    code = (code or "").lower()
    return code if len(code) <= 35 and re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", code) else "und"


def time_of(text: str | None) -> datetime | None:
    """ISO 8601, UTC where it names no zone."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def from_us(microseconds: int) -> datetime:
    """Epoch microseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)

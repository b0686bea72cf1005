"""Values that several dialects write alike: languages, times, and text that must stay on one line."""

import re
import unicodedata
from datetime import UTC, datetime

from formats.parsed import UNDETERMINED

ABOUT_LENGTH = 200
KIND_LENGTH = 100

_LANG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_LONGEST_LANG = 35  # the length that BCP 47 requires an implementation to support (RFC 5646, 4.4.1)
_LOOKED_AT = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def language(code: str | None) -> str:
    """The language code in lower case; `und` if missing, malformed or too long."""
    code = (code or "").lower()
    return code if len(code) <= _LONGEST_LANG and _LANG.fullmatch(code) else UNDETERMINED


def iso_us(written: str | None) -> int | None:
    """ISO 8601 as microseconds since 1970; a time without a zone is UTC. None if it is not a time."""
    if written is None:
        return None
    try:
        return epoch_us(datetime.fromisoformat(written))
    except ValueError:
        return None


def epoch_us(moment: datetime) -> int:
    """Microseconds since 1970; a time without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def one_line(text: str, length: int) -> str:
    """The text without control characters and surrounding white space, cut to `length` code points."""
    text = text[:_LOOKED_AT].strip()
    if not text.isprintable():
        text = "".join(char for char in text if unicodedata.category(char) != "Cc")
    return text[:length]


def kind(name: str) -> str:
    """A network's name for its message, as a control message's kind."""
    return one_line(name, KIND_LENGTH) or "unnamed"


def about(*parts: object) -> str:
    """The subject of a control message: its non-empty parts, separated by spaces."""
    return one_line(" ".join(str(part)[:_LOOKED_AT] for part in parts if part is not None and part != ""), ABOUT_LENGTH)


def labelled(name: str, value: object) -> str:
    """`name=value`; empty if there is no value."""
    if isinstance(value, list):
        value = ",".join(str(each) for each in value)
    return "" if value is None or isinstance(value, dict) or value == "" else f"{name}={value}"

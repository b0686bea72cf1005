"""How long a server asks us to stay away."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_ASKED_S = 900.0  # a server that asks for more is asked again all the same


def asked_wait_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long a server asks us to wait, by Retry-After (RFC 9110) or X-RateLimit-Reset; None where it does not say.

    X-RateLimit-Reset is a time: ISO 8601 (Mastodon) or epoch seconds. At most LONGEST_ASKED_S.
    """
    for name in ("Retry-After", "X-RateLimit-Reset"):
        wait_s = _wait_s(headers.get(name, "").strip(), now, is_time=name != "Retry-After")
        if wait_s is not None:
            return min(max(wait_s, 0.0), LONGEST_ASKED_S)
    return None


def _wait_s(text: str, now: datetime, *, is_time: bool) -> float | None:
    if text.isascii() and text.isdigit() and len(text) < 15:
        return int(text) - now.timestamp() if is_time else float(text)
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return None

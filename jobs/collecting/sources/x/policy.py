"""How long to wait after a failure, and which failures are final. Pure: time and randomness are arguments.

Sources: X developer documentation, "Handling disconnections" and "Rate limits" (reset: epoch seconds of X's clock).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from collecting.source_api import SourceError
from contract.backoff import Backoff

UNAUTHORIZED, RATE_LIMITED = 401, (420, 429)
PASSING = (408, 409, 425)  # 409: rules just added are not known everywhere yet
CLOCKS_AGREE_S = 30.0
LONGEST_RATE_WAIT_S = 16 * 60.0  # X's windows are 15 minutes; a longer wait is a wrong header
_EXPLAINED = {
    400: "X does not understand the request",
    402: "X asks for payment: the credits of this key are used up",
    403: "X forbids it to this key: look at its access level, and whether the app is in a project",
    404: "there is no such thing at this address",
    407: "the proxy asks for a name and a password",
}


class Failed(Exception):  # noqa: N818 - it states a condition
    """A failed connection or call.

    Attributes:
        why: one line, without the token.
        status: of the answer; None without an answer: network, silence, end of the stream.
        reset_at: when the server accepts calls again, epoch seconds of its clock; None if not given.
        retry_after_s: the same in seconds from now.
        server_time: the server's Date header, epoch seconds; None if missing.
        too_many_connections: another connection with this key is open.
    """

    def __init__(
        self,
        why: str,
        *,
        status: int | None = None,
        reset_at: float | None = None,
        retry_after_s: float | None = None,
        server_time: float | None = None,
        too_many_connections: bool = False,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.status = status
        self.reset_at = reset_at
        self.retry_after_s = retry_after_s
        self.server_time = server_time
        self.too_many_connections = too_many_connections


@dataclass(frozen=True)
class Policy:
    """X's rules for clients: retry network failures soon, 5xx later, limits much later."""

    network: Backoff = field(default=Backoff(0.25, 16))
    server: Backoff = field(default=Backoff(5, 320))
    limited: Backoff = field(default=Backoff(60, 900))
    too_many_connections: Backoff = field(default=Backoff(10, 300))

    def wait_s(self, failed: Failed, failures: int, now: float, random: Callable[[], float]) -> float:
        """Seconds to wait before the next try.

        Args:
            failed: the latest failure.
            failures: how many in a row, this one included.
            now: epoch seconds by our clock.
            random: from 0 to 1.

        Raises:
            SourceError: a retry cannot help; a person has to act.
        """
        status = failed.status
        if status is None:
            return self.network.wait_s(failures, random)
        if status in RATE_LIMITED:
            return self._rate_limited_s(failed, failures, now, random)
        if status in PASSING or status >= 500:
            return self.server.wait_s(failures, random)
        raise SourceError(_fatal(failed, now))

    def _rate_limited_s(self, failed: Failed, failures: int, now: float, random: Callable[[], float]) -> float:
        if failed.too_many_connections:
            return self.too_many_connections.wait_s(failures, random)
        server_now = failed.server_time if failed.server_time is not None else now
        left_s = max((failed.reset_at or 0) - server_now, failed.retry_after_s or 0)
        if left_s <= 0:
            return self.limited.wait_s(failures, random)
        return min(left_s, LONGEST_RATE_WAIT_S) * (1 + random() / 20)  # never earlier, and not all clients at once


def _fatal(failed: Failed, now: float) -> str:
    if failed.status == UNAUTHORIZED:
        return f"source x: the bearer token is refused (401): {failed.why}; {_clocks(failed.server_time, now)}"
    explained = _EXPLAINED.get(failed.status or 0, "X refuses the request")
    return f"source x: {explained} ({failed.status}): {failed.why}"


def _clocks(server_time: float | None, now: float) -> str:
    if server_time is None:
        return "the server did not say its time, so the clock could not be compared"
    ahead_s = server_time - now
    if abs(ahead_s) <= CLOCKS_AGREE_S:
        return f"the clocks agree ({ahead_s:+.0f} s), so it is the token"
    side = "behind" if ahead_s > 0 else "ahead of"
    return f"this machine's clock is {abs(ahead_s):.0f} s {side} the server's, the usual cause: set it right first"


def server_time(date: str | None) -> float | None:
    """Epoch seconds of a Date header (RFC 9110); None if missing or malformed."""
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None if missing or malformed."""
    if header is None:
        return None
    seconds = number(header)
    if seconds is None:
        until = server_time(header)
        seconds = None if until is None else until - now
    return None if seconds is None else max(seconds, 0.0)


def number(header: str | None) -> float | None:
    """A header's plain decimal number."""
    digits = (header or "").strip()
    return float(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None


def utc(epoch_s: float) -> datetime:
    """Epoch seconds as a datetime."""
    return datetime.fromtimestamp(epoch_s, UTC)

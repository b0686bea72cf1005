"""Settings of a simulated stream. The same settings always give the same posts."""

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from contract.source_address import AddressError, SourceAddress

DIALECTS = ("x1", "x2", "text", "jetstream", "mastodon")
DEFAULT_RATE = 50.0
ENDLESS_TICK_MS = 1.0  # flat out and endless: a thousand posts in a second of event time


@dataclass(frozen=True)
class SimulationSettings:
    """Validated settings of the simulator.

    Attributes:
        posts: how many lines; 0 is endless.
        seed: another seed gives other posts.
        rate: lines per second; 0 is flat out.
        start: event time of the first post; None: chosen at the first start.
        span_h: hours of event time that a finite flat-out stream covers.
        dialects: `x1` (v1.1), `x2` (v2), `jetstream`, `mastodon`, `text`, mixed evenly, except text, which is rare.
        reposts, duplicates, edits, control, late, malformed, implausible: shares of all lines, 0 to 1.
    """

    posts: int = 0
    seed: int = 1
    rate: float = DEFAULT_RATE
    start: datetime | None = None
    span_h: float = 6.0
    dialects: tuple[str, ...] = DIALECTS
    reposts: float = field(default=0.25, metadata={"share": True})
    duplicates: float = field(default=0.02, metadata={"share": True})
    edits: float = field(default=0.005, metadata={"share": True})
    control: float = field(default=0.03, metadata={"share": True})
    late: float = field(default=0.02, metadata={"share": True})
    malformed: float = field(default=0.005, metadata={"share": True})
    implausible: float = field(default=0.0005, metadata={"share": True})

    @classmethod
    def from_address(cls, address: SourceAddress) -> "SimulationSettings":
        """`simulator:posts=200000,seed=7,dialects=x1+text,…`.

        Raises:
            AddressError: an unknown key or an invalid value.
        """
        address.refuse_unknown({each.name for each in fields(cls)})
        if address.items:
            raise AddressError(f"source simulator: {address.items[0]!r} is no key=value")
        given: dict[str, object] = {}
        for key, value in address.values.items():
            try:
                given[key] = _READERS[key](value)
            except ValueError as error:
                raise AddressError(f"source simulator: {key}={value}: {error}") from None
        shares = sum(float(str(given.get(key, 0))) for key in ("duplicates", "edits", "control", "malformed"))
        if shares > 1:
            raise AddressError("source simulator: duplicates, edits, control and malformed are more than 1 together")
        if "rate" not in given and given.get("posts"):
            given["rate"] = 0.0  # who asks for a number of posts does not want to wait for them
        return cls(**given)  # type: ignore[arg-type]

    @property
    def tick_ms(self) -> float:
        """Event time between two posts."""
        if self.rate:
            return 1000 / self.rate
        return self.span_h * 3_600_000 / self.posts if self.posts else ENDLESS_TICK_MS

    def first_start_ms(self, now_ms: int) -> int:
        """Event time of the first post, epoch milliseconds, if the stream begins now."""
        if self.start:
            return int(self.start.timestamp() * 1000)
        return now_ms if self.rate else now_ms - int(self.span_h * 3_600_000)

    def identity(self) -> str:
        """A name that differs for streams with different lines; the pace matters only through event times.

        The class's first name stays in it: spools have their cursors under what is made of this text.
        """
        return repr(self).replace(type(self).__name__, "Settings", 1)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number from 0 on")
    return int(text)


def _number(text: str) -> float:
    number = _float(text)
    if not 0 <= number < float("inf"):
        raise ValueError("must be a number from 0 on")
    return number


def _share(text: str) -> float:
    share = _float(text)
    if not 0 <= share <= 1:
        raise ValueError("must be between 0 and 1")
    return share


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a time such as 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _dialects(text: str) -> tuple[str, ...]:
    dialects = tuple(text.split("+"))
    if not set(dialects) <= set(DIALECTS):
        raise ValueError(f"expected some of {'+'.join(DIALECTS)}")
    return dialects


_READERS = {
    "posts": _whole, "seed": _whole, "rate": _number, "start": _moment, "span_h": _number, "dialects": _dialects,
} | {each.name: _share for each in fields(SimulationSettings) if each.metadata.get("share")}  # fmt: skip

"""Settings in an address of X (docs/contracts.md, "Source addresses")."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from collecting.filtering.selection import Selection
from collecting.source_api import SourceError
from collecting.sources.x.client import DEFAULT_URL
from collecting.sources.x.rules import rules_for
from collecting.sources.x.spend import USD_PER_POST, Budget
from contract.source_address import SourceAddress

SILENCE_S = 30.0  # X sends a keep-alive every 20 s
_KEYS = {
    "geo",
    "place",
    "url",
    "proxy",
    "silence_s",
    "budget_day",
    "budget_month",
    "usd_day",
    "usd_month",
    "usd_per_post",
}


@dataclass(frozen=True)
class XSettings:
    """One source of X.

    Attributes:
        rules: in X's operators.
        name: readable part of the source_id: the selection.
        url: of the API, without a path.
        proxy: URL of a proxy; None: the environment's (HTTPS_PROXY, NO_PROXY).
        silence_s: seconds without a byte after which a connection is dropped.
    """

    rules: tuple[str, ...]
    name: str = ""
    url: str = DEFAULT_URL
    proxy: str | None = None
    silence_s: float = SILENCE_S
    budget: Budget = Budget()  # noqa: RUF009 - frozen

    @classmethod
    def from_address(cls, address: SourceAddress, selection: Selection) -> "XSettings":
        """`x:terms=…,geo=1,url=…,budget_day=…`.

        Raises:
            AddressError: an unknown key.
            SourceError: an invalid value, or an empty selection.
        """
        address.refuse_unknown(_KEYS)
        if address.items:
            raise SourceError(f"source x: {address.items[0]!r} is not key=value")
        given = address.values
        if given.get("geo", "0") not in ("0", "1"):
            raise SourceError(f"source x: geo={given['geo']} is neither 0 nor 1")
        place = given.get("place")
        budget = Budget(
            posts_day=_posts(given, "budget_day"),
            posts_month=_posts(given, "budget_month"),
            usd_day=_usd(given, "usd_day"),
            usd_month=_usd(given, "usd_month"),
            usd_per_post=_usd(given, "usd_per_post") or USD_PER_POST,
        )
        return cls(
            rules=rules_for(selection, place=place, geo=given.get("geo") == "1"),
            name="+".join([*selection.terms, *selection.hashtags, *([place] if place else [])]) or "box",
            url=_url(given.get("url", DEFAULT_URL), "url", ("https", "http")),
            proxy=_proxy(given.get("proxy")),
            silence_s=_seconds(given.get("silence_s")),
            budget=budget,
        )


def _posts(given: dict[str, str], key: str) -> int | None:
    if key not in given:
        return None
    if not re.fullmatch(r"[0-9]{1,12}", given[key]) or not int(given[key]):
        raise SourceError(f"source x: {key}={given[key]} is no number of posts")
    return int(given[key])


def _usd(given: dict[str, str], key: str) -> Decimal | None:
    if key not in given:
        return None
    try:
        amount = Decimal(given[key])
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or not 0 < amount < 10**12:
        raise SourceError(f"source x: {key}={given[key]} is no amount of dollars")
    return amount


def _seconds(text: str | None) -> float:
    if text is None:
        return SILENCE_S
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) or not float(text):
        raise SourceError(f"source x: silence_s={text} is no number of seconds")
    return float(text)


def _proxy(text: str | None) -> str | None:
    return None if text is None else _url(text, "proxy", ("http", "https", "socks5", "socks5h"))


def _url(text: str, key: str, schemes: tuple[str, ...]) -> str:
    """Never quotes a URL that holds a password."""
    try:
        parts = urlsplit(text)
        secret = parts.username is not None or parts.password is not None
        good = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        secret, good = "@" in text, False
    if secret:
        raise SourceError(f"source x: {key}: no name or password in an address; a proxy's go into HTTPS_PROXY")
    if not good or parts.query or parts.fragment:
        raise SourceError(f"source x: {key}={text} is no URL of {', '.join(schemes)}")
    return text.rstrip("/")

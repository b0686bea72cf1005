"""Addresses of sources (docs/contracts.md), as far as a lease has to read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

KINDS = ("simulator", "file", "x", "jetstream", "mastodon", "tcp", "auto")
_BETWEEN = re.compile(rf"\s+(?=(?:{'|'.join(KINDS)})(?::|\s|$))")


def split(source: str) -> list[str]:
    """Several sources' addresses, apart. White space divides only where a kind follows it: a path may hold some."""
    return _BETWEEN.split(source.strip())


def kinds_of(source: str) -> set[str]:
    """The kinds of the sources."""
    return {address.partition(":")[0] for address in split(source)}


def servers_of(source: str, kind: str) -> list[str]:
    """The hosts (with a port, where one is given) that the sources of a kind name."""
    return [urlsplit(item).netloc if "://" in item else item for item in items_of(source, kind)]


def items_of(source: str, kind: str) -> list[str]:
    """What the sources of a kind name without a key (servers, paths), as written."""
    return [
        part
        for address in split(source)
        if address.partition(":")[0] == kind
        for part in _parts(address)
        if not _is_key(part)
    ]


def keys_of(address: str) -> dict[str, str]:
    """One address's keys, decoded."""
    written = (part.partition("=") for part in _parts(address) if _is_key(part))
    return {name: unquote(value) for name, _, value in written}


def with_keys(source: str, keys: Mapping[str, str | list[str]]) -> str:
    """The same with these keys in each address, in the place of those of the same name.

    A list's values are joined by `+`; what the grammar uses for itself is coded.
    """
    written = [
        f"{name}={'+'.join(map(_coded, value)) if isinstance(value, list) else _coded(value)}"
        for name, value in keys.items()
    ]
    return " ".join(_with(address, set(keys), written) for address in split(source)) if written else source


def _with(address: str, names: set[str], written: list[str]) -> str:
    kept = [part for part in _parts(address) if not (_is_key(part) and part.partition("=")[0] in names)]
    return f"{address.partition(':')[0]}:{','.join([*kept, *written])}"


def _coded(value: str) -> str:
    return quote(value, safe="-._~#@/:", encoding="utf-8")


def _parts(address: str) -> list[str]:
    return [part for part in address.partition(":")[2].split(",") if part]


def _is_key(part: str) -> bool:
    return re.match(r"[a-z_]+=", part) is not None

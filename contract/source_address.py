"""Addresses of sources (docs/contracts.md, "Source addresses"): one grammar, parsed once where an address enters."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import unquote

from contract.sources import FILE, SOURCES

_KEY = re.compile(r"[a-z_]+=")
# What the grammar uses itself, in items and in values; white space, so that no text can be taken for two addresses.
_CODED_IN_ITEM = re.compile(r"[%,\s\x00-\x1f\x7f]")
_CODED_IN_VALUE = re.compile(r"[%,+\s\x00-\x1f\x7f]")


class AddressError(ValueError):
    """An address that can't be understood. The message is one line for a person."""


@dataclass(frozen=True)
class SourceAddress:
    """`KIND:ITEM,ITEM,key=value`, taken apart; `%` codes are decoded. `str()` writes it so that it parses to the same.

    Attributes:
        kind: of `contract.sources.SOURCES`, or one that nobody knows: who opens the source refuses it.
        items: what stands without a key: paths, servers.
        keys: each key's values, as its `+` divide them; most have one.
    """

    kind: str
    items: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address that a text is; white space around it does not count.

        Raises:
            AddressError: no kind, an empty part between commas, a key twice, or `%` codes that are not UTF-8.
        """
        kind, _, rest = text.strip().partition(":")
        if not kind:
            raise AddressError(f"source {text!r}: expected KIND or KIND:ITEM,key=value")
        items: list[str] = []
        keys: dict[str, tuple[str, ...]] = {}
        for part in rest.split(",") if rest else []:
            key, _, value = part.partition("=")
            if not part.strip():
                raise AddressError(f"source {text!r}: an empty part between commas")
            if not _KEY.match(part):  # a path may hold `=`, after a slash or the like
                items.append(_decoded(part))
            elif key in keys:
                raise AddressError(f"source {text!r}: {key!r} is given twice")
            else:
                keys[key] = tuple(map(_decoded, value.split("+")))
        return cls(kind, tuple(items), keys)

    @classmethod
    def parse_one(cls, text: str) -> Self:
        """What a person gave in one option.

        Raises:
            AddressError: see `parse`; or there are several addresses with white space between, as it used to be.
        """
        if len(_split(text)) > 1 and text.partition(":")[0].strip() != FILE:  # a path may hold anything
            raise AddressError(f"source {text!r}: several addresses; give each one an option of its own")
        return cls.parse(text)

    def __str__(self) -> str:
        """The address as text, items first."""
        keys = (f"{key}={'+'.join(_coded(each, _CODED_IN_VALUE) for each in self.keys[key])}" for key in self.keys)
        rest = ",".join([*map(_item, self.items), *keys])
        return f"{self.kind}:{rest}" if rest else self.kind

    @property
    def values(self) -> dict[str, str]:
        """Each key's value as one text, its `+` as they stand."""
        return {key: "+".join(values) for key, values in self.keys.items()}

    def with_keys(self, keys: Mapping[str, Sequence[str]]) -> Self:
        """The same address with these keys, in place of those of the same name."""
        return replace(self, keys={**self.without(keys).keys, **{key: tuple(each) for key, each in keys.items()}})

    def without(self, keys: Iterable[str]) -> Self:
        """The same address without some keys."""
        left_out = set(keys)
        return replace(self, keys={key: values for key, values in self.keys.items() if key not in left_out})

    def refuse_unknown(self, known: set[str]) -> None:
        """Raises AddressError when a key is not among the known ones."""
        for key in self.keys:
            if key not in known:
                raise AddressError(f"source {self.kind}: unknown key {key!r}; known are {', '.join(sorted(known))}")


def shown(addresses: Iterable[SourceAddress]) -> str:
    """Addresses as people read them; nobody reads them back."""
    return " ".join(map(str, addresses))


def stored(addresses: Iterable[SourceAddress]) -> str:
    """A list of addresses as one text, a JSON list: so it stands in the Airflow variable `hashtide_source`."""
    return json.dumps([str(each) for each in addresses], ensure_ascii=False)


def read_stored(value: object) -> tuple[SourceAddress, ...]:
    """The addresses in what was stored: a list, a JSON list, or text with white space between, as it used to be.

    An address that breaks the grammar becomes one whose kind is the whole text: it can be compared and handed on, and
    whoever opens it says what is wrong.
    """
    if isinstance(value, str):
        listed = _json_list(value)
        value = _split(value) if listed is None else listed
    texts = value if isinstance(value, list | tuple) else ()
    return tuple(_parsed_or_whole(str(each)) for each in texts)


def _json_list(text: str) -> list[object] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _split(text: str) -> list[str]:
    """Addresses apart. White space divides them only where a kind follows it: a path may hold white space."""
    kinds = "|".join(map(re.escape, SOURCES))
    return re.split(rf"\s+(?=(?:{kinds})(?::|\s|$))", text.strip()) if text.strip() else []


def _parsed_or_whole(text: str) -> SourceAddress:
    try:
        return SourceAddress.parse(text)
    except AddressError:
        return SourceAddress(text)


def _item(item: str) -> str:
    coded = _coded(item, _CODED_IN_ITEM)
    return coded.replace("=", "%3D", 1) if _KEY.match(coded) else coded


def _coded(text: str, characters: re.Pattern[str]) -> str:
    return characters.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise AddressError(f"source: the % codes in {text!r} are not UTF-8") from None

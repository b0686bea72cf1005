"""The grammar of source addresses (docs/contracts.md)."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from collecting.source_api import SourceError


@dataclass(frozen=True)
class Address:
    """`KIND:ITEM,ITEM,key=value`, taken apart; `%` codes are decoded.

    Attributes:
        lists: each value once more, as the list that its `+` divide it into.
    """

    kind: str
    items: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Takes an address apart.

        Raises:
            SourceError: it has no kind, an empty part, a key twice, or `%` codes that are no UTF-8.
        """
        kind, _, rest = text.strip().partition(":")
        if not kind:
            raise SourceError(f"source {text!r}: expected KIND or KIND:ITEM,key=value")
        items: list[str] = []
        settings: dict[str, str] = {}
        lists: dict[str, tuple[str, ...]] = {}
        for part in rest.split(",") if rest else []:
            key, equals, value = part.partition("=")
            if not part.strip():
                raise SourceError(f"source {text!r}: an empty part between commas")
            if not equals or not re.fullmatch(r"[a-z_]+", key):  # a path may hold `=`, after a slash or the like
                items.append(_decoded(part))
            elif key in settings:
                raise SourceError(f"source {text!r}: {key!r} is given twice")
            else:
                settings[key] = _decoded(value)
                lists[key] = tuple(_decoded(each) for each in value.split("+"))
        return cls(kind, tuple(items), settings, lists)

    def without(self, keys: Iterable[str]) -> "Address":
        """The same address without some keys."""
        left = set(self.settings) - set(keys)
        return replace(
            self,
            settings={key: value for key, value in self.settings.items() if key in left},
            lists={key: value for key, value in self.lists.items() if key in left},
        )

    def refuse_unknown(self, known: set[str]) -> None:
        """Raises SourceError when a key is none of the known."""
        for key in self.settings:
            if key not in known:
                raise SourceError(f"source {self.kind}: unknown key {key!r}; known are {', '.join(sorted(known))}")


def split(text: str, kinds: Iterable[str]) -> list[str]:
    """The addresses of several sources, apart.

    White space divides them only where one of the kinds follows it: a path may hold white space.
    """
    named = "|".join(re.escape(kind) for kind in kinds)
    return re.split(rf"\s+(?=(?:{named})(?::|\s|$))", text.strip())


def source_id(kind: str, name: str, *identity: str) -> str:
    """A short name for what the address names: readable, and the same only for the same identity."""
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:40]
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:8]
    return "-".join(part for part in (kind, readable, digest) if part)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise SourceError(f"source: the % codes in {text!r} are no UTF-8") from None

"""The grammar of source addresses (docs/contracts.md)."""

import hashlib
import re
from typing import NamedTuple

from collecting.lines import SourceError


class Address(NamedTuple):
    """`KIND:ITEM,ITEM,key=value`, taken apart."""

    kind: str
    items: tuple[str, ...]
    settings: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Takes an address apart.

        Raises:
            SourceError: it has no kind, an empty part, or a key twice.
        """
        kind, _, rest = text.strip().partition(":")
        if not kind:
            raise SourceError(f"source {text!r}: expected KIND or KIND:ITEM,key=value")
        items: list[str] = []
        settings: dict[str, str] = {}
        for part in rest.split(",") if rest else []:
            key, equals, value = part.partition("=")
            if not part.strip():
                raise SourceError(f"source {text!r}: an empty part between commas")
            if not equals or not re.fullmatch(r"[a-z_]+", key):  # a path may hold `=`, after a slash or the like
                items.append(part)
            elif key in settings:
                raise SourceError(f"source {text!r}: {key!r} is given twice")
            else:
                settings[key] = value
        return cls(kind, tuple(items), settings)

    def refuse_unknown(self, known: set[str]) -> None:
        """Raises SourceError when a key is none of the known."""
        for key in self.settings:
            if key not in known:
                raise SourceError(f"source {self.kind}: unknown key {key!r}; known are {', '.join(sorted(known))}")


def slug(kind: str, name: str, *identity: str) -> str:
    """A short name for what the address names: readable, and the same only for the same identity."""
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:40]
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:8]
    return "-".join(part for part in (kind, readable, digest) if part)

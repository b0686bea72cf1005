"""Every kind of source, and what each part of the project needs to know about it.

A new network is a class below `jobs/collecting/sources` (with a module of `jobs/formats` where it has a dialect of its
own) and an entry here; forms, reports, tokens, the spool and the commands read this registry.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Dialect:
    """How a network writes its posts.

    Attributes:
        name: header `dialect` of a record; posts are counted under it.
        label: what readers call where the posts come from.
        format: the module that reads it: SOURCE, parse, and perhaps post_id and describe (see jobs/formats).
        code: stands for it in the spool's segments, 1 to 255; never changes, and is never used again.
    """

    name: str
    label: str
    format: str
    code: int


@dataclass(frozen=True)
class SourceKind:
    """One kind of source.

    Attributes:
        class_path: of the class that reads it, imported by the collector only.
        usage: how its address is written, in short.
        dialect: the network's own; None: the address, or the shape of each line, decides.
        tokens: how tokens are given: one for the network, or one for each of its servers; None: none is needed.
        finite: it comes to an end by itself.
        in_forms: a form may name it.
        cut_by: keys that make an endless one end, where somebody waits for the end; empty: a person has to say.
    """

    class_path: str
    usage: str
    dialect: Dialect | None = None
    tokens: Literal["one", "by server"] | None = None
    finite: bool = False
    in_forms: bool = True
    cut_by: tuple[tuple[str, str], ...] = ()


AUTO, SIMULATOR, FILE, X, JETSTREAM, MASTODON = "auto", "simulator", "file", "x", "jetstream", "mastodon"
TEXT = Dialect("text", "Plain text", "formats.text", 4)
NOTES = Dialect("hashtide", "Hashtide", "formats.hashtide", 5)
"""The collector's own notes."""

_OF_SOURCES = "collecting.sources"
SOURCES = {
    FILE: SourceKind(f"{_OF_SOURCES}.file.FileSource", "file:PATH", finite=True),
    SIMULATOR: SourceKind(
        f"{_OF_SOURCES}.simulator.SimulatorSource",
        "simulator",
        cut_by=(("posts", "20000"),),  # a minute or two of work
    ),
    X: SourceKind(f"{_OF_SOURCES}.x.XSource", "x:terms=WORD", Dialect("x", "X", "formats.x", 1), tokens="one"),
    JETSTREAM: SourceKind(
        f"{_OF_SOURCES}.jetstream.source.JetstreamSource",
        "jetstream",
        Dialect("jetstream", "Bluesky (Jetstream)", "formats.jetstream", 2),
    ),
    MASTODON: SourceKind(
        f"{_OF_SOURCES}.mastodon.source.MastodonSource",
        "mastodon:SERVER",
        Dialect("mastodon", "Mastodon", "formats.mastodon", 3),
        tokens="by server",
    ),
    "tcp": SourceKind(f"{_OF_SOURCES}.tcp.TcpSource", "tcp:HOST:PORT"),
    # Which it is, is decided where a spool is given (collecting/sources/auto.py).
    AUTO: SourceKind(f"{_OF_SOURCES}.jetstream.source.JetstreamSource", "auto"),
}


def dialects() -> dict[str, Dialect]:
    """The dialects that posts are counted under, by name."""
    own = [kind.dialect for kind in SOURCES.values() if kind.dialect]
    return {each.name: each for each in [*own, TEXT]}

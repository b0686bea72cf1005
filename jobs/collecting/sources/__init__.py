"""Which class stands behind a source's address. A new source: one file here and one line in `_KINDS`."""

from collections.abc import Callable
from dataclasses import replace

from collecting.addresses import Address, split
from collecting.filtering.filtered import FilteredSource
from collecting.filtering.selection import FILTERS, Selection
from collecting.source_api import Skipping, Source, SourceError
from collecting.sources.file import FileSource
from collecting.sources.jetstream.source import JetstreamSource
from collecting.sources.mastodon.source import MastodonSource
from collecting.sources.merged import MergedSource
from collecting.sources.repeats import WithoutRepeats
from collecting.sources.simulator import SimulatorSource
from collecting.sources.tcp import TcpSource
from collecting.sources.x import XSource

# The selection is told to a source whose network can do some of it (`server_side` says which keys); the address that
# it gets has its own keys only.
_KINDS: dict[str, Callable[[Address, Selection], Source]] = {
    "file": FileSource.from_address,
    "simulator": SimulatorSource.from_address,
    "jetstream": JetstreamSource.from_address,
    "mastodon": MastodonSource.from_address,
    "auto": JetstreamSource.from_address,  # where a spool is given, sources/auto.py settles first which it is
    "tcp": TcpSource.from_address,
    "x": XSource.from_address,
}


def addresses_of(text: str) -> list[str]:
    """Several addresses with white space between, apart."""
    return split(text, _KINDS)


def open_source(text: str, beside: Selection | None = None) -> Source:
    """The source that an address names, or several addresses with white space between, ready to read.

    Args:
        text: the address.
        beside: a selection that was given beside the address; of several sources it is for all together.

    Raises:
        SourceError: unknown kind or key, a value that is none, a file that is not there.
    """
    addresses = [Address.parse(each) for each in addresses_of(text)]
    beside = beside or Selection()
    if len(addresses) == 1:
        return _open(addresses[0], beside)
    return _together([one for each in addresses for one in _singly(each)], beside)


def _singly(address: Address) -> list[Address]:
    """Each server of a list as an address of its own, so that it goes on in whatever company (`resuming`).

    With a limit the list stays one source: the limit is of all its servers together.
    """
    if address.kind != "mastodon" or not address.items or "limit" in address.settings:
        return [address]
    return [replace(address, items=(server,)) for server in address.items]


def _together(addresses: list[Address], beside: Selection) -> Source:
    # Filters are each source's: which lines it has taken must not depend on what is read beside it.
    filters = beside.without(frozenset({"limit", "duration_s"}))
    return FilteredSource(
        MergedSource([_open(each, filters) for each in addresses]), beside.without(frozenset(FILTERS))
    )


def _open(address: Address, beside: Selection) -> Source:
    if address.kind not in _KINDS:
        raise SourceError(f"unknown source {address.kind!r}; known are {', '.join(_KINDS)}")
    selection = Selection.from_address(address).and_also(beside)
    address = address.without(Selection.model_fields)
    if len(servers := _singly(address)) > 1:
        return _together(servers, selection)
    source = _KINDS[address.kind](address, selection)
    if source.cursor_inclusive and not isinstance(source, Skipping):
        source = WithoutRepeats(source)
    return FilteredSource(source, selection)

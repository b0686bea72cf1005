"""Opens the sources that addresses name; `contract.sources` has the class of each kind."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from collecting.filtering.filtered import FilteredSource
from collecting.filtering.selection import FILTERS, Selection
from collecting.source_api import Source, SourceError
from collecting.sources.merged import MergedSource
from contract.source_address import AddressError, SourceAddress
from contract.sources import MASTODON, SOURCES


def open_source(addresses: Sequence[SourceAddress], beside: Selection | None = None) -> Source:
    """The source that the addresses name, several read as one, ready to read.

    Args:
        addresses: at least one.
        beside: a selection that was given beside the addresses; of several sources it is for all together.

    Raises:
        SourceError: an unknown kind or key, a value that a key can't have, a file that does not exist.
    """
    beside = beside or Selection()
    try:
        if len(addresses) == 1:
            return _open(addresses[0], beside)
        return _together([one for each in addresses for one in _singly(each)], beside)
    except AddressError as error:
        raise SourceError(str(error)) from None


def _singly(address: SourceAddress) -> list[SourceAddress]:
    """Each server of a list as an address of its own, so that it resumes alone or with others (`resuming`).

    With a limit the list stays one source: the limit is for all its servers together.
    """
    if address.kind != MASTODON or not address.items or "limit" in address.keys:
        return [address]
    return [replace(address, items=(server,)) for server in address.items]


def _together(addresses: list[SourceAddress], beside: Selection) -> Source:
    # Filters are each source's: which lines it has taken must not depend on what is read beside it.
    filters = beside.without(frozenset({"limit", "duration_s"}))
    return FilteredSource(
        MergedSource([_open(each, filters) for each in addresses]), beside.without(frozenset(FILTERS))
    )


def _open(address: SourceAddress, beside: Selection) -> Source:
    """One source. It gets its own keys, and the selection too, since its network may apply some keys itself."""
    if address.kind not in SOURCES:
        raise SourceError(f"unknown source {address.kind!r}; known are {', '.join(SOURCES)}")
    selection = Selection.from_address(address).and_also(beside)
    address = address.without(Selection.model_fields)
    if len(servers := _singly(address)) > 1:
        return _together(servers, selection)
    return FilteredSource(_opener(address.kind)(address, selection), selection)


def _opener(kind: str) -> Callable[[SourceAddress, Selection], Source]:
    module, _, name = SOURCES[kind].class_path.rpartition(".")
    opener: Callable[[SourceAddress, Selection], Source] = getattr(importlib.import_module(module), name).from_address
    return opener

"""Which class stands behind a source's address. A new source: one file here and one line in `_KINDS`."""

from collections.abc import Callable

from collecting.addresses import Address
from collecting.lines import Source, SourceError
from collecting.sources.file import FileSource
from collecting.sources.simulator import SimulatorSource

_KINDS: dict[str, Callable[[Address], Source]] = {
    "file": FileSource.from_address,
    "simulator": SimulatorSource.from_address,
}


def open_source(text: str) -> Source:
    """The source that an address names, ready to read.

    Raises:
        SourceError: unknown kind or key, a value that is none, a file that is not there.
    """
    address = Address.parse(text)
    if address.kind not in _KINDS:
        raise SourceError(f"unknown source {address.kind!r}; known are {', '.join(_KINDS)}")
    return _KINDS[address.kind](address)

"""What the commands do with source addresses: paths become absolute, and what is waited for must end."""

import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from contract.source_address import AddressError, SourceAddress
from contract.sources import AUTO, FILE, SOURCES
from stack.config.errors import StackError
from stack.config.settings import REPOSITORY

CHECK_WITHIN_S = 60.0
FIRST = (SourceAddress(AUTO),)
"""What a new home collects from where nothing was said."""

_ENDS = {key: re.compile(r"0*[1-9][0-9.]*") for key in ("posts", "limit", "duration_s")} | {"ends": re.compile("1")}


def parsed(texts: Iterable[str]) -> tuple[SourceAddress, ...]:
    """The addresses that a person has given, one an option.

    Raises:
        StackError: one is empty or breaks the grammar.
    """
    addresses = []
    for text in texts:
        if not text.strip():
            raise StackError("--source is empty; name a source, or leave the option out")
        try:
            addresses.append(SourceAddress.parse_one(text))
        except AddressError as error:
            raise StackError(f"--source: {error}") from None
    return tuple(addresses)


def absolute(addresses: Iterable[SourceAddress]) -> tuple[SourceAddress, ...]:
    """The same with absolute paths: the collector works in another directory.

    Raises:
        StackError: a file does not exist.
    """
    return tuple(replace(each, items=_files(each.items)) if each.kind == FILE else each for each in addresses)


def _files(paths: Sequence[str]) -> tuple[str, ...]:
    files = [Path(path).expanduser().absolute() for path in paths]
    for file in files:
        if not file.is_file():
            raise StackError(f"--source: there is no file {file}")
    return tuple(map(str, files))


def require_understood(addresses: Iterable[SourceAddress]) -> None:
    """Asks the collector itself, before anything is started for an address that it would refuse.

    Raises:
        StackError: why it refuses.
    """
    command = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), "--check"]
    for each in addresses:
        command += ["--source", str(each)]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_WITHIN_S, check=False)
    if asked.returncode != 0:
        raise StackError(f"--source: {(asked.stderr.strip().splitlines() or ['not understood'])[-1]}")


def finite(addresses: Iterable[SourceAddress]) -> tuple[SourceAddress, ...]:
    """The same where they all come to an end; a simulator without an end is cut, its other settings stay.

    Raises:
        StackError: one never ends.
    """
    return tuple(map(_finite, addresses))


def _finite(address: SourceAddress) -> SourceAddress:
    kind, values = SOURCES.get(address.kind), address.values
    if (kind and kind.finite) or any(end.fullmatch(values.get(key, "")) for key, end in _ENDS.items()):
        return address
    if kind and kind.cut_by:
        cut = {key: (value,) for key, value in kind.cut_by}
        return replace(address, keys=cut | dict(address.without(cut).keys))
    raise StackError(
        f"--until-done: {address} never ends; give it an end (`limit=N` posts or `duration_s=S` among its keys), "
        "or name a file"
    )

"""The networks' tokens: from Airflow's connections, or the files named at `up`, into files for the collector.

A token goes by no command line, no environment, no XCom and no log: the collector gets the path of a file (0400).
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from contract import names
from contract.files import remove_leftovers, write_atomically
from contract.source_address import SourceAddress
from contract.sources import SOURCES
from hashtide_airflow import settings

_HOME = Path(os.environ.get("AIRFLOW_HOME", tempfile.gettempdir()))
FOLDER = Path(os.environ.get(names.SECRETS_DIR, _HOME / "secrets"))


def token_files(sources: Sequence[SourceAddress], *, named_by_form: bool = False) -> dict[str, str]:
    """What the collector of these sources needs in its environment: variable → path of a file with the token.

    A connection (`hashtide_NETWORK`) takes precedence over a file named at `up` (the Airflow variable
    `hashtide_NETWORK_token_file`), that over what Airflow's own environment names.

    Args:
        sources: what is collected.
        named_by_form: whoever may trigger a run chose the servers; they don't get a token that is meant for any server,
            wherever it stands: the collector gets a file of our own, without it.

    Raises:
        ValueError: a connection is there and holds no token; or the file to take the servers' own tokens from can't
            be read, or others may read it.
    """
    found = {}
    for network in dict.fromkeys(each.kind for each in sources):
        if network in SOURCES and SOURCES[network].tokens and (path := _file_of(network, sources, named_by_form)):
            found[names.token_variable(network)] = path
    return found


def _file_of(network: str, sources: Sequence[SourceAddress], named_by_form: bool) -> str:
    """The path of the file to hand on, written if there is something to write; empty where nobody named one."""
    if SOURCES[network].tokens == "one":
        text = _one_token(network)
    elif named_by_form:
        return write_secret(f"{network}_token_by_form", _of_servers_alone(network))
    else:
        servers = [_host(item) for each in sources if each.kind == network for item in each.items]
        text = _by_server(network, servers)
    if text:
        return write_secret(f"{network}_token", text)
    return settings.optional_variable(names.token_file(network))


def _host(server: str) -> str:
    """With a port, where one is given."""
    return urlsplit(server).netloc if "://" in server else server


def _of_servers_alone(network: str) -> str:
    """A network's lines `host token`, without the one for all; often empty, which hides an inherited file.

    It goes into a file with a name of its own: the usual collector's, with tokens for all, is written while the form's
    still runs.
    """
    text = _by_server(network, [])
    if not text and _connection(network) is None:
        named = settings.optional_variable(names.token_file(network))
        text = _private(network, named or os.environ.get(names.token_variable(network), ""))
    return "".join(f"{line}\n" for line in text.splitlines() if line.split()[:1] != ["*"])


def _private(network: str, name: str) -> str:
    if not name:
        return ""
    path, what = Path(name), f"the file of {network}'s tokens, {name}"
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ValueError(f"{what}: others may read it; make it 0400 or 0600")
        return path.read_text()
    except UnicodeDecodeError:
        raise ValueError(f"{what}, is not text") from None
    except OSError as error:
        raise ValueError(f"{what}, can't be read: {error.strerror}") from None


def _connection(network: str) -> Connection | None:
    try:
        return BaseHook.get_connection(names.token_connection(network))
    except AirflowNotFoundException:
        return None


def _called(network: str) -> str:
    return f"the Airflow connection {names.token_connection(network)}"


def _one_token(network: str) -> str:
    connection = _connection(network)
    if connection is None:
        return ""
    token = _one_line(network, connection.password)
    mask_secret(token)
    return token + "\n"


def _by_server(network: str, servers: list[str]) -> str:
    """Lines `host token`: the extra's hosts, and the password for the other servers."""
    connection = _connection(network)
    if connection is None:
        return ""
    by_host: dict[str, object] = {}
    if connection.password:
        by_host |= dict.fromkeys(servers, connection.password)
    by_host |= connection.extra_dejson
    lines = {host: _one_line(network, token) for host, token in by_host.items()}
    if not lines and not connection.password:
        raise ValueError(f"{_called(network)} holds no token: neither a password nor an extra")
    for token in lines.values():
        mask_secret(token)
    return "".join(f"{host} {token}\n" for host, token in sorted(lines.items()))


def _one_line(network: str, token: object) -> str:
    text = str(token or "").strip()
    if not text or any(character.isspace() for character in text):
        raise ValueError(f"{_called(network)} holds no token, or one with white space in it")
    return text


def write_secret(name: str, text: str) -> str:
    """The path of a new file (0400) below the secrets' folder, whole or not at all."""
    path = FOLDER / name
    for folder in (FOLDER, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    write_atomically(path, text, mode=0o400)
    return str(path)

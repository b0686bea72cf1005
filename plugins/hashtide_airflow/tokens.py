"""The networks' tokens: from Airflow's connections, or the files that `up` was told of, into files for the collector.

A token goes by no command line, no environment, no XCom and no log: the collector gets the path of a file (0400).
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from contract import names
from contract.files import write_atomically
from contract.names import MASTODON, X
from hashtide_airflow import settings
from hashtide_airflow.addresses import kinds_of, servers_of

_HOME = Path(os.environ.get("AIRFLOW_HOME", tempfile.gettempdir()))
FOLDER = Path(os.environ.get(names.SECRETS_DIR, _HOME / "secrets"))


def token_files(source: str, *, named_by_form: bool = False) -> dict[str, str]:
    """What the collector of this source needs in its environment: variable → path of a file with the token.

    A connection goes before a file that `up` was told of (variables `hashtide_x_token_file` and
    `hashtide_mastodon_token_file`), that before what Airflow's own environment names.

    Args:
        source: one or more addresses.
        named_by_form: whoever may trigger a run chose the servers; they don't get a token that is meant for any server,
            wherever it stands: the collector gets a file of our own, without it.

    Raises:
        ValueError: the connection is there and holds no token; or the file to take the servers' own tokens from can't
            be read, or others may read it.
    """
    wanted = kinds_of(source)
    found = {}
    if "x" in wanted and (path := _file(names.X_TOKEN_FILE, "x_token", _x(_connection(X)))):
        found[names.X_TOKEN] = path
    if "mastodon" in wanted and named_by_form:
        found[names.MASTODON_TOKENS] = write_secret("mastodon_token_by_form", _of_servers_alone())
    elif "mastodon" in wanted:
        text = _mastodon(_connection(MASTODON), servers_of(source, "mastodon"))
        if path := _file(names.MASTODON_TOKEN_FILE, "mastodon_token", text):
            found[names.MASTODON_TOKENS] = path
    return found


def _of_servers_alone() -> str:
    """The lines `host token` of where Mastodon's tokens are, none for all; often empty, which hides an inherited file.

    It goes into a file with a name of its own: the usual collector's, with tokens for all, is written while the form's
    still runs.
    """
    text = _mastodon(_connection(MASTODON), [])
    if not text and _connection(MASTODON) is None:
        named = settings.optional_variable(names.MASTODON_TOKEN_FILE)
        text = _private(named or os.environ.get(names.MASTODON_TOKENS, ""))
    return "".join(f"{line}\n" for line in text.splitlines() if line.split()[:1] != ["*"])


def _private(name: str) -> str:
    if not name:
        return ""
    path = Path(name)
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ValueError(f"the file of Mastodon's tokens, {path}: others may read it; make it 0400 or 0600")
        return path.read_text()
    except UnicodeDecodeError:
        raise ValueError(f"the file of Mastodon's tokens, {path}, is no text") from None
    except OSError as error:
        raise ValueError(f"the file of Mastodon's tokens, {path}, can't be read: {error.strerror}") from None


def _connection(name: str) -> Connection | None:
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


def _x(connection: Connection | None) -> str:
    if connection is None:
        return ""
    token = _one_line(X, connection.password)
    mask_secret(token)
    return token + "\n"


def _mastodon(connection: Connection | None, servers: list[str]) -> str:
    """Lines `host token`: the extra's hosts, and the password for the other servers."""
    if connection is None:
        return ""
    by_host: dict[str, object] = {}
    if connection.password:
        by_host |= dict.fromkeys(servers, connection.password)
    by_host |= connection.extra_dejson
    lines = {host: _one_line(MASTODON, token) for host, token in by_host.items()}
    if not lines and not connection.password:
        raise ValueError(f"the Airflow connection {MASTODON} holds no token: neither a password nor an extra")
    for token in lines.values():
        mask_secret(token)
    return "".join(f"{host} {token}\n" for host, token in sorted(lines.items()))


def _one_line(connection: str, token: object) -> str:
    text = str(token or "").strip()
    if not text or any(character.isspace() for character in text):
        raise ValueError(f"the Airflow connection {connection} holds no token, or one with white space in it")
    return text


def _file(variable: names.Variable, name: str, text: str) -> str:
    """The path of the file to hand on, written if there is something to write; empty where nobody named one."""
    if not text:
        return settings.optional_variable(variable)
    return write_secret(name, text)


def write_secret(name: str, text: str) -> str:
    """The path of a new file (0400) below the secrets' folder, whole or not at all."""
    path = FOLDER / name
    for folder in (FOLDER, path.parent):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, text, mode=0o400)
    return str(path)

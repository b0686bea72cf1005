"""Mastodon's access tokens: one for each server, in a file that only its owner can read."""

import os
import stat
from pathlib import Path

from collecting.source_api import SourceError
from contract.names import token_variable

TOKEN_FILE = token_variable("mastodon")
FOR_ALL = "*"


def token_for(host: str, environment: "os._Environ[str] | dict[str, str]" = os.environ) -> str | None:
    """The token for a server, from lines `host token` (`* token`: for all others); None if no line fits.

    Raises:
        SourceError: the file does not exist, others may read it, or a line has another form.
    """
    name = environment.get(TOKEN_FILE)
    if not name:
        return None
    path = Path(name)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise SourceError(f"{TOKEN_FILE}: {path} has mode {mode:04o}; make it 0400 or 0600")
        lines = path.read_text().splitlines()
    except OSError as error:
        raise SourceError(f"{TOKEN_FILE}: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{TOKEN_FILE}: {path} is not text") from None
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or line.lstrip().startswith("#"):
            continue
        if len(words) != 2:
            raise SourceError(f"{TOKEN_FILE}: {path}:{number}: expected `host token`")  # never the line itself
        tokens[words[0].lower()] = words[1]
    return tokens.get(host.lower(), tokens.get(FOR_ALL))

"""The bearer token, in a file that only its owner can read; never in an argument, log, error or state."""

import os
import re
import stat
from pathlib import Path

from collecting.source_api import SourceError
from contract.names import token_variable

VARIABLE = token_variable("x")
_MODES = (0o400, 0o600)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/%=-]+")  # RFC 6750, and the percent signs that X's have
_LONGEST_BYTES = 4096


def read_token() -> str:
    """The token in the file that HASHTIDE_X_TOKEN_FILE names.

    Raises:
        SourceError: no such variable or file, others may read it, or it contains no token. Never quotes the contents.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        raise SourceError(f"source x: {VARIABLE} must name a file (mode 0400) that holds the bearer token")
    try:
        with Path(name).open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(f"source x: {name} is not a regular file")
            mode = stat.S_IMODE(status.st_mode)
            if mode not in _MODES:
                raise SourceError(f"source x: {name} has mode {mode:04o}; a token's file must have 0400 or 0600")
            content = file.read(_LONGEST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"source x: {name} cannot be read: {error.strerror or error}") from None
    token = content.decode("ascii", errors="replace").strip()
    if len(content) > _LONGEST_BYTES or not _TOKEN.fullmatch(token):
        raise SourceError(f"source x: {name} holds no bearer token (one line of letters, digits and ._~+/%=-)")
    return token

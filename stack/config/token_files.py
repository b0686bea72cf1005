"""The files with the networks' tokens: Airflow gets their paths, not their contents."""

import stat
from pathlib import Path

from stack.config.errors import StackError
from stack.config.settings import StackSettings


def token_files(settings: StackSettings) -> dict[str, str]:
    """Airflow's variables for the files that are set: name → absolute path.

    Raises:
        StackError: a file is missing, empty, or readable by others.
    """
    named = {"x_token_file": settings.x_token_file, "mastodon_token_file": settings.mastodon_token_file}
    return {f"hashtide_{name}": _private(name, path) for name, path in named.items() if path is not None}


def _private(name: str, given: Path) -> str:
    path, variable = given.expanduser().absolute(), f"HASHTIDE_{name.upper()}"
    try:
        status = path.stat()
    except OSError as error:
        raise StackError(f"{variable}: {path} can't be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
        raise StackError(f"{variable}: {path} is not a file with a token")
    if status.st_mode & 0o077:
        raise StackError(f"{variable}: others may read {path}; chmod 600 it")
    return str(path)

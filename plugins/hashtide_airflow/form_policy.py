"""What a form may not reach, whoever may trigger it: files outside of one folder, and money without a limit.

Checked when the task runs, before anything is started: a Param's pattern can read no variable.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from airflow.sdk.exceptions import AirflowFailException

from contract import names
from hashtide_airflow import settings
from hashtide_airflow.addresses import keys_of, split, with_keys

LIMITS = ("budget_day", "budget_month", "usd_day", "usd_month")
BUDGET = (*LIMITS, "usd_per_post")


def require_in_forms_dir(paths: Iterable[str]) -> None:
    """Files that a form names lie below the folder of the variable `hashtide_forms_dir`.

    Args:
        paths: as they stand in the form; what `%` codes, `~`, `..` and links stand for is what counts.

    Raises:
        AirflowFailException: one does not, or no folder is set.
    """
    for path in paths:
        folder = settings.optional_variable(names.FORMS_DIR)
        if not folder:
            raise AirflowFailException(
                f"refused: source: file:{path}: files by form are off here; the Airflow variable hashtide_forms_dir "
                "names the folder that they may be in"
            )
        # As it stands too: not every reader decodes.
        if not all(_is_below(each, Path(folder).expanduser()) for each in (path, unquote(path))):
            raise AirflowFailException(
                f"refused: source: file:{path}: a form's file lies below {folder} (variable hashtide_forms_dir), "
                "named by its whole path"
            )


def _is_below(path: str, folder: Path) -> bool:
    try:
        named = Path(path).expanduser()
        return named.is_absolute() and named.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, nobody's `~`, a zero byte
        return False


def with_budget(source: str, usual: str) -> str:
    """A form's address of X with the budget of the usual source's; any other address as it is.

    Raises:
        AirflowFailException: the usual source has no budget for X.
    """
    if source.partition(":")[0] != "x":
        return source
    for address in split(usual):
        keys = keys_of(address)
        if address.partition(":")[0] == "x" and any(name in keys for name in LIMITS):
            return with_keys(source, {name: keys[name] for name in BUDGET if name in keys})
    raise AirflowFailException(
        "refused: source: X costs money, and a form spends what the usual source may: the variable hashtide_source "
        f"names no x: address with one of {', '.join(LIMITS)}"
    )

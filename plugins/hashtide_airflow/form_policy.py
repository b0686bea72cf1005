"""What a form may not reach, whoever may trigger it: files outside of one folder, and money without a limit.

Checked when the task runs, before anything is started: a Param's pattern can read no variable.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from airflow.sdk.exceptions import AirflowFailException

from contract import names
from contract.source_address import SourceAddress
from contract.sources import FILE, MASTODON, SOURCES, X
from hashtide_airflow import settings

LIMITS = ("budget_day", "budget_month", "usd_day", "usd_month")
BUDGET = (*LIMITS, "usd_per_post")
# Whoever may trigger a run may neither send our tokens elsewhere nor spend more of our money.
NOT_BY_FORM = ("url", "proxy", *BUDGET)


def kinds_for_forms() -> list[str]:
    """The kinds of sources that a form may name."""
    return [name for name, kind in SOURCES.items() if kind.in_forms]


def require_for_forms(address: SourceAddress) -> None:
    """Checks all that an address shows by itself; `as_allowed` checks what depends on this deployment's variables.

    Raises:
        ValueError: a kind or a key that is not for forms, or a server that a token would reach unencrypted.
    """
    if address.kind not in kinds_for_forms():
        raise ValueError(f"not a source that a form may name: {', '.join(kinds_for_forms())}")
    if forbidden := [key for key in NOT_BY_FORM if key in address.keys]:
        raise ValueError(f"{', '.join(forbidden)}: only in the variable hashtide_source, not in a form")
    if address.kind == MASTODON and any("://" in each and urlsplit(each).scheme != "https" for each in address.items):
        raise ValueError("a Mastodon server by https only: on the way a token could be read")


def as_allowed(source: SourceAddress, usual: Iterable[SourceAddress]) -> SourceAddress:
    """A form's address as it may be collected here.

    Args:
        source: passed `require_for_forms`.
        usual: what the variable hashtide_source names.

    Raises:
        AirflowFailException: a file outside of the forms' folder, or X without a budget.
    """
    if source.kind == FILE:
        require_in_forms_dir(source.items)
    return with_budget(source, usual)


def require_in_forms_dir(paths: Iterable[str]) -> None:
    """Files that a form names lie below the folder of the variable `hashtide_forms_dir`.

    Args:
        paths: decoded; what `~`, `..` and links stand for is what counts.

    Raises:
        AirflowFailException: one does not, or no folder is set.
    """
    for path in paths:
        folder = settings.optional_variable(names.FORMS_DIR)
        if not folder:
            raise AirflowFailException(
                f"refused: source: file {path!r}: files by form are off here; the Airflow variable hashtide_forms_dir "
                "names the folder that they may be in"
            )
        if not _is_below(path, Path(folder).expanduser()):
            raise AirflowFailException(
                f"refused: source: file {path!r}: a form's file lies below {folder} (variable hashtide_forms_dir), "
                "named by its whole path"
            )


def _is_below(path: str, folder: Path) -> bool:
    try:
        named = Path(path).expanduser()
        return named.is_absolute() and named.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, nobody's `~`, a zero byte
        return False


def with_budget(source: SourceAddress, usual: Iterable[SourceAddress]) -> SourceAddress:
    """A form's address of X with the budget of the usual source's; any other address as it is.

    Raises:
        AirflowFailException: the usual source has no budget for X.
    """
    if source.kind != X:
        return source
    for address in usual:
        if address.kind == X and any(name in address.keys for name in LIMITS):
            return source.with_keys({name: address.keys[name] for name in BUDGET if name in address.keys})
    raise AirflowFailException(
        "refused: source: X costs money, and a form spends what the usual source may: the variable hashtide_source "
        f"names no x: address with one of {', '.join(LIMITS)}"
    )

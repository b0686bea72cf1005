"""What the DAGs' forms have in common: a field ends where it ends, and what is refused says which field it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from airflow.sdk.exceptions import AirflowFailException
from pydantic import BaseModel, ValidationError

END = r"$(?!\n)"
"""JSON Schema's patterns are JavaScript's in the form and Python's in the API: this is the very end in both."""

Model = TypeVar("Model", bound=BaseModel)


def refuse_unknown(conf: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Airflow lets unknown keys of a run's conf pass; we don't.

    Raises:
        AirflowFailException: names them.
    """
    if unknown := sorted(set(conf) - set(fields)):
        raise AirflowFailException(f"unknown parameters {unknown}; there are {sorted(fields)}")


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The request, if it is one.

    Raises:
        AirflowFailException: says what was wrong with which field; no retry can help.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, part['loc']))}: {part['msg']}" for part in error.errors())
        raise AirflowFailException(f"refused: {wrong}") from None

"""What the DAGs' forms have in common: fields made from a request's class, and refusals that name the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError
from pydantic import BaseModel, ValidationError

END = r"$(?!\n)"
"""JSON Schema's patterns are JavaScript's in the form and Python's in the API: this is the very end in both."""

Model = TypeVar("Model", bound=BaseModel)


def params_of(request: type[BaseModel], **fields: Mapping[str, Any]) -> dict[str, Param]:
    """The form of a request: one field for each of its own, with its title, help, default and limits.

    Args:
        request: the class of the request.
        fields: what a field of the form says otherwise or beside, in JSON Schema's words, by the field's name.
    """
    properties = request.model_json_schema()["properties"]
    return {name: _param({**schema, **fields.get(name, {})}) for name, schema in properties.items()}


def _param(schema: dict[str, Any]) -> Param:
    if "type" in schema:
        schema.pop("anyOf", None)  # how pydantic writes "or None"
    if text := schema.get("description", ""):
        schema["description"] = f"{text[0].upper()}{text[1:].rstrip('.')}."  # an option's help is no sentence
    return Param(schema.pop("default", None), **schema)


def refuse_unknown(conf: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Airflow lets unknown keys of a run's conf pass; we don't.

    Raises:
        AirflowFailException: names them.
    """
    if unknown := sorted(set(conf) - set(fields)):
        raise AirflowFailException(f"unknown parameters {unknown}; there are {sorted(fields)}")


def checked_fields(params: Mapping[str, Any], fields: Mapping[str, Param]) -> dict[str, Any]:
    """The form's values, those that are missing by their defaults, checked once more against the form.

    Raises:
        AirflowFailException: says what was wrong with which field; no retry can help.
    """
    found = {}
    for name, field in fields.items():
        try:
            found[name] = field.__copy__().resolve(params.get(name, field.value))
        except ParamValidationError as error:
            raise AirflowFailException(f"refused: {name}: {str(error).splitlines()[0]}") from None
    return found


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

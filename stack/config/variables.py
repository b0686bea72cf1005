"""Airflow's variables as the stack keeps them: a file that Airflow reads at each use. Their names: contract.names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.names import GENERATION, SOURCE, VARIABLES
from contract.source_address import SourceAddress, read_stored
from stack.config.errors import StackError
from stack.config.secrets import write_private


def read_variables(file: Path) -> dict[str, Any]:
    """Airflow's variables, former names moved to present ones; empty where the file is missing.

    Raises:
        StackError: the file holds no JSON object: what a person wrote into it must not be lost.
    """
    try:
        found = dict(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return {}
    except (TypeError, ValueError) as error:
        raise StackError(f"{file} is not a JSON object ({error}): correct it") from None
    for variable in VARIABLES:
        if variable.former in found:
            former = found.pop(variable.former)
            found.setdefault(variable.name, former)
    return found


def write_variables(file: Path, variables: Mapping[str, Any]) -> None:
    """Replace the file; a reader sees it as before or as after."""
    write_private(file, json.dumps(variables, indent=2, ensure_ascii=False) + "\n")


def chosen_source(file: Path) -> tuple[SourceAddress, ...]:
    """What is to be collected; empty where the variable isn't set."""
    return read_stored(read_variables(file).get(SOURCE.name))


def set_variable(file: Path, name: str, value: str) -> None:
    """Change one variable and keep the others."""
    write_variables(file, {**read_variables(file), name: value})


def generation_of(variables: Mapping[str, Any]) -> int:
    """The generation that counts now."""
    return int(variables.get(GENERATION.name, GENERATION.default))

"""Airflow's variables, as the stack keeps them: a file that Airflow reads at each use."""

import json
from pathlib import Path
from typing import Any

from stack.config.secrets import write_private


def read_variables(file: Path) -> dict[str, Any]:
    """Airflow's variables as they are in their file; none where it isn't there."""
    try:
        return dict(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return {}


def set_variable(file: Path, name: str, value: str) -> None:
    """Change one variable and keep the others; a reader sees the file as before or as after."""
    variables = {**read_variables(file), name: value}
    write_private(file, json.dumps(variables, indent=2, ensure_ascii=False) + "\n")

"""The statements of sql/compacting, by name."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent.parent / "sql" / "compacting"


@cache
def statement(name: str) -> str:
    """Text of `sql/compacting/NAME.sql`, with psycopg2's parameters."""
    return (_FOLDER / f"{name}.sql").read_text("utf-8")

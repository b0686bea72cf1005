"""Settings whose fields are the options of a command line: each declared once, then parsed, rendered, documented."""

import argparse
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo


class Options(BaseModel):
    """Frozen, validated settings: field `window_s` is option `--window-s`, its description the option's help.

    A flag is a `bool` of default False. What is no flag, number, text, date or choice is given as a file's path.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    former_options: ClassVar[dict[str, str]] = {}
    """Field → an option's former name, which is still understood."""

    @classmethod
    def add_to(cls, parser: argparse.ArgumentParser) -> None:
        """Adds an option for each field."""
        for name, field in cls.model_fields.items():
            flags = [_option(name), *([cls.former_options[name]] if name in cls.former_options else [])]
            parser.add_argument(*flags, dest=name, default=argparse.SUPPRESS, **_how(field))

    @classmethod
    def given(cls, parser: argparse.ArgumentParser, options: argparse.Namespace) -> Self:
        """The settings of parsed options; wrong values are the parser's error, one line that names each option."""
        values = {name: value for name, value in vars(options).items() if name in cls.model_fields}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            parser.error("; ".join(map(_complaint, error.errors(include_input=False))))

    def arguments(self) -> list[str]:
        """The command line that gives these settings; what is None, or a flag that is not set, is left out."""
        found: list[str] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None or value is False:
                continue
            found += [_option(name)] if value is True else [_option(name), _text(value)]
        return found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _complaint(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{_option(str(error['loc'][0]))}: {message}" if error["loc"] else message


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _how(field: FieldInfo) -> dict[str, Any]:
    """How argparse takes one field's option."""
    kind = next((each for each in get_args(field.annotation) if each is not NoneType), None)
    kind = kind if kind is not None and NoneType in get_args(field.annotation) else field.annotation
    help_text = field.description or ""
    if kind is bool:
        return {"action": "store_true", "help": help_text}
    if not field.is_required() and isinstance(field.get_default(call_default_factory=True), str | int | float):
        help_text += f" (default {field.get_default(call_default_factory=True)})"
    how = {"help": help_text.strip(), "required": field.is_required()}
    if get_origin(kind) is Literal:
        return {**how, "choices": get_args(kind)}
    readers: dict[Any, Callable[[str], object]] = {int: _whole, float: float, str: str, date: str}
    return {**how, "type": readers.get(kind, Path)}


def _whole(text: str) -> int:
    # int() alone would take ' 5', '5_0' and digits of other scripts.
    if not re.fullmatch(r"-?[0-9]+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)

"""Typed JSON decoding that ignores fields of the wrong type.

The quick path is msgspec's typed decoder. Where it refuses, the slow path reads the record with the standard library
and keeps every field whose type is right, so one odd field does not cost the post. Both read the same language, RFC
8259, but for one thing: an escaped lone surrogate, which networks do send where they cut a text in the middle of an
emoji, becomes U+FFFD instead of an error.
"""

import json
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from formats.parsed import INVALID_JSON, INVALID_UTF8, NOT_AN_OBJECT, TOO_DEEP, Rejected

T = TypeVar("T", bound=msgspec.Struct)

_EXACT = 2**53  # integers up to here are exact as floats
_BOM = b"\xef\xbb\xbf"


def decode(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    """The record as the decoder's struct.

    Raises:
        Rejected: it is not UTF-8, not JSON, or not an object.
    """
    if not raw.isascii():
        raw = _without_bom(raw)
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _forgiving(decoder.type, raw)
    except RecursionError:
        raise Rejected(TOO_DEEP) from None


def value(raw: msgspec.Raw | bytes) -> Any:
    """Decodes JSON of any shape, such as a part of a record that was kept raw.

    Raises:
        Rejected: it is not UTF-8 or not JSON.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _whole(_loads(bytes(raw)))


def _without_bom(raw: bytes) -> bytes:
    # msgspec does not look into strings that it skips: without this, validity would depend on which fields are read.
    try:
        raw.decode()
    except UnicodeDecodeError:
        raise Rejected(INVALID_UTF8) from None
    return raw.removeprefix(_BOM)


def _forgiving(into: type[T], raw: bytes) -> T:
    record = _loads(raw)
    if not isinstance(record, dict):
        raise Rejected(NOT_AN_OBJECT)
    try:
        return _pick(record, into)
    except RecursionError:
        raise Rejected(TOO_DEEP) from None


def _loads(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode(), parse_constant=_refuse_constant)  # bytes: it would guess UTF-16, too
    except RecursionError:
        raise Rejected(TOO_DEEP) from None
    except UnicodeDecodeError:
        raise Rejected(INVALID_UTF8) from None
    except ValueError:
        raise Rejected(INVALID_JSON) from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are not JSON


def _pick(value: dict[str, Any], into: type[T]) -> T:
    """The fields of `value` with the right type; the others keep their default."""
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(into):
        if field.encode_name in value:
            kept = _fit(value[field.encode_name], field.type)
            if kept is not None:
                fields[field.name] = kept
    return into(**fields)


def _fit(value: Any, wanted: Any) -> Any:
    """The value if it fits the type, or the part that fits; otherwise None."""
    if wanted is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(_whole(value)))
    for option in get_args(wanted) or (wanted,):
        if isinstance(value, dict) and isinstance(option, type) and issubclass(option, msgspec.Struct):
            return _pick(value, option)
        if isinstance(value, list) and get_origin(option) is list:
            items = (_fit(item, *get_args(option)) for item in value)
            return [item for item in items if item is not None]
        if option in (str, int, float, bool) and type(value) is option:
            return _whole(value)
        if option is float and type(value) is int and abs(value) < _EXACT:
            return float(value)
    return None


def _whole(value: Any) -> Any:
    """The value with lone surrogates replaced, so that it can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return value

"""Unwraps the envelopes that Kafka Connect's converters put around a record.

JsonConverter writes exactly `{"schema":…,"payload":…}` or, without schemas, the raw value: for a line, a JSON string.
StringConverter and ByteArrayConverter write the line itself.
"""

import base64
import binascii

import msgspec

from formats import lenient
from formats.parsed import Rejected


class _Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    schema: msgspec.Raw
    payload: msgspec.Raw


_decoder = msgspec.json.Decoder(_Envelope)


def unwrap(raw: bytes) -> bytes | None:
    """The record inside an envelope or a JSON string; bytes that are neither are returned unchanged.

    None for an empty envelope: Connect's tombstone.
    """
    try:
        return _content(lenient.value(raw), None) if raw.startswith(b'"') else _open(raw)
    except (Rejected, RecursionError):
        return raw


def _open(raw: bytes) -> bytes | None:
    try:
        envelope = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = lenient.value(raw)
        if not isinstance(content, dict) or content.keys() != {"schema", "payload"}:
            return raw
        return _content(content["payload"], content["schema"])
    payload = bytes(envelope.payload)
    if payload.startswith(b'"'):
        return _content(lenient.value(payload), lenient.value(envelope.schema))
    return None if payload == b"null" else payload


def _content(payload: object, schema: object) -> bytes | None:
    if not isinstance(payload, str):
        return None if payload is None else msgspec.json.encode(payload)
    if isinstance(schema, dict) and schema.get("type") == "bytes":  # which JsonConverter writes as Base64
        try:
            return base64.b64decode(payload, validate=True)
        except (binascii.Error, ValueError):
            pass
    return payload.encode()

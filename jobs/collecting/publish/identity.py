"""A record's key in the topic: what it is counted once by (docs/contracts.md)."""

import hashlib

from collecting.filtering.filtered import apart
from collecting.sources.merged import SEVERAL, cursors_of
from collecting.spool.segments import EVENT, Record
from formats import post_key

_DIGESTS_SINCE = 3  # records in segments of an older version keep the keys under which they may be in the topic already


def record_key(source_id: str, record: Record) -> bytes:
    """The post's own id where there is one, else the place of the line or event, and a digest of its bytes.

    The digest, since places are not unique: two machines have different files under one path, and two events may have
    one cursor and one millisecond.
    """
    digest = f":{_digest(record.raw)}" if record.version >= _DIGESTS_SINCE else ""
    if record.kind == EVENT:
        return f"note:{source_id}:{record.cursor}:{record.received_at}{digest}".encode()
    post_id = post_key(record.dialect, record.raw) if record.post_id is None else record.post_id
    if post_id:
        return post_id.encode()
    source_id, cursor = origin(source_id, record.cursor) if digest else (source_id, record.cursor)
    return f"line:{source_id}:{cursor}{digest}".encode()


def origin(source_id: str, cursor: str) -> tuple[str, str]:
    """The source that a line came from, and the line's cursor there: the same whether it was read alone or merged.

    Raises:
        SourceError: an invalid cursor of merged sources.
    """
    cursor = apart(cursor)[1] or ""
    while cursor and source_id.startswith(f"{SEVERAL}-"):
        source_id, cursor = list(cursors_of(cursor).items())[-1]
        cursor = apart(cursor)[1] or ""
    return source_id, cursor


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()

"""Server-sent events, wherever the chunks' edges are."""

import pytest

from collecting.sources.mastodon import sse
from collecting.sources.mastodon.sse import EventBlocks, EventTooLong
from tests.formats.recorded import DATA


def events_of(stream: bytes, size: int) -> list[bytes]:
    blocks = EventBlocks()
    return [each for at in range(0, len(stream), size) for each in blocks.feed(stream[at : at + size])]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_keep_their_bytes_whatever_ends_the_lines_and_wherever_chunks_are_cut(end: bytes, size: int) -> None:
    events = ["event: update\ndata: größer 日本 🐤", "event: delete\ndata: 1", ": inside\nid: 7\ndata: x", "data"]
    wire = [each.encode().replace(b"\n", end) for each in events]
    stream = b":)" + end + b"".join(each + end + end for each in wire) + b":thump" + end + b"data: last" + end + end
    # A comment before an event is not its; one inside of it stays.
    assert events_of(stream, size) == [*wire[:2], wire[2].partition(end)[2], wire[3], b"data: last"]


def test_blank_lines_and_comments_alone_are_no_events() -> None:
    assert events_of(b"\n\n:thump\n\n:thump\n:thump\n\r\n\r\r", 3) == []


def test_what_is_left_of_an_event_is_known_and_a_torn_comment_is_nothing() -> None:
    blocks = EventBlocks()
    assert list(blocks.feed(b":thump\nevent: update\ndata: {")) == []
    assert blocks.rest == b"event: update\ndata: {"
    assert list(blocks.feed(b"}\n\n:thu")) == [b"event: update\ndata: {}"]
    assert blocks.rest == b""


def test_an_event_that_does_not_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 1000)
    with pytest.raises(EventTooLong):
        events_of(b"data: " + b"x" * 2000, 100)


@pytest.mark.recorded
@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_recorded_streams_come_apart_into_their_events(size: int) -> None:
    for path in sorted((DATA / "mastodon").glob("*.sse")):
        stream = path.read_bytes()
        expected = [part.partition(b":)\n")[2] or part for part in stream.split(b"\n\n")[:-1]]
        assert events_of(stream, size) == expected, path

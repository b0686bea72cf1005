"""Lines out of chunks, wherever they are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecting.sources.x.splitter import LineTooLong, Splitter


def pieces(content: bytes, edges: list[int]) -> list[bytes]:
    places = [0, *sorted(edge % (len(content) + 1) for edge in edges), len(content)]
    return [content[a:b] for a, b in itertools.pairwise(places)]


@given(st.lists(st.text().map(str.encode).filter(lambda line: b"\n" not in line)), st.lists(st.integers(0)))
def test_any_cut_gives_the_same_lines(lines: list[bytes], edges: list[int]) -> None:
    lines = [line.rstrip(b"\r") for line in lines]
    splitter = Splitter()
    got = [line for piece in pieces(b"".join(line + b"\r\n" for line in lines), edges) for line in splitter.feed(piece)]
    assert got == lines
    assert splitter.rest() == b""


@given(st.binary(), st.lists(st.integers(0)))
def test_no_byte_is_lost_whatever_comes(content: bytes, edges: list[int]) -> None:
    splitter = Splitter()
    got = [line for piece in pieces(content, edges) for line in splitter.feed(piece)]
    *whole, rest = content.split(b"\n")
    assert got == [line.removesuffix(b"\r") for line in whole]
    assert splitter.rest() == rest.removesuffix(b"\r")


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\rb\u2028c\u0085d\x0be\n".encode()
    assert Splitter().feed(text) == [text[:-1]]


def test_a_line_without_an_end_is_refused_and_dropped() -> None:
    splitter = Splitter(max_bytes=10)
    assert splitter.feed(b"12345") == []
    with pytest.raises(LineTooLong, match="11 bytes"):
        splitter.feed(b"678901")
    assert splitter.feed(b"a\n") == [b"a"]

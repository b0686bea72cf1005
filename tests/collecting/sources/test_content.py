"""What was read of a file: known again, whatever came in which pieces."""

import random
from pathlib import Path

import pytest

from collecting.sources.content import HEAD_BYTES, TAIL_BYTES, Content

SIZES = [0, 1, TAIL_BYTES, TAIL_BYTES + 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, 20_000]


@pytest.mark.parametrize("size", SIZES)
def test_the_pieces_make_no_difference_and_the_file_says_the_same(tmp_path: Path, size: int) -> None:
    dice = random.Random(size)  # noqa: S311
    whole = dice.randbytes(size)
    (tmp_path / "a").write_bytes(whole + b"and more")
    pieces, at = Content(), 0
    while at < size:
        step = dice.choice([1, 7, 1000, 5000])
        pieces.add(whole[at : min(at + step, size)])
        pieces.digest()
        at += step
    with (tmp_path / "a").open("rb") as file:
        found = Content.of(file.fileno(), size)
    assert (pieces.size, pieces.digest()) == (found.size, found.digest()) == (size, found.digest())


@pytest.mark.parametrize("place", [0, 500, HEAD_BYTES - 1, 20_000 - TAIL_BYTES, 19_999])
def test_another_byte_in_what_is_looked_at_is_another_digest(place: int) -> None:
    whole = bytearray(random.Random(1).randbytes(20_000))  # noqa: S311
    one, other = Content(), Content()
    one.add(bytes(whole))
    whole[place] ^= 1
    other.add(bytes(whole))
    assert one.digest() != other.digest()

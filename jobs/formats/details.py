"""A post's author and place: not counted by the streaming job, but used by filters and author counts."""

import unicodedata

import msgspec

from formats.values import one_line

NO_NAME = "No name"

_LONGEST_NAME = 200
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing: used for blank names


class Author(msgspec.Struct, gc=False, frozen=True):
    """A post's author; for a repost, the one who reposts.

    Attributes:
        id: the network's own; None if it gives none.
        name: as displayed, emoji kept, without control characters; `No name` if blank or missing.
        handle: the user name without `@`; empty if the network gives none.
        friends: how many they follow; None if unknown.
        followers: how many follow them; None if unknown.
        location: free text by the author; empty if missing.
    """

    id: str | None = None
    name: str = NO_NAME
    handle: str = ""
    friends: int | None = None
    followers: int | None = None
    location: str = ""


class Details(msgspec.Struct, gc=False, frozen=True):
    """One post's author and place.

    Attributes:
        author: who wrote it.
        url: where people can read it; empty if unknown.
        coordinates: (longitude, latitude) of the post, degrees.
        place_box: (west, south, east, north) of the place named in it, degrees.
    """

    author: Author = Author()
    url: str = ""
    coordinates: tuple[float, float] | None = None
    place_box: tuple[float, float, float, float] | None = None


def name(given: str | None) -> str:
    """A name as displayed: emoji kept, without control characters; `No name` if nothing visible is left."""
    shown = one_line(given or "", _LONGEST_NAME)
    return shown if any(_is_visible(char) for char in shown) else NO_NAME


def _is_visible(char: str) -> bool:
    return char not in _BLANK_LETTERS and not char.isspace() and unicodedata.category(char) not in ("Cf", "Mn", "Cn")

"""What a post says beside what is counted: who wrote it, and where. For selections and author counts."""

import unicodedata

import msgspec

from formats.values import one_line

NO_NAME = "No name"

_LONGEST_NAME = 200
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing: used for blank names


class Author(msgspec.Struct, gc=False, frozen=True):
    """Who wrote a post; for a repost who repeats it.

    Attributes:
        id: the network's own; None where it says none.
        name: as it is shown, emoji kept, without control characters; `No name` where it is blank or not said.
        handle: what the author is called by (`@` left out); empty where the network says none.
        friends: how many they follow; None where the network doesn't say.
        followers: how many follow them; None where the network doesn't say.
        location: what they give as their place, free text; empty where they give none.
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
        url: where people can read it; empty where that is not known.
        coordinates: (longitude, latitude) of the post, degrees.
        place_box: (west, south, east, north) of the place that it names, degrees.
    """

    author: Author = Author()
    url: str = ""
    coordinates: tuple[float, float] | None = None
    place_box: tuple[float, float, float, float] | None = None


def name(given: str | None) -> str:
    """A name as it is shown: emoji kept, without control characters; `No name` where nobody would see any."""
    shown = one_line(given or "", _LONGEST_NAME)
    return shown if any(_is_visible(char) for char in shown) else NO_NAME


def _is_visible(char: str) -> bool:
    return char not in _BLANK_LETTERS and not char.isspace() and unicodedata.category(char) not in ("Cf", "Mn", "Cn")

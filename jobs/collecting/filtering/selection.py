"""The filters of a source: the keys that every address accepts (docs/contracts.md)."""

from typing import Annotated, Self

import regex
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from collecting.source_api import SourceError
from contract.source_address import SourceAddress
from formats.details import Details
from formats.parsed import Parsed
from formats.terms import identity

FILTERS = ("terms", "hashtags", "langs", "box", "located")
"""The keys that examine a post; a network may apply some itself."""

Box = tuple[float, float, float, float]

_TOKEN = regex.compile(r"[\p{L}\p{M}\p{N}_\u200c\u200d]+")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


def _four(box: object) -> object:
    if isinstance(box, tuple) and len(box) != 4:
        raise ValueError("expected west+south+east+north, in degrees")
    return box


def _box(box: Box) -> Box:
    west, south, east, north = box
    if not (-180 <= west <= 180 and -180 <= east <= 180):
        raise ValueError("west and east must be between -180 and 180")
    if not -90 <= south <= north <= 90:
        raise ValueError("south and north must be between -90 and 90, south first")
    return box


def _with_words(terms: tuple[str, ...]) -> tuple[str, ...]:
    for term in terms:
        if not _tokens(term):
            raise ValueError(f"{term!r} holds no word")
    return terms


def _named(hashtags: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(each.removeprefix("#").removeprefix("＃").strip() for each in hashtags)
    if not all(identity(name) for name in names):
        raise ValueError("a hashtag without a name")
    return names


class Selection(BaseModel):
    """Filters and limits. Of a key's values one is enough; all keys must hold. No key: everything.

    Attributes:
        terms: words; a term of several words is a phrase. Whole words count, whatever their case: `rain` is in
            `#Rain!`, not in `train`. In scripts without spaces, any position matches.
        hashtags: by identity, with or without `#`.
        langs: language codes; `en` is also `en-GB`.
        box: west, south, east, north, degrees; west may be more than east, across the 180th meridian.
        located: only posts whose author gives a location.
        limit: the most posts, over the address's life in the spool.
        duration_s: seconds after which reading ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    terms: Annotated[tuple[str, ...], AfterValidator(_with_words)] = ()
    hashtags: Annotated[tuple[str, ...], AfterValidator(_named)] = ()
    langs: tuple[Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")], ...] = ()
    box: Annotated[Box, BeforeValidator(_four), AfterValidator(_box)] | None = None
    located: bool = False
    limit: Annotated[int, Field(ge=1)] | None = None
    duration_s: Annotated[float, Field(gt=0, le=366 * 86_400)] | None = None

    @classmethod
    def from_address(cls, address: SourceAddress) -> Self:
        """The selection in an address's keys; the others are the source's own.

        Raises:
            SourceError: an invalid or missing value.
        """
        if bare := [item for item in address.items if item in cls.model_fields and address.kind != "file"]:
            raise SourceError(f"source {address.kind}: {bare[0]} has no value; write {bare[0]}=…")
        given: dict[str, object] = {}
        for key in set(cls.model_fields) & set(address.values):
            is_list = key in ("terms", "hashtags", "langs", "box")
            given[key] = address.keys[key] if is_list else address.values[key]
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            key, why = str(first["loc"][0]), first["msg"].removeprefix("Value error, ")
            raise SourceError(f"source {address.kind}: {key}={address.values[key]}: {why}") from None

    def without(self, keys: frozenset[str]) -> "Selection":
        """The selection without these keys, which someone else applies."""
        return Selection.model_validate({key: value for key, value in self._given().items() if key not in keys})

    def and_also(self, other: "Selection") -> "Selection":
        """Both in one.

        Raises:
            SourceError: both set the same key.
        """
        mine, theirs = self._given(), other._given()
        for key in mine:
            if key in theirs:
                raise SourceError(f"{key} is given twice: in the address and beside it")
        return Selection.model_validate(mine | theirs)

    def _given(self) -> dict[str, object]:
        return {key: getattr(self, key) for key in self.model_fields_set if getattr(self, key) not in ((), None, False)}

    @property
    def filters(self) -> dict[str, object]:
        """The keys that filter posts, in a fixed order; empty: every post passes."""
        given = self._given()
        return {key: given[key] for key in FILTERS if key in given}


class PostFilter:
    """A selection prepared for testing posts."""

    def __init__(self, selection: Selection) -> None:
        self._terms = [_Phrase(term) for term in selection.terms]
        self._hashtags = {identity(tag) for tag in selection.hashtags}
        self._langs = tuple(lang.lower() for lang in selection.langs)
        self._box = selection.box
        self._located = selection.located
        self.needs_details = self._located or self._box is not None

    def takes(self, post: Parsed, details: Details | None) -> bool:
        """Whether the post passes; details are used only if `needs_details`."""
        if self._langs and not any(post.lang == lang or post.lang.startswith(f"{lang}-") for lang in self._langs):
            return False
        if self._hashtags and self._hashtags.isdisjoint(map(identity, post.hashtags)):
            return False
        if self._located and not (details and details.author.location.strip()):
            return False
        if self._box and not (details and _is_in(self._box, details)):
            return False
        return not self._terms or self._has_term(post.text)

    def _has_term(self, text: str) -> bool:
        tokens = _tokens(text)
        return any(phrase.is_in(tokens) for phrase in self._terms)


class _Phrase:
    def __init__(self, term: str) -> None:
        self._unspaced = bool(_UNSPACED.search(term))
        self._tokens = _tokens(term)
        self._inner = self._tokens.strip()

    def is_in(self, tokens: str) -> bool:
        return (self._inner if self._unspaced else self._tokens) in tokens


def _tokens(text: str) -> str:
    """The words by identity, with spaces around each; empty without words."""
    words = " ".join(map(identity, _TOKEN.findall(text)))
    return words and f" {words} "


def _is_in(box: Box, details: Details) -> bool:
    """Whether the post's coordinates are in the box; without coordinates, whether its place overlaps it."""
    if details.coordinates is not None:
        longitude, latitude = details.coordinates
        return _overlap(box, (longitude, latitude, longitude, latitude))
    return details.place_box is not None and _overlap(box, details.place_box)


def _overlap(one: Box, other: Box) -> bool:
    if one[1] > other[3] or other[1] > one[3]:
        return False
    return any(a[0] <= b[1] and b[0] <= a[1] for a in _spans(one) for b in _spans(other))


def _spans(box: Box) -> list[tuple[float, float]]:
    """The longitudes from west to east; two spans if the box crosses the 180th meridian."""
    west, _, east, _ = box
    return [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]

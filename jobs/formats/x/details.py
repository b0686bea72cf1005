"""Who wrote a post of X, and where."""

import math

import msgspec

from formats import lenient
from formats.details import Author, Details, name
from formats.values import one_line
from formats.x import posts as x

_LONGEST_LOCATION = 200
_LONGEST_HANDLE = 50


class _Metrics(msgspec.Struct, gc=False):
    followers_count: int | None = None
    following_count: int | None = None


class _User(msgspec.Struct, gc=False):
    """A user, of both APIs."""

    id: str | int | None = None
    id_str: str | None = None
    name: str | None = None
    screen_name: str | None = None  # v1.1
    username: str | None = None  # v2
    location: str | None = None
    friends_count: int | None = None
    followers_count: int | None = None
    public_metrics: _Metrics | None = None


class _Point(msgspec.Struct, gc=False):
    coordinates: list[float] | None = None  # longitude, latitude


class _Polygon(msgspec.Struct, gc=False):
    coordinates: list[list[list[float]]] | None = None


class _Box(msgspec.Struct, gc=False):
    bbox: list[float] | None = None


class _Place(msgspec.Struct, gc=False):
    """A place, of both APIs."""

    id: str | None = None
    bounding_box: _Polygon | None = None  # v1.1
    geo: _Box | None = None  # v2


class _Geo(msgspec.Struct, gc=False):
    coordinates: _Point | None = None
    place_id: str | None = None


class _Data(msgspec.Struct, gc=False):
    author_id: str | None = None
    geo: _Geo | None = None


class _Includes(msgspec.Struct, gc=False):
    users: list[_User] | None = None
    places: list[_Place] | None = None


class _Line(msgspec.Struct, gc=False):
    user: _User | None = None
    coordinates: _Point | None = None
    place: _Place | None = None
    data: _Data | None = None
    includes: _Includes | None = None


_decoder = msgspec.json.Decoder(_Line)


def describe(raw: bytes) -> Details | None:
    """The post's author and place; None if the line is not a post."""
    post_id = x.post_id(raw)
    if post_id is None:
        return None
    line = lenient.decode(_decoder, raw)
    user, point, place = _of_v1(line) if line.data is None else _of_v2(line.data, line.includes or _Includes())
    author = _author(user, line.data)
    url = f"https://x.com/{author.handle or 'i'}/status/{post_id.removeprefix('x:')}"
    return Details(author, url, _coordinates(point), _place_box(place))


def _of_v1(line: _Line) -> tuple[_User, _Point | None, _Place | None]:
    return line.user or _User(), line.coordinates, line.place


def _of_v2(data: _Data, includes: _Includes) -> tuple[_User, _Point | None, _Place | None]:
    geo = data.geo or _Geo()
    user = next((each for each in includes.users or () if each.id is not None and each.id == data.author_id), _User())
    place = next((each for each in includes.places or () if each.id is not None and each.id == geo.place_id), None)
    return user, geo.coordinates, place


def _author(user: _User, data: _Data | None) -> Author:
    user_id = user.id_str or user.id or (data.author_id if data is not None else None)
    metrics = user.public_metrics or _Metrics()
    return Author(
        None if user_id is None else one_line(str(user_id), _LONGEST_HANDLE),
        name(user.name),
        one_line(user.screen_name or user.username or "", _LONGEST_HANDLE),
        _known(user.friends_count, metrics.following_count),
        _known(user.followers_count, metrics.followers_count),
        one_line(user.location or "", _LONGEST_LOCATION),
    )


def _known(*counts: int | None) -> int | None:
    """The first valid count: some lines have -1 for unknown."""
    return next((each for each in counts if each is not None and each >= 0), None)


def _coordinates(point: _Point | None) -> tuple[float, float] | None:
    at = point.coordinates if point is not None else None
    return (at[0], at[1]) if at is not None and len(at) == 2 and _are_degrees(at) else None


def _place_box(place: _Place | None) -> tuple[float, float, float, float] | None:
    """West, south, east, north: v2's own, or the bounds of v1.1's polygon."""
    if place is None:
        return None
    box = place.geo.bbox if place.geo is not None else None
    if box is not None and len(box) == 4 and _are_degrees(box):
        return box[0], box[1], box[2], box[3]
    polygon = place.bounding_box.coordinates if place.bounding_box is not None else None
    corners = [corner for ring in polygon or () for corner in ring if len(corner) == 2 and _are_degrees(corner)]
    if not corners:
        return None
    longitudes, latitudes = zip(*corners, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def _are_degrees(numbers: list[float]) -> bool:
    return all(math.isfinite(each) and abs(each) <= 180 for each in numbers)

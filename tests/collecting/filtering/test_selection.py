"""What is asked for, and which posts are."""

import random

import pytest

from collecting.filtering.selection import PostFilter, Selection
from collecting.source_api import SourceError
from contract.source_address import SourceAddress
from formats.details import Author, Details
from formats.parsed import Parsed


def selection(keys: str) -> Selection:
    return Selection.from_address(SourceAddress.parse(f"x:{keys}"))


def takes(
    keys: str, text: str = "", *, hashtags: tuple[str, ...] = (), lang: str = "und", details: Details | None = None
) -> bool:
    return PostFilter(selection(keys)).takes(Parsed("post", "x", lang=lang, text=text, hashtags=hashtags), details)


@pytest.mark.parametrize(
    ("term", "text", "taken"),
    [
        ("rain", "Rain!", True),
        ("rain", "we had #rain today", True),
        ("rain", "the train", False),
        ("rain", "rainy", False),
        ("heavy%20rain", "Heavy, RAIN fell", True),
        ("heavy%20rain", "rain so heavy", False),
        ("heavy%20rain", "heavy raindrops", False),
        ("snow+rain", "only rain", True),
        ("snow+rain", "only sun", False),
        ("coca-cola", "I like coca cola", True),
        ("straße", "STRASSE 5", True),
        ("ｒａｉｎ", "rain", True),
        ("雨", "今日は雨です", True),
        ("ฝน", "วันนี้ฝนตก", True),
        ("c%2B%2B", "we write c", True),  # signs are no words
        ("rain", "", False),
        ("мир", "Миру мир", True),
    ],
)
def test_a_term_is_a_whole_word_or_a_phrase(term: str, text: str, taken: bool) -> None:
    assert takes(f"terms={term}", text) is taken


def test_a_megabyte_of_combining_marks_is_looked_at_in_no_time() -> None:
    assert not takes("terms=rain", "a" + "\u0301\u0323" * 500_000)


def test_hashtags_are_compared_by_identity_from_the_networks_own_entities() -> None:
    assert takes("hashtags=Straße+rain", "no tag in the text", hashtags=("STRASSE",))
    assert takes("hashtags=%23rain", hashtags=("Rain",))
    assert not takes("hashtags=rain", "#rain is no entity here", hashtags=("rainy",))


def test_a_language_is_meant_with_its_regions() -> None:
    assert takes("langs=EN+de", lang="en-gb")
    assert takes("langs=en+de", lang="de")
    assert not takes("langs=en", lang="eng")
    assert not takes("langs=en", lang="und")
    assert not takes("langs=en-gb", lang="en")


BERLIN = "box=13.0+52.3+13.8+52.7"


@pytest.mark.parametrize(
    ("box", "details", "taken"),
    [
        (BERLIN, Details(coordinates=(13.4, 52.5)), True),
        (BERLIN, Details(coordinates=(2.35, 48.85)), False),
        (BERLIN, Details(place_box=(5.9, 47.3, 15.0, 55.1)), True),  # Germany overlaps it
        (BERLIN, Details(place_box=(-5.1, 41.3, 9.6, 51.1)), False),
        (BERLIN, Details(coordinates=(2.35, 48.85), place_box=(13.0, 52.3, 13.8, 52.7)), False),  # the exact one counts
        (BERLIN, Details(), False),
        (BERLIN, None, False),
        ("box=170+-20+-170+-10", Details(coordinates=(179.0, -15.0)), True),
        ("box=170+-20+-170+-10", Details(coordinates=(-179.0, -15.0)), True),
        ("box=170+-20+-170+-10", Details(coordinates=(0.0, -15.0)), False),
        ("box=-175+-20+-172+-10", Details(place_box=(177.0, -19.0, -178.0, -12.0)), False),
        ("box=-179+-20+-172+-10", Details(place_box=(177.0, -19.0, -178.0, -12.0)), True),
        ("box=0+0+0+0", Details(coordinates=(0.0, 0.0)), True),
    ],
)
def test_a_box_takes_coordinates_inside_and_places_that_overlap(box: str, details: Details, taken: bool) -> None:
    assert takes(box, details=details) is taken


def test_located_wants_an_author_who_gives_a_location() -> None:
    assert takes("located=1", details=Details(author=Author(location="Lagos")))
    assert not takes("located=1", details=Details(author=Author(location=" ")))
    assert not takes("located=1", details=None)
    assert takes("located=0", details=None)


def test_different_keys_must_all_hold() -> None:
    assert takes("terms=rain,langs=en", "rain", lang="en")
    assert not takes("terms=rain,langs=en", "rain", lang="de")
    assert not takes("terms=rain,langs=en", "sun", lang="en")


def test_nothing_asked_for_is_everything() -> None:
    assert selection("url=http://h") == Selection()
    assert selection("").filters == {}


def test_what_a_network_does_itself_is_not_done_again() -> None:
    whole = selection("terms=rain,langs=en,located=1,limit=5")
    assert whole.without(frozenset({"terms", "langs"})) == selection("located=1,limit=5")


def test_a_key_in_the_address_and_beside_it_is_refused() -> None:
    assert selection("limit=5").and_also(Selection(duration_s=3.0)) == selection("limit=5,duration_s=3")
    with pytest.raises(SourceError, match=r"^limit is given twice"):
        selection("limit=5").and_also(Selection(limit=6))


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ("limit=0", "limit=0: Input should be greater"),
        ("limit=-3", "limit=-3"),
        ("limit=1.5", "limit=1.5"),
        ("limit=many", "limit=many"),
        ("limit=", "limit="),
        ("duration_s=0", "duration_s=0"),
        ("duration_s=nan", "duration_s=nan"),
        ("duration_s=inf", "duration_s=inf"),
        ("located=perhaps", "located=perhaps"),
        ("langs=english", "langs=english"),
        ("langs=en++de", "langs=en++de"),
        ("terms=", "holds no word"),
        ("terms=rain+%20", "holds no word"),
        ("terms=%23", "holds no word"),
        ("hashtags=%23", "a hashtag without a name"),
        ("hashtags=a+", "a hashtag without a name"),
        ("box=1+2+3", "expected west+south+east+north"),
        ("box=1+2+3+4+5", "expected west+south+east+north"),
        ("box=1+2+3+x", "box=1+2+3+x"),
        ("box=1+9+2+8", "south first"),
        ("box=-181+0+0+1", "between -180 and 180"),
        ("box=nan+0+0+1", "between -180 and 180"),
        ("box=0+0+0+91", "between -90 and 90"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(keys: str, why: str) -> None:
    with pytest.raises(SourceError) as refusal:
        selection(keys)
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_odd_values_are_a_selection_or_a_source_error_and_nothing_else() -> None:
    chance = random.Random(7)  # noqa: S311
    odd = [
        "",
        "0",
        "1",
        "-1",
        "١",
        "1e9",
        "nan",
        "𝟙",
        "\u202e",
        "%00",
        "%2B",
        "%",
        "%zz",
        "#",
        "＃",
        "a b",
        "éé",
        "{",
        "😀",
    ]
    post = Parsed("post", "x", lang="en", text="a b éé 😀 1 0", hashtags=("éé", "1"))
    outcomes: set[object] = set()
    for _ in range(3000):
        keys = chance.sample(
            ["terms", "hashtags", "langs", "box", "located", "limit", "duration_s"], chance.randint(1, 4)
        )
        text = ",".join(f"{key}={'+'.join(chance.choices(odd, k=chance.choice([1, 1, 2, 4])))}" for key in keys)
        try:
            asked = selection(text)
        except SourceError:
            outcomes.add("refused")
            continue
        outcomes.add(PostFilter(asked).takes(post, Details(coordinates=(0.0, 0.0))))
    assert outcomes == {"refused", True, False}

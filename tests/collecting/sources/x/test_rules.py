"""What is asked for, in X's operators. The fake's tokenizer, which shares no code, reads what was written."""

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collecting.filtering.selection import Selection
from collecting.source_api import SourceError
from collecting.sources.x.policy import Failed
from collecting.sources.x.rules import LONGEST_RULE, keep_in_line, rules_for
from tests.fakes.x_rules import InvalidRule, tokens


def rules(*, place: str | None = None, geo: bool = False, **asked: Any) -> tuple[str, ...]:
    return rules_for(Selection.model_validate(asked), place=place, geo=geo)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (rules(terms=("rain",)), '"rain"'),
        (rules(terms=("rain", "new  york")), '("rain" OR "new york")'),
        (rules(terms=("rain", "rain")), '"rain"'),
        (rules(hashtags=("#snow", "Łódź")), "(#snow OR #Łódź)"),
        (rules(terms=("rain",), hashtags=("snow",), langs=("en", "DE")), '"rain" #snow (lang:en OR lang:de)'),
        (rules(place="New York City", geo=True), 'place:"New York City" has:geo'),
        (rules(terms=("rain",), geo=True), '"rain" has:geo'),
        (rules(box=(13.3, 52.4, 13.5, 52.5)), "bounding_box:[13.3 52.4 13.5 52.5]"),
        (
            rules(box=(179.9, 0.0, -179.9, 0.1)),
            "(bounding_box:[179.9 0 180 0.1] OR bounding_box:[-180 0 -179.9 0.1])",
        ),
    ],
)
def test_says_it_in_operators(made: tuple[str, ...], expected: str) -> None:
    assert made == (expected,)
    assert tokens(expected)


@pytest.mark.parametrize(
    "term",
    [
        "-rain",
        "lang:en OR cats",
        "(rain",
        "rain) OR (a",
        "from:someone",
        "OR",
        "#x has:links",
        "a~2",
        "$a @b url:c",
        "😀 x",
    ],
)
def test_hostile_text_stays_text(term: str) -> None:
    [rule] = rules(terms=(term,), langs=("en",))
    assert tokens(rule) == [("phrase", f'"{term}"'), ("lang", "lang:en")]


@pytest.mark.parametrize("term", ['a" OR "b', "a\\", 'a\\" OR b', "a\0b", "a\x07b", '"', "a\x1bb"])
def test_what_cannot_be_quoted_is_refused(term: str) -> None:
    with pytest.raises((SourceError, ValidationError)):
        rules(terms=(term,))
    with pytest.raises(SourceError):
        rules(place=term)


@pytest.mark.parametrize("tag", ["a b", "a)OR(b", 'a"', "a:b", "a-b", "a#b"])
def test_what_is_no_hashtag_is_refused(tag: str) -> None:
    with pytest.raises(SourceError, match="is not a hashtag"):
        rules(hashtags=(tag,))


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=40))
def test_whatever_the_terms_are_each_is_one_phrase_or_all_are_refused(terms: list[str]) -> None:
    try:
        made = rules(terms=tuple(terms))
    except (SourceError, ValidationError):
        return
    found = [text for rule in made for kind, text in tokens(rule) if kind == "phrase"]
    assert found == [f'"{term}"' for term in dict.fromkeys(" ".join(term.split()) for term in terms)]
    assert {kind for rule in made for kind, _ in tokens(rule)} <= {"phrase", "or", "open", "close"}


@pytest.mark.parametrize("asked", [{}, {"langs": ("en",)}, {"located": True}])
def test_nothing_to_stream_by_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="give terms, hashtags, box or place"):
        rules(**asked, geo=True)


@pytest.mark.parametrize(("terms", "hashtags", "langs"), [(3000, 0, 0), (3000, 0, 60), (500, 70, 3), (30, 400, 0)])
def test_long_lists_are_split_and_every_combination_is_asked_once(terms: int, hashtags: int, langs: int) -> None:
    codes = ["".join(pair) for pair in itertools.product("abcdefgh", repeat=2)][:langs]
    made = rules(
        terms=tuple(f"term {n} 雨☂" for n in range(terms)),
        hashtags=tuple(f"tag{n}" for n in range(hashtags)),
        langs=tuple(codes),
    )
    asked = []
    for rule in made:
        assert len(rule.encode("utf-16-le")) // 2 <= LONGEST_RULE
        found = tokens(rule)
        groups = [[text for kind, text in found if kind == wanted] for wanted in ("phrase", "hashtag", "lang")]
        asked += list(itertools.product(*(group for group in groups if group)))
    assert len(asked) == len(set(asked)) == terms * max(hashtags, 1) * max(langs, 1)
    lengths = sum(map(len, made))
    assert lengths / len(made) > LONGEST_RULE / 3 or len(made) == 1  # not many small ones


@pytest.mark.parametrize(
    "asked",
    [
        {"terms": tuple(f"{'x' * 600} {n}" for n in range(1500))},
        {"terms": tuple(f"term{n}" for n in range(3000)), "hashtags": tuple(f"tag{n}" for n in range(3000))},
        {"terms": ("x" * 1100,)},
        {"terms": ("x" * 600,), "hashtags": ("y" * 600,)},
        {"terms": ("😀" * 515 + "a",)},
        {"box": (-180.0, -90.0, 180.0, 90.0)},
        {"box": (-60.0, -60.0, 60.0, 60.0)},
    ],
)
def test_what_does_not_fit_is_refused_and_says_why(asked: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"rules|characters"):
        rules(**asked)


@pytest.mark.parametrize(
    "box",
    [
        (-10.0, 35.0, 4.0, 44.0),
        (5.0, 47.0, 15.0, 55.0),
        (170.0, -45.0, -175.0, -35.0),
        (1.0, -1.0, 2.0, 1.0),
        (0.0, 70.0, 9.0, 71.0),
    ],
)
def test_a_large_box_becomes_boxes_of_less_than_25_miles_that_cover_it(box: tuple[float, ...]) -> None:
    west, south, east, north = box
    tiles = [
        tuple(map(float, match[1].split()))
        for rule in rules(box=box)
        for match in re.finditer(r"bounding_box:\[([^]]+)\]", rule)
    ]
    area = 0.0
    for w, s, e, n in tiles:
        assert (n - s) * 111.7 / 1.609344 < 25
        assert (e - w) * 111.4 * max(math.cos(math.radians(s)), math.cos(math.radians(n))) / 1.609344 < 25
        assert south - 1e-4 <= s < n <= north + 1e-4
        area += (e - w) * (n - s)
    assert area == pytest.approx((east - west) % 360 * (north - south), rel=1e-3)


def test_the_fakes_tokenizer_refuses_what_x_does() -> None:
    for wrong in ["", "has:geo", "lang:en", "(a", "a)", 'a "b', "x" * 1025, '"a"~2']:
        with pytest.raises(InvalidRule):
            tokens(wrong)


class Answers:
    """The calls of the rules, with answers as they are given."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: object) -> Any:
            self.calls.append(name)
            return self.answers.get(name)

        return call


ONE = {"data": [{"id": "1", "value": "old", "tag": "hashtide:1"}]}


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        (
            Answers(get_rules=ONE, delete_rules={"meta": {"summary": {"deleted": 0, "not_deleted": 1}}}),
            "not remove 1 of 1",
        ),
        (Answers(get_rules={}, add_rules={"meta": {"summary": {"created": 0}}}), "added 0 of 1"),
        (Answers(get_rules={}, add_rules={"errors": [{"title": "DuplicateRule", "value": "a"}]}), "still has the rule"),
    ],
)
def test_what_x_did_not_do_this_time_is_tried_again(answers: Answers, what: str) -> None:
    with pytest.raises(Failed, match=what):
        keep_in_line(answers, ('"rain"',))


def test_stale_rules_go_before_new_ones_come() -> None:
    answers = Answers(get_rules=ONE)
    keep_in_line(answers, ('"rain"',))
    assert answers.calls == ["get_rules", "delete_rules", "add_rules"]


@pytest.mark.parametrize("answer", [None, [], "x", {"data": None}, {"data": [1, None]}, {"data": [{}]}, {"meta": []}])
def test_answers_of_no_known_shape_break_nothing(answer: Any) -> None:
    keep_in_line(Answers(get_rules=answer, add_rules=answer, delete_rules=answer), ('"rain"',))

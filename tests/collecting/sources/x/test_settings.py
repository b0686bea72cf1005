"""What an address of X says."""

from decimal import Decimal

import pytest

from collecting.filtering.selection import Selection
from collecting.source_api import SourceError
from collecting.sources.x.settings import XSettings
from collecting.sources.x.spend import Budget
from contract.source_address import AddressError, SourceAddress
from tests.collecting.sources.reading import open_source


def settings(text: str) -> XSettings:
    address = SourceAddress.parse(text)
    return XSettings.from_address(address.without(Selection.model_fields), Selection.from_address(address))


def test_every_key_is_read() -> None:
    assert settings(
        "x:terms=rain+new%20york,langs=en,geo=1,place=Berlin,url=http://127.0.0.1:81/gate/,proxy=socks5h://127.0.0.1:1080,"
        "silence_s=45.5,budget_day=5,budget_month=60,usd_day=1.50,usd_month=20,usd_per_post=0.01"
    ) == XSettings(
        rules=('("rain" OR "new york") place:"Berlin" lang:en has:geo',),
        name="rain+new york+Berlin",
        url="http://127.0.0.1:81/gate",
        proxy="socks5h://127.0.0.1:1080",
        silence_s=45.5,
        budget=Budget(5, 60, Decimal("1.50"), Decimal(20), Decimal("0.01")),
    )


def test_what_is_not_given_has_its_default() -> None:
    made = settings("x:terms=rain")
    assert made.url.startswith("https://")
    assert made.silence_s == 30
    assert not made.budget.is_limited
    assert made.budget.usd_per_post == Decimal("0.005")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("geo=yes", "geo=yes"),
        ("budget_day=0", "budget_day=0"),
        ("budget_day=-1", "budget_day=-1"),
        ("budget_month=1e3", "budget_month=1e3"),
        ("budget_month=٣", "budget_month"),
        ("usd_day=NaN", "usd_day=NaN"),
        ("usd_day=inf", "usd_day=inf"),
        ("usd_month=0", "usd_month=0"),
        ("usd_month=$5", "usd_month"),
        ("usd_per_post=0", "usd_per_post=0"),
        ("silence_s=0", "silence_s=0"),
        ("silence_s=nan", "silence_s=nan"),
        ("url=ftp://e.example", "url=ftp"),
        ("url=//e.example", "url="),
        ("url=https://e.example:99999", "url="),
        ("url=https://e.example/?a=b", "url="),
        ("proxy=socks9://e.example", "proxy=socks9"),
        ("colour=red", "unknown key 'colour'"),
        ("item", "'item' is not key=value"),
    ],
)
def test_what_is_no_value_is_refused_by_name(keys: str, said: str) -> None:
    with pytest.raises((SourceError, AddressError)) as caught:
        settings(f"x:terms=rain,{keys}")
    assert said in str(caught.value)


@pytest.mark.parametrize("key", ["url", "proxy"])
def test_a_password_in_an_address_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SourceError, match="no name or password in an address") as caught:
        settings(f"x:terms=rain,{key}=http://someone:sesame@e.example")
    assert "sesame" not in str(caught.value)


def test_an_address_is_looked_at_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHTIDE_X_TOKEN_FILE", raising=False)
    assert open_source("x:terms=rain,budget_day=5").source_id.startswith("x-rain-")
    with pytest.raises(SourceError, match="give terms"):
        open_source("x")


def test_the_slug_is_the_question_not_the_way_to_ask_it() -> None:
    first = open_source("x:terms=rain,langs=en").source_id
    assert (
        open_source("x:langs=en,terms=rain,budget_day=5,proxy=http://127.0.0.1:1,limit=3,silence_s=9").source_id
        == first
    )
    others = ["x:terms=rain", "x:terms=rain,langs=de", "x:terms=rain,langs=en,geo=1", "x:terms=snow,langs=en"]
    assert len({open_source(each).source_id for each in others} | {first}) == 5

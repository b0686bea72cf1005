"""How long to wait after which failure: a table, with time and chance as arguments."""

import pytest

from collecting.source_api import SourceError
from collecting.sources.x.policy import Failed, Policy, number, retry_after_s, server_time

NOW = 1_800_000_000.0


def wait(failed: Failed, failures: int = 1, chance: float = 1.0) -> float:
    return Policy().wait_s(failed, failures, NOW, lambda: chance)


def failed(status: int | None = None, **more: float | bool) -> Failed:
    return Failed("why", status=status, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "waits"),
    [
        (failed(), [0.25, 0.5, 1, 2, 4, 8, 16, 16]),
        (failed(500), [5, 10, 20, 40, 80, 160, 320, 320]),
        (failed(503), [5, 10, 20, 40, 80, 160, 320, 320]),
        (failed(409), [5, 10, 20, 40, 80, 160, 320, 320]),
        (failed(429), [60, 120, 240, 480, 900, 900]),
        (failed(420), [60, 120, 240, 480, 900, 900]),
        (failed(429, too_many_connections=True), [10, 20, 40, 80, 160, 300, 300]),
    ],
)
def test_backs_off(what: Failed, waits: list[float]) -> None:
    assert [wait(what, n) for n in range(1, len(waits) + 1)] == waits
    assert [wait(what, n, chance=0) for n in range(1, len(waits) + 1)] == [each / 2 for each in waits]
    assert wait(what, 10_000) == waits[-1]


@pytest.mark.parametrize("status", [420, 429])
@pytest.mark.parametrize(
    ("headers", "at_least"),
    [
        ({"reset_at": NOW + 100}, 100),
        ({"retry_after_s": 30}, 30),
        ({"reset_at": NOW + 100, "retry_after_s": 30}, 100),
        ({"reset_at": NOW + 10, "retry_after_s": 30}, 30),
        ({"reset_at": NOW + 3700, "server_time": NOW + 3600}, 100),  # our clock is an hour behind
        ({"reset_at": NOW - 3500, "server_time": NOW - 3600}, 100),  # ahead
        ({"reset_at": NOW + 10**9}, 960),
        ({"retry_after_s": 10**9}, 960),
        ({"reset_at": NOW - 5}, 30),  # over already: as without the header
    ],
)
def test_waits_as_the_headers_say_bounded_and_never_less(
    status: int, headers: dict[str, float], at_least: float
) -> None:
    assert wait(failed(status, **headers), chance=0) == at_least
    assert at_least < wait(failed(status, **headers), chance=1) <= max(at_least * 1.05, 60)


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 407, 410, 422])
def test_what_a_person_has_to_mend_ends_it(status: int) -> None:
    with pytest.raises(SourceError, match=rf"\({status}\): why"):
        wait(failed(status))


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        (3600.0, "this machine's clock is 3600 s behind the server's"),
        (-3600.0, "this machine's clock is 3600 s ahead of the server's"),
        (12.0, "the clocks agree (+12 s), so it is the token"),
        (None, "could not be compared"),
    ],
)
def test_at_401_names_the_clocks_difference(ahead_s: float | None, said: str) -> None:
    answer = Failed("why", status=401, server_time=None if ahead_s is None else NOW + ahead_s)
    with pytest.raises(SourceError) as caught:
        wait(answer)
    assert said in str(caught.value)


def test_reads_headers_as_rfc_9110_has_them() -> None:
    assert server_time("Fri, 15 Jan 2027 08:00:00 GMT") == NOW
    assert server_time(None) is server_time("") is server_time("yesterday") is None
    assert retry_after_s("120", NOW) == 120
    assert retry_after_s("Fri, 15 Jan 2027 08:00:10 GMT", NOW) == 10
    assert retry_after_s("Fri, 15 Jan 2027 07:00:00 GMT", NOW) == 0
    assert retry_after_s(None, NOW) is retry_after_s("soon", NOW) is None
    assert number("1800000000") == NOW
    assert number(None) is number("") is number("-1") is number("nan") is number("9" * 400) is number("٣") is None

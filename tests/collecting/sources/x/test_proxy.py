"""X through a proxy: HTTP and SOCKS5, real ones on loopback."""

from pathlib import Path

import pytest

from tests.collecting.sources.x.x_reading import CANARY, Reading, give_token, make
from tests.fakes.proxies import HttpProxy, Socks5Proxy
from tests.fakes.x_server import FakeX


@pytest.fixture(autouse=True)
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "HASHTIDE_SPEND_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    give_token(tmp_path, monkeypatch)


@pytest.mark.parametrize("proxy", [HttpProxy, Socks5Proxy])
def test_rules_and_stream_go_through_the_proxy(proxy: type[HttpProxy] | type[Socks5Proxy]) -> None:
    with FakeX(token=CANARY, keep_alive_s=0.1) as x, proxy() as through:
        with Reading(make(x, more=f",proxy={through.url}")) as reading:
            x.wait_for_connection()
            x.feed(b'{"data":{"id":"1"}}')
            reading.wait_for_lines(1)
            x.disconnect()
            x.wait_for_connection(after=1)
            x.feed(b'{"data":{"id":"2"}}', pieces=[5])
            reading.wait_for_lines(2)
            assert reading.end() < 1
        port = int(x.url.rsplit(":", 1)[1])
        assert {(host, to) for _, host, to in through.asked} == {("127.0.0.1", port)}
        assert len(through.asked) >= 2
    assert reading.raw == [b'{"data":{"id":"1"}}', b'{"data":{"id":"2"}}']
    assert len(reading.gaps) == 1


def test_the_proxy_in_the_environment_gives_way_to_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeX(token=CANARY) as x, HttpProxy() as ours, HttpProxy() as theirs:
        monkeypatch.setenv("http_proxy", theirs.url)
        with Reading(make(x, more=f",proxy={ours.url}")):
            x.wait_for_connection()
        assert ours.asked
        assert not theirs.asked


def test_a_proxy_that_is_not_there_holds_it_up_and_says_so() -> None:
    with HttpProxy() as gone:
        address = gone.url
    with FakeX(token=CANARY) as x:
        with Reading(make(x, more=f",proxy={address}")) as reading:
            reading.until(lambda: "refused" in str(reading.source.last_error), "in trouble")
        assert x.requests == []

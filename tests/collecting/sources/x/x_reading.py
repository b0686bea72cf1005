"""Reads a source of X in a thread, as the collector does, with waits that a test can bear."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, Gap, Item, Line
from collecting.sources.x.policy import Policy
from collecting.sources.x.source import Timing, XSource
from contract.backoff import Backoff
from contract.source_address import SourceAddress
from tests.fakes.x_server import FakeX

CANARY = "canary-AAAA%2Fbbbb"
QUICK = Policy(Backoff(0.02, 0.2), Backoff(0.05, 0.2), Backoff(0.05, 0.2), Backoff(0.05, 0.2))


def give_token(folder: Path, monkeypatch: pytest.MonkeyPatch, token: str = CANARY) -> Path:
    path = folder / "x.token"
    path.write_text(f"{token}\n")
    path.chmod(0o400)
    monkeypatch.setenv("HASHTIDE_X_TOKEN_FILE", str(path))
    return path


def make(
    x: FakeX,
    *,
    more: str = "",
    policy: Policy = QUICK,
    stable_s: float = 0.05,
    gap_every_s: float = 3600,
    **clock: object,
) -> XSource:
    silence = "" if "silence_s" in more else ",silence_s=1"
    address = SourceAddress.parse(f"x:terms=rain,url={x.url}{silence}{more}")
    own = address.without(Selection.model_fields)
    made = XSource.from_address(own, Selection.from_address(address))
    timing = Timing(policy, stable_s=stable_s, gap_every_s=gap_every_s)
    return XSource(made._settings, timing=timing, **clock)  # type: ignore[arg-type]


class Reading:
    """What a source has yielded so far, and how it ended."""

    def __init__(self, source: XSource, after: str | None = None) -> None:
        self.source = source
        self.items: list[Item] = []
        self.error: Exception | None = None
        self._after = after
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for item in self.source.read(self._after, self._stop):
                self.items.append(item)
        except Exception as error:
            self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> float:
        """Stops it; how long that took."""
        self._stop.set()
        begin = time.monotonic()
        self.join()
        return time.monotonic() - begin

    def join(self) -> None:
        """Waits until it ends by itself."""
        self._thread.join(20)
        assert not self._thread.is_alive()

    def until(self, done: Callable[[], bool], what: str, within_s: float = 20) -> None:
        deadline = time.monotonic() + within_s
        while not done():
            assert time.monotonic() < deadline, f"not {what}: {self.items[-5:]}, {self.error}, {self.source.last_error}"
            time.sleep(0.005)

    def wait_for_lines(self, count: int) -> None:
        self.until(lambda: len(self.raw) >= count, f"{count} lines")

    @property
    def raw(self) -> list[bytes]:
        return [item.raw for item in list(self.items) if isinstance(item, Line)]

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in list(self.items) if isinstance(item, Gap)]

    @property
    def passed(self) -> list[CursorOnly]:
        return [item for item in list(self.items) if isinstance(item, CursorOnly)]

    @property
    def cursors(self) -> list[str]:
        return [item.cursor for item in list(self.items)]

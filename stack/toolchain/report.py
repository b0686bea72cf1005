"""Progress of fetching the toolchain: the protocol, the errors, and a display without libraries."""

import sys
import time
from typing import Protocol, TextIO

MEGABYTE = 1_000_000
PLAIN_INTERVAL_S = 10.0
LIVE_INTERVAL_S = 0.1
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class ToolchainError(Exception):
    """The toolchain is incomplete; the message is one line that says why and what to do."""


class UnreachableError(ToolchainError):
    """No registry answers; a retry may succeed."""


class Report(Protocol):
    """The display of progress; one step after the other."""

    def started(self, step: str, total_bytes: int | None = None) -> None:
        """A step begins; `total_bytes` is the size of a download, if known."""

    def advanced(self, step: str, by_bytes: int) -> None:
        """More bytes have arrived."""

    def done(self, step: str, detail: str = "") -> None:
        """The step is done; `detail` is short, such as `Java 17.0.15` or `already there`."""


class LineReport:
    """Displays steps with the standard library only, before the venv exists.

    On a terminal one line is redrawn; elsewhere (CI, a file) a line is printed at most every ten seconds.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._note = ""
        self._bytes = 0
        self._total: int | None = None
        self._started_at = self._drawn_at = time.monotonic()

    def started(self, step: str, total_bytes: int | None = None) -> None:
        """A step begins."""
        self._note, self._bytes, self._total = "", 0, total_bytes
        self._started_at = time.monotonic()
        self._drawn_at = self._started_at - LIVE_INTERVAL_S if self._live else self._started_at
        if not self._live:
            print(f"… {step}", file=self._out, flush=True)
        self.ticked(step)

    def advanced(self, step: str, by_bytes: int) -> None:
        """More bytes have arrived."""
        self._bytes += by_bytes
        self.ticked(step)

    def noted(self, step: str, note: str) -> None:
        """A detail to show while the step runs."""
        self._note = note
        self.ticked(step)

    def ticked(self, step: str) -> None:
        """Redraws the line if it is time to."""
        now = time.monotonic()
        if now - self._drawn_at < (LIVE_INTERVAL_S if self._live else PLAIN_INTERVAL_S):
            return
        self._drawn_at = now
        seconds = now - self._started_at
        line = " · ".join(part for part in (step, self._amount(), self._note, f"{seconds:.0f} s") if part)
        if self._live:
            sign = SPINNER[int(seconds * 10) % len(SPINNER)]
            self._out.write(f"\r\x1b[2K{sign} {line[:110]}")
        else:
            self._out.write(f"… {line}\n")
        self._out.flush()

    def done(self, step: str, detail: str = "") -> None:
        """The step is done."""
        seconds = time.monotonic() - self._started_at
        clear = "\r\x1b[2K" if self._live else ""
        line = (
            f"✓ {step:<28} {seconds:6.1f} s  {detail}".rstrip()
        )  # as stack.observe.progress writes it, once there is rich
        print(f"{clear}{line}", file=self._out, flush=True)

    def broke_off(self) -> None:
        """Clears the live line, so that the next output starts on a line of its own."""
        if self._live:
            self._out.write("\r\x1b[2K")
            self._out.flush()

    def _amount(self) -> str:
        if self._total is None:
            return ""
        return f"{self._bytes / MEGABYTE:.0f} of {self._total / MEGABYTE:.0f} MB"

"""Shows each step, its state and its seconds: live on a terminal, elsewhere one line per finished step."""

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text


class _Seconds(ProgressColumn):
    """Seconds since the step began."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.elapsed or 0:6.1f} s", style="cyan")


class _Bar(ProgressColumn):
    """A bar and the bytes, for downloads of a known size; the detail for other steps."""

    def __init__(self) -> None:
        self._bar = BarColumn(bar_width=24)
        self._bytes = DownloadColumn()
        super().__init__()

    def render(self, task: Task) -> Text:
        if not task.fields.get("downloads"):
            return Text(str(task.fields.get("detail", "")), style="dim")
        text = self._bytes.render(task)
        share = 0 if not task.total else int(24 * task.completed / task.total)
        return Text("━" * share, style="green") + Text("━" * (24 - share), style="dim") + Text(" ") + text


class Steps:
    """Steps that run one after the other or at once; safe to use from threads.

    It is the `Report` of `stack.toolchain`, with `detail` and `say`.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._tasks: dict[str, TaskID] = {}
        self._live = (
            Progress(
                SpinnerColumn(),
                TextColumn("{task.description:<28}"),
                _Seconds(),
                _Bar(),
                console=console,
            )
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def started(self, step: str, total_bytes: int | None = None) -> None:
        """A step begins; `total_bytes` is given where it downloads a known amount."""
        with self._lock:
            self._begun[step] = time.monotonic()
            if self._live:
                self._tasks[step] = self._live.add_task(step, total=total_bytes, downloads=total_bytes is not None)

    def advanced(self, step: str, by_bytes: int) -> None:
        """More bytes have arrived."""
        with self._lock:
            if self._live and step in self._tasks:
                self._live.advance(self._tasks[step], by_bytes)

    def detail(self, step: str, text: str) -> None:
        """Where a running step is; only shown live."""
        with self._lock:
            if self._live and step in self._tasks:
                self._live.update(self._tasks[step], detail=text)

    def done(self, step: str, detail: str = "") -> None:
        """The step is over; `detail` is short, such as a version or `already there`."""
        with self._lock:
            seconds = time.monotonic() - self._begun.pop(step, time.monotonic())
            if self._live and step in self._tasks:
                self._live.remove_task(self._tasks.pop(step))
            # Above the running steps, in the order in which they end; the same line on a terminal and in a file.
            line = Text.assemble(("✓ ", "green"), f"{step:<28} ", (f"{seconds:6.1f} s", "cyan"), ("  " + detail, "dim"))
            line.rstrip()
            self.console.print(line, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """A line that stays, above the steps."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def quiet() -> Steps:
    """Steps that nobody sees, for commands that only read."""
    return Steps(Console(quiet=True))

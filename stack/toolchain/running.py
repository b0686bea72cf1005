"""Runs installers (pip, uv) with a time limit, and explains their failures."""

import os
import re
import selectors
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.toolchain.report import ToolchainError, UnreachableError

TIME_LIMIT_S = 3600.0
TAIL_LINES = 60
SECONDS_TO_END = 5.0

UNREACHABLE = re.compile(
    r"error sending request|dns error|failed to lookup|name resolution|name or service not known|connection refused|"
    r"connection reset|timed? ?out|network is unreachable|no route to host|max retries exceeded|"
    r"newconnectionerror|proxyerror|tunnel|certificate|handshake|no matching distribution|"
    r"status code 5\d\d|http status server error",
    re.IGNORECASE,
)
NO_SPACE = re.compile(r"no space left on device|disk quota exceeded|os error 28", re.IGNORECASE)
WRONG_DIGEST = re.compile(r"hash mismatch|hashes? .*(do|does) not match|do not match the hashes", re.IGNORECASE)


def _ignore(_line: str) -> None:
    """For callers that need only the tail."""


@dataclass(frozen=True)
class Outcome:
    """A program's exit status and its last lines of output, both streams together."""

    status: int
    tail: list[str]


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    on_line: Callable[[str], None] = _ignore,
    on_tick: Callable[[], None] = lambda: None,
    keep_open: Sequence[int] = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Outcome:
    """Runs `command` to its end.

    Args:
        command: program and arguments.
        env: its complete environment.
        on_line: called with each line.
        on_tick: called several times a second.
        keep_open: descriptors that it inherits, such as the lock's.
        time_limit_s: it is ended after this time.

    Raises:
        ToolchainError: it can't be started, or does not end in time.
    """
    try:
        child = subprocess.Popen(
            [str(part) for part in command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(keep_open),
        )
    except OSError as error:
        raise ToolchainError(f"{command[0]} can't be started: {error}") from error
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    give_up_at = time.monotonic() + time_limit_s
    try:
        for line in _lines(child, on_tick, give_up_at):
            tail.append(line)
            on_line(line)
        status = child.wait(max(1.0, give_up_at - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"{Path(command[0]).name} has not ended within {time_limit_s:.0f} s; try again") from None
    finally:
        _end(child)
    return Outcome(status, list(tail))


def explain(what: str, outcome: Outcome, needed: str) -> ToolchainError:
    """The error that says why `what` failed and what to do; `needed` says how much disk it takes."""
    text = "\n".join(outcome.tail)
    if NO_SPACE.search(text):
        return ToolchainError(f"{what}: the disk is full; {needed}")
    if WRONG_DIGEST.search(text):
        return ToolchainError(f"{what}: a file differs from the lock's digest: {_telling(outcome.tail, WRONG_DIGEST)}")
    if UNREACHABLE.search(text):
        return UnreachableError(
            f"{what}: no package registry answers ({_telling(outcome.tail, UNREACHABLE)}); check the network, "
            "https_proxy, SSL_CERT_FILE, or a mirror in UV_DEFAULT_INDEX, then try again"
        )
    last = " / ".join(line.strip() for line in outcome.tail[-4:] if line.strip()) or "no output"
    return ToolchainError(f"{what}: failed with status {outcome.status}: {last}")


def _telling(lines: Sequence[str], pattern: re.Pattern[str]) -> str:
    telling = next((line.strip() for line in reversed(lines) if pattern.search(line)), "")
    return telling if len(telling) <= 200 else telling[:199] + "…"


def _lines(child: "subprocess.Popen[bytes]", on_tick: Callable[[], None], give_up_at: float) -> Iterator[str]:
    assert child.stdout is not None  # noqa: S101 - we asked for the pipe
    descriptor, rest = child.stdout.fileno(), b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            on_tick()
            if time.monotonic() > give_up_at:
                raise subprocess.TimeoutExpired(child.args, 0)
            if not selector.select(timeout=0.2):
                continue
            read = os.read(descriptor, 65536)
            *whole, rest = (rest + read).split(b"\n")
            if not read and rest:
                whole.append(rest)
            yield from (line.decode(errors="replace").rstrip() for line in whole)
            if not read:
                return


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(SECONDS_TO_END)
    if child.stdout is not None:
        child.stdout.close()

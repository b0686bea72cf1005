"""From a fresh clone to an environment that can run `stack.commands.cli`, with the standard library only.

The environment is `PARTS/venv`, created by uv from the hashed lock. Its `.stamp` says what it was created from and is
written last: a venv without a stamp is incomplete and is recreated, one with an older lock is updated.
"""

import json
import os
import shutil
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stack.toolchain import LineReport, ToolchainError, default_dir, locking, require_disk, stamps, uv
from stack.toolchain.disk_space import unwritable

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = CHECKOUT / "requirements.lock"
TEST_LOCK = CHECKOUT / "tests" / "requirements.lock"
STEP = "Python packages"
UPDATE_BYTES = 1_000_000_000
INTERRUPTED = 130


@dataclass(frozen=True)
class Stamp:
    """What a venv was created from.

    Attributes:
        lock: digest of requirements.lock.
        python: the interpreter behind the venv's links; a system upgrade changes it, and the venv with it.
        venv: its path, which its scripts contain.
        tests: digest of the tests' lock; empty if only the product is installed.
    """

    lock: str
    python: str
    venv: str
    tests: str = ""

    @classmethod
    def read(cls, venv: Path) -> "Stamp | None":
        """The stamp of `venv`; None if it is missing or invalid."""
        try:
            return cls(**json.loads((venv / ".stamp").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self) -> None:
        """Writes the stamp into its venv, which is complete."""
        stamps.write(Path(self.venv) / ".stamp", json.dumps(asdict(self)))


def main(args: list[str]) -> NoReturn:
    """Ensures the environment, then execs `python -m stack.commands.cli ARGS` in the same folder.

    Exit status 1 after an error, which is one line; 130 when interrupted.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    report = LineReport()
    try:
        python = ensure_environment(default_dir(), report)
    except ToolchainError as error:
        report.broke_off()
        sys.exit(f"hashtide: {error}")
    except OSError as error:  # a full disk, a read-only folder
        report.broke_off()
        sys.exit(f"hashtide: {unwritable(default_dir(), error)}")
    except KeyboardInterrupt:
        report.broke_off()
        sys.stderr.write("hashtide: interrupted; the same command continues from here\n")
        sys.exit(INTERRUPTED)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # -P: a typing.py in the user's folder must not be imported.
    command = [str(python), "-P", "-m", "stack.commands.cli", *args]
    os.execve(python, command, command_environment(default_dir()))  # noqa: S606 - no shell is wanted


def command_environment(parts_dir: Path) -> dict[str, str]:
    """The environment variables for everything that runs in the venv: only our modules are importable."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "VIRTUAL_ENV")}
    return env | {"PYTHONPATH": str(CHECKOUT), "HASHTIDE_PARTS": str(parts_dir)}


def ensure_environment(parts_dir: Path, report: LineReport, *, with_tests: bool = False) -> Path:
    """The interpreter of a venv that contains exactly the lock's packages; creates or updates the venv if necessary.

    Args:
        parts_dir: the toolchain's folder.
        report: where progress is drawn.
        with_tests: whether pytest, ruff, mypy and the like must be in it too.

    Raises:
        ToolchainError: it can't be created; the message says what to do.
    """
    venv = parts_dir / "venv"
    if _is_right(venv, with_tests):
        return venv / "bin" / "python"

    with locking.held(parts_dir / ".lock", report) as lock:
        if not _is_right(venv, with_tests):  # else the launcher that we waited for has created it
            _make(venv, uv.Uv(parts_dir, lock), report, with_tests=with_tests)
    return venv / "bin" / "python"


def _is_right(venv: Path, with_tests: bool) -> bool:
    stamp = Stamp.read(venv)
    if stamp is None or stamp != _expected(venv, tests=stamp.tests):
        return False
    return not with_tests or stamp.tests == uv.digest(TEST_LOCK)


def _expected(venv: Path, tests: str) -> Stamp:
    python = venv / "bin" / "python"
    return Stamp(uv.digest(LOCK), os.path.realpath(python), str(venv), tests)


def _make(venv: Path, installer: uv.Uv, report: LineReport, *, with_tests: bool) -> None:
    stamp = Stamp.read(venv)
    usable = stamp is not None and stamp == Stamp(
        stamp.lock, os.path.realpath(venv / "bin" / "python"), str(venv), stamp.tests
    )
    if stamp is None and venv.exists() and not _is_ours(venv):
        raise ToolchainError(
            f"{venv} was not created by hashtide; move it away, or set HASHTIDE_PARTS to another folder"
        )
    require_disk(venv.parent, UPDATE_BYTES if usable else uv.NEEDED_BYTES, "the Python environment")
    report.started(STEP)

    def note(text: str) -> None:
        report.noted(STEP, text)

    installer.ensure(note)
    (venv / ".stamp").unlink(missing_ok=True)
    if not usable:
        shutil.rmtree(venv, ignore_errors=True)
        installer("making the venv", ["venv", "--no-project", "--python", sys.executable, venv], note)
    with_tests = with_tests or bool(stamp and stamp.tests)  # an update keeps the tests' packages
    locks = [LOCK, TEST_LOCK] if with_tests else [LOCK]
    options: list[str | Path] = ["--require-hashes", "--require-build-hashes", "--python", venv / "bin" / "python"]
    installer("installing the Python packages", ["pip", "sync", *options, *locks], note)
    _expected(venv, tests=uv.digest(TEST_LOCK) if with_tests else "").write()
    installer.forget_cache()
    report.done(STEP)


def _is_ours(venv: Path) -> bool:
    """Whether an incomplete venv may be removed: uv created it, beside our own uv."""
    settings = venv / "pyvenv.cfg"
    return (venv.parent / "uv").is_dir() and (not settings.is_file() or "uv = " in settings.read_text())


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt

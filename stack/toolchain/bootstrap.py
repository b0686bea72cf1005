"""From a fresh clone to an environment that can run `stack.commands.cli`, with the standard library only.

The environment is `PARTS/venv`, made by uv from the hashed lock. `.stamp` in it says what it was made from and is
written last: a venv without a stamp was interrupted and is made anew, one with an older lock's is brought up to date.
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

from contract.files import write_atomically
from stack.toolchain import LineReport, ToolchainError, default_dir, locking, require_disk, uv
from stack.toolchain.disk_space import unwritable

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK = CHECKOUT / "requirements.lock"
TEST_LOCK = CHECKOUT / "tests" / "requirements.lock"
STEP = "Python packages"
UPDATE_BYTES = 1_000_000_000
INTERRUPTED = 130


@dataclass(frozen=True)
class Stamp:
    """What a venv was made from.

    Attributes:
        lock: digest of requirements.lock.
        python: the interpreter behind the venv's links: a system upgrade changes it, and the venv with it.
        venv: its place, which stands in its scripts.
        tests: digest of the tests' lock, empty where only the product is installed.
    """

    lock: str
    python: str
    venv: str
    tests: str = ""

    @classmethod
    def read(cls, venv: Path) -> "Stamp | None":
        """The stamp of `venv`; None where there is none, or none that can be understood."""
        try:
            return cls(**json.loads((venv / ".stamp").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self) -> None:
        """Puts the stamp in its venv, in one step."""
        write_atomically(Path(self.venv) / ".stamp", json.dumps(asdict(self)))


def main(args: list[str]) -> NoReturn:
    """Makes sure of the environment, then becomes `python -m stack.commands.cli ARGS`, in the same folder.

    Exit status 1 after an error, told in one line; 130 when interrupted.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    report = LineReport()
    try:
        python = ensure_environment(default_dir(), report)
    except ToolchainError as error:
        report.broke_off()
        sys.exit(f"hashtide: {error}")
    except OSError as error:  # a full disk, a folder that is not ours to write
        report.broke_off()
        sys.exit(f"hashtide: {unwritable(default_dir(), error)}")
    except KeyboardInterrupt:
        report.broke_off()
        sys.stderr.write("hashtide: stopped; the same command goes on from here\n")
        sys.exit(INTERRUPTED)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # -P: a file typing.py in the user's folder must not become ours.
    command = [str(python), "-P", "-m", "stack.commands.cli", *args]
    os.execve(python, command, command_environment(default_dir()))  # noqa: S606 - no shell is wanted


def command_environment(parts_dir: Path) -> dict[str, str]:
    """The environment for everything that runs in the venv: our modules and no one else's."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "VIRTUAL_ENV")}
    return env | {"PYTHONPATH": str(CHECKOUT), "HASHTIDE_PARTS": str(parts_dir)}


def ensure_environment(parts_dir: Path, report: LineReport, *, with_tests: bool = False) -> Path:
    """The interpreter of a venv that holds exactly what the lock says; makes or updates it only where it doesn't.

    Args:
        parts_dir: the folder of the parts.
        report: where progress is drawn.
        with_tests: whether pytest, ruff, mypy and their like have to be in it too.

    Raises:
        ToolchainError: it can't be made; the message says what to do.
    """
    venv = parts_dir / "venv"
    if _is_right(venv, with_tests):
        return venv / "bin" / "python"

    with locking.held(parts_dir / ".lock", report) as lock:
        if not _is_right(venv, with_tests):  # else the launcher that we waited for has made it
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
        raise ToolchainError(f"{venv} was not made by hashtide; move it away, or set HASHTIDE_PARTS to another folder")
    require_disk(venv.parent, UPDATE_BYTES if usable else uv.NEEDED_BYTES, "the Python environment")
    report.started(STEP)

    def note(told: str) -> None:
        report.noted(STEP, told)

    installer.ensure(note)
    (venv / ".stamp").unlink(missing_ok=True)
    if not usable:
        shutil.rmtree(venv, ignore_errors=True)
        installer("making the venv", ["venv", "--no-project", "--python", sys.executable, venv], note)
    with_tests = with_tests or bool(stamp and stamp.tests)  # an update keeps what is in it
    locks = [LOCK, TEST_LOCK] if with_tests else [LOCK]
    options: list[str | Path] = ["--require-hashes", "--require-build-hashes", "--python", venv / "bin" / "python"]
    installer("installing the Python packages", ["pip", "sync", *options, *locks], note)
    _expected(venv, tests=uv.digest(TEST_LOCK) if with_tests else "").write()
    installer.forget_cache()
    report.done(STEP)


def _is_ours(venv: Path) -> bool:
    """Whether an unfinished venv may be removed: uv's mark is in it and it stands among our own parts."""
    settings = venv / "pyvenv.cfg"
    return (venv.parent / "uv").is_dir() and (not settings.is_file() or "uv = " in settings.read_text())


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt

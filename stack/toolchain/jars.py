"""The daemons' jars: an explicit list of coordinates, each checked by its SHA-256 before it has its name."""

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
"""Kafka Connect: what only tests need."""
FOLDERS = ("connect", "connector", "hadoop", "kafka")


class WrongDigestError(ToolchainError):
    """A fetched jar is not the one that the list means."""


class StoppedError(ToolchainError):
    """A batch was ended because another one failed."""


@dataclass(frozen=True)
class Jar:
    """One line of the list: where it goes, its Maven coordinates, what it must be."""

    folder: str
    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """As Maven names it: artifact-version[-classifier].jar."""
        return "-".join(part for part in (self.artifact, self.version, self.classifier) if part) + ".jar"

    @property
    def path(self) -> Path:
        """Where it is below the jars' folder."""
        return Path(self.folder) / self.file_name

    def __str__(self) -> str:
        return ":".join(part for part in (self.group, self.artifact, self.version, self.classifier) if part)


def read_lock(path: Path = LOCK) -> list[Jar]:
    """The list, in its order.

    Raises:
        ToolchainError: a line does not hold what it should, or two lines name the same file.
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
    """Whether the file is there, whole, and the one that the list means."""
    return path.is_file() and path.stat().st_size == jar.size_bytes and sha256_of(path) == jar.sha256


def missing(jars: Sequence[Jar], root: Path) -> list[Jar]:
    """Those that are not at their place below `root`, or are there with other bytes. 164 MB take 0.2 s."""
    with ThreadPoolExecutor(4) as pool:
        right = pool.map(lambda jar: is_right(jar, root / jar.path), jars)
        return [jar for jar, is_there in zip(jars, right, strict=True) if not is_there]


def remove_unlisted(jars: Sequence[Jar], root: Path) -> None:
    """Removes jars of an older list from the list's folders: the daemons' class paths take a folder whole."""
    listed = {root / jar.path for jar in jars}
    for folder in sorted({jar.folder for jar in jars}):
        for path in (root / folder).glob("*.jar"):
            if path not in listed:
                path.unlink()


def accept(jar: Jar, fetched: Path, root: Path) -> None:
    """Gives a fetched file its place, if it is the right one.

    Raises:
        WrongDigestError: names the jar.
    """
    digest = sha256_of(fetched)
    if digest != jar.sha256:
        raise WrongDigestError(
            f"{jar} has the wrong digest: SHA-256 {digest[:16]}…, the list says {jar.sha256[:16]}…; "
            "nothing of it is kept. Try again; if it stays so, the registry or a mirror serves another file"
        )
    target = root / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    fetched.replace(target)


def fetch_all(
    wanted: Sequence[Jar],
    root: Path,
    fetch_batch: Callable[[int, Sequence[Jar], threading.Event], Path],
    batches: Sequence[Sequence[Jar]],
) -> None:
    """Fetches `wanted`, several batches at a time, and gives each its place below `root`.

    Args:
        wanted: the jars to fetch.
        root: the jars' folder.
        fetch_batch: brings the jars of a batch into a folder, under their file names; ends once the event is set.
        batches: how the whole list is divided. The same at each start, so that a batch finds what it had begun.

    Raises:
        ToolchainError: the first error of any batch; the others are ended.
    """
    stop = threading.Event()
    needed = set(wanted)

    def bring(number: int) -> None:
        mine = [jar for jar in batches[number] if jar in needed]
        if not mine or stop.is_set():
            return
        try:
            folder = fetch_batch(number, mine, stop)
            for jar in mine:
                accept(jar, folder / jar.file_name, root)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(4) as pool:
        try:
            running = [pool.submit(bring, number) for number in range(len(batches))]
            errors = [error for task in running if (error := task.exception())]
        except BaseException:  # Ctrl-C: the pool would otherwise wait for its batches
            stop.set()
            raise
    if errors:
        raise next((error for error in errors if not isinstance(error, StoppedError)), errors[0])


def divide(jars: Sequence[Jar], size: int = 48) -> list[list[Jar]]:
    """Batches of at most `size` jars of one folder: within a folder no module comes in two versions."""
    of_folder = {folder: [jar for jar in jars if jar.folder == folder] for folder in FOLDERS}
    return [some[at : at + size] for some in of_folder.values() for at in range(0, len(some), size)]

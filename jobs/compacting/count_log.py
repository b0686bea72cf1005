"""The count log in HDFS (or a folder): the list of batches, and their bytes."""

from collections.abc import Callable
from typing import Any, TypeVar

import fsspec
import msgspec

from compacting.errors import CountLogUnavailableError, MalformedBatchError, MissingBatchError
from contract.hadoop_access import ANONYMOUS, Access
from contract.manifest import Manifest, ManifestError, decode
from contract.names import MANIFEST, batch_folder, batch_of_folder, generation_folder

Answer = TypeVar("Answer")


class CountLogReader:
    """Batches of one generation. A batch's folder appears complete, by a rename, and never changes."""

    def __init__(self, url: str, generation: int, access: Access = ANONYMOUS) -> None:
        """Opens the file system; nothing is read yet.

        Args:
            url: the folder that holds `generation=G`: `webhdfs://host:port[,host:port]/path`, `swebhdfs://…` over TLS,
                or as fsspec knows it, `file:///path`.
            generation: the generation to read.
            access: how to authenticate to WebHDFS.

        Raises:
            ValueError: the URL's scheme is unknown, or it is malformed.
        """
        self.generation = generation
        self._fs, root = _file_system(url.rstrip("/"), access)
        self._folder = f"{root}/{generation_folder(generation)}"

    def batches(self) -> list[int]:
        """Ids of the committed batches that still exist, ascending; empty if the generation has none yet.

        Raises:
            CountLogUnavailableError: no answer.
        """
        try:
            names = self._ask(lambda: self._fs.ls(self._folder, detail=False))
        except FileNotFoundError:
            return []
        found = (batch_of_folder(name.rstrip("/").rpartition("/")[2]) for name in names)
        return sorted(batch_id for batch_id in found if batch_id is not None)

    def manifest(self, batch_id: int) -> tuple[Manifest, dict[str, Any]]:
        """A batch's checked manifest, and its JSON object, which the ledger keeps.

        Raises:
            MalformedBatchError: the file is missing, not a manifest of this batch, or its sums are wrong.
            CountLogUnavailableError: no answer.
        """
        raw = self._bytes(batch_id, MANIFEST)
        try:
            return decode(raw, self.generation, batch_id), msgspec.json.decode(raw, type=dict[str, Any])
        except ManifestError as error:
            raise MalformedBatchError(str(error)) from error

    def files(self, manifest: Manifest) -> list[tuple[str, bytes]]:
        """The batch's Parquet files: name and bytes, in the manifest's order.

        The manifest says what belongs to the batch. Another file in its folder was left by a task that outlived its
        batch, and is nothing to us.

        Raises:
            MalformedBatchError: one of them is missing.
            CountLogUnavailableError: no answer.
        """
        return [(file.name, self._bytes(manifest.batch_id, file.name)) for file in manifest.files]

    def remove(self, batch_id: int) -> None:
        """Removes a batch's folder. After a crash midway the next run removes the rest.

        Raises:
            CountLogUnavailableError: no answer.
        """
        self._ask(lambda: self._fs.rm(self._path(batch_id), recursive=True))

    def _path(self, batch_id: int) -> str:
        return f"{self._folder}/{batch_folder(batch_id)}"

    def _bytes(self, batch_id: int, name: str) -> bytes:
        path = f"{self._path(batch_id)}/{name}"
        try:
            return self._ask(lambda: bytes(self._fs.cat_file(path)))
        except FileNotFoundError as error:
            raise MalformedBatchError(f"{path} is missing") from error

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        """Calls the file system; anything but a clear answer is a `CountLogUnavailableError`."""
        try:
            return question()
        except FileNotFoundError:
            raise
        # fsspec's WebHDFS raises RuntimeError for failures of the NameNode; requests' errors are OSErrors.
        except (OSError, RuntimeError) as error:
            raise CountLogUnavailableError(f"{self._folder}: {error}") from error


def new_batches(committed: list[int], last: int | None) -> range:
    """The batches to compact: those after `last` up to the newest committed one.

    Args:
        committed: ids of the existing batches, ascending.
        last: the newest compacted one; None: none yet.

    Raises:
        MissingBatchError: one of them does not exist.
    """
    first = 0 if last is None else last + 1
    wanted = range(first, max(committed, default=-1) + 1)
    there = set(committed)
    missing = next((batch_id for batch_id in wanted if batch_id not in there), None)
    if missing is not None:
        raise MissingBatchError(
            f"batch {missing} is missing in the count log, though {wanted[-1]} is there and {last} is compacted: "
            "put it back, or start a new generation that counts again"
        )
    return wanted


def _file_system(url: str, access: Access) -> tuple[Any, str]:
    if url.startswith(("webhdfs://", "swebhdfs://")):
        # requests takes a while to import, and mostly there is nothing new.
        from compacting import webhdfs

        return webhdfs.file_system(url, access)
    found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    return found

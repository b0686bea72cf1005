"""Files of any file system that Hadoop knows (hdfs://, file://), through the driver's JVM."""

import functools
from collections.abc import Iterable
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

_EXISTS = ("FileAlreadyExistsException", "DirectoryNotEmptyException", "PathExistsException")


class Files:
    """The file system that holds `root`.

    Every method raises OSError with Hadoop's own message where the file system fails or is away.
    """

    def __init__(self, spark: SparkSession, root: str) -> None:
        self._jvm: Any = spark._jvm
        self._gateway: Any = spark.sparkContext._gateway
        self._conf: Any = spark._jsparkSession.sessionState().newHadoopConf()
        self.root = root.rstrip("/")
        self._fs = self._call(lambda: self._path("").getFileSystem(self._conf))

    def exists(self, path: str) -> bool:
        """Whether the file or folder is there."""
        return bool(self._call(lambda: self._fs.exists(self._path(path))))

    def is_folder(self, path: str) -> bool:
        """Whether it is there and a folder."""
        return bool(self._call(lambda: self._fs.getFileStatus(self._path(path)).isDirectory()))

    def modified_ms(self, path: str) -> int:
        """When the file was written, epoch milliseconds by the file system's clock (HDFS: the NameNode's)."""
        return int(self._call(lambda: self._fs.getFileStatus(self._path(path)).getModificationTime()))

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none where the folder is absent."""
        if not self.exists(path):
            return []
        return sorted(
            status.getPath().getName() for status in self._call(lambda: self._fs.listStatus(self._path(path)))
        )

    def read_text(self, path: str) -> str:
        """The whole of a small text file."""
        source = self._call(lambda: self._fs.open(self._path(path)))
        try:
            return str(self._call(lambda: self._jvm.org.apache.commons.io.IOUtils.toString(source, "UTF-8")))
        finally:
            source.close()

    def write_text(self, path: str, text: str) -> None:
        """A new small text file, on disk when this returns."""
        self.write_parts(path, [text.encode()])

    def write_parts(self, path: str, parts: Iterable[bytes]) -> None:
        """A new file of these bytes, on disk when this returns."""
        sink = self._call(lambda: self._fs.create(self._path(path), False))
        try:
            for part in parts:
                self._call(functools.partial(sink.write, part))
            self._call(sink.hsync)  # close() alone leaves it in the DataNode's page cache
        finally:
            self._call(sink.close)

    def make_folder(self, path: str) -> None:
        """The folder and those above it."""
        self._call(lambda: self._fs.mkdirs(self._path(path)))

    def delete(self, path: str) -> None:
        """The file or the folder with all in it; nothing where it is absent."""
        self._call(lambda: self._fs.delete(self._path(path), True))

    def rename_if_absent(self, source: str, target: str) -> bool:
        """Renames a folder in one step; False, and nothing is changed, where the target exists.

        FileSystem.rename would move `source` into an existing `target`; FileContext's refuses.
        """
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(self._path("").toUri(), self._conf)
        options = self._gateway.new_array(getattr(self._jvm.org.apache.hadoop.fs, "Options$Rename"), 0)
        try:
            context.rename(self._path(source), self._path(target), options)
        except Py4JJavaError as error:
            if error.java_exception.getClass().getSimpleName() in _EXISTS or self.exists(target):
                return False
            raise OSError(_message(error)) from error
        return True

    def replace(self, source: str, target: str) -> None:
        """Renames a file in one step over what is there."""
        hadoop = self._jvm.org.apache.hadoop.fs
        context = hadoop.FileContext.getFileContext(self._path("").toUri(), self._conf)
        rename = getattr(hadoop, "Options$Rename")
        options = self._gateway.new_array(rename, 1)
        options[0] = rename.OVERWRITE
        self._call(lambda: context.rename(self._path(source), self._path(target), options))

    def parquet_rows(self, path: str) -> int:
        """How many rows a Parquet file has, by its footer."""
        hadoop = self._jvm.org.apache.parquet.hadoop
        file = self._call(lambda: hadoop.util.HadoopInputFile.fromPath(self._path(path), self._conf))
        reader = self._call(lambda: hadoop.ParquetFileReader.open(file))
        try:
            return int(reader.getRecordCount())
        finally:
            reader.close()

    def url(self, path: str) -> str:
        """The path's whole address."""
        return f"{self.root}/{path}" if path else self.root

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(self.url(path))

    @staticmethod
    def _call(action: Any) -> Any:
        try:
            return action()
        except Py4JJavaError as error:
            raise OSError(_message(error)) from error


def _message(error: Py4JJavaError) -> str:
    return str(error.java_exception.toString()).splitlines()[0]

"""Files of Hadoop's file systems: file:// always, hdfs:// where HASHTIDE_TEST_HDFS names one."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from counting.files import Files

pytestmark = pytest.mark.spark


@pytest.fixture(params=["file", "hdfs"])
def files(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Iterator[Files]:
    if request.param == "file":
        yield Files(spark, tmp_path.as_uri())
        return
    hdfs = os.environ.get("HASHTIDE_TEST_HDFS")
    if not hdfs:
        pytest.skip("HASHTIDE_TEST_HDFS names no file system; the flow test runs on a real one")
    on_hdfs = Files(spark, f"{hdfs}/test-{uuid.uuid4()}")
    yield on_hdfs
    on_hdfs.delete("")


def make(files: Files, folder: str, text: str) -> None:
    files.make_folder(folder)
    files.write_text(f"{folder}/content", text)


def test_a_rename_to_a_name_that_is_free_succeeds(files: Files) -> None:
    make(files, "aside/batch", "ours")
    files.make_folder("log")
    assert files.rename_if_absent("aside/batch", "log/batch")
    assert files.read_text("log/batch/content") == "ours"
    assert not files.exists("aside/batch")


@pytest.mark.parametrize("held_by", ["a folder with files", "an empty folder"])
def test_a_rename_to_a_name_that_is_taken_changes_nothing(files: Files, held_by: str) -> None:
    make(files, "aside/batch", "ours")
    if held_by == "an empty folder":
        files.make_folder("log/batch")
    else:
        make(files, "log/batch", "theirs")
    assert not files.rename_if_absent("aside/batch", "log/batch")
    assert files.read_text("aside/batch/content") == "ours"
    assert files.names("log/batch") == ([] if held_by == "an empty folder" else ["content"])
    if held_by != "an empty folder":
        assert files.read_text("log/batch/content") == "theirs"


def test_a_rename_of_what_is_not_there_is_an_error_not_a_loss_of_the_race(files: Files) -> None:
    files.make_folder("log")
    with pytest.raises(OSError, match="aside/batch"):
        files.rename_if_absent("aside/batch", "log/batch")


def test_text_is_read_as_it_was_written(files: Files) -> None:
    files.make_folder("a")
    files.write_text("a/text", "Größe 東京 👍\n")
    assert files.read_text("a/text") == "Größe 東京 👍\n"
    assert files.names("a") == ["text"]


def test_what_is_absent_has_no_names_and_can_be_deleted(files: Files) -> None:
    assert files.names("nothing") == []
    files.delete("nothing")
    assert not files.exists("nothing")


def test_a_file_that_is_absent_is_an_os_error_with_its_path(files: Files) -> None:
    with pytest.raises(OSError, match="nothing"):
        files.read_text("nothing")


def test_a_text_is_never_written_over(files: Files) -> None:
    make(files, "a", "first")
    with pytest.raises(OSError, match="content"):
        files.write_text("a/content", "second")
    assert files.read_text("a/content") == "first"

"""The list of jars, and that only the right bytes get a place."""

import hashlib
import threading
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError
from stack.toolchain.jars import (
    TEST_LOCK,
    Jar,
    StoppedError,
    WrongDigestError,
    accept,
    fetch_all,
    is_right,
    missing,
    read_lock,
    remove_unlisted,
)

HEADER = "folder\tgroup\tartifact\tversion\tclassifier\tsha256\tbytes\n"


def jar_of(content: bytes, artifact: str = "one", folder: str = "kafka") -> Jar:
    return Jar(folder, "org.example", artifact, "1.0", "", hashlib.sha256(content).hexdigest(), len(content))


def test_the_list_names_every_jar_of_the_three_parts_with_its_digest() -> None:
    jars = read_lock()
    assert len(jars) == 236
    assert sum(jar.size_bytes for jar in jars) == 164_895_143
    assert {jar.folder for jar in jars} == {"connector", "hadoop", "kafka"}
    assert "hadoop/hadoop-hdfs-3.5.0-tests.jar" in {str(jar.path) for jar in jars}, "holds the daemons' webapps"


def test_what_only_tests_need_is_a_list_of_its_own() -> None:
    of_tests = read_lock(TEST_LOCK)
    assert {jar.folder for jar in of_tests} == {"connect"}
    assert {"connect-runtime", "connect-file"} <= {jar.artifact for jar in of_tests}
    assert not {jar.file_name for jar in of_tests} & {jar.file_name for jar in read_lock() if jar.folder == "kafka"}


def test_a_shorter_list_leaves_the_folders_of_the_other_alone(tmp_path: Path) -> None:
    for folder in ("kafka", "connect"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "old-1.0.jar").touch()
    remove_unlisted([jar_of(b"one", folder="kafka")], tmp_path)
    assert [path.parent.name for path in tmp_path.rglob("*.jar")] == ["connect"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("kafka\torg.example\tone\t1.0\t\tabc\t3", "no SHA-256"),
        ("elsewhere\torg.example\tone\t1.0\t\t" + "0" * 64 + "\t3", "unknown folder"),
        ("kafka\torg.example\tone\t1.0\t\t" + "0" * 64 + "\tmany", "not a jar's line"),
        ("kafka\torg.example", "not a jar's line"),
    ],
)
def test_a_line_that_is_not_a_jar_is_refused_with_its_number(tmp_path: Path, line: str, why: str) -> None:
    lock = tmp_path / "jars.lock.tsv"
    lock.write_text(HEADER + line + "\n")
    with pytest.raises(ToolchainError, match=rf"jars\.lock\.tsv: 2: .*{why}"):
        read_lock(lock)


def test_two_lines_for_one_file_are_refused(tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock.tsv"
    line = "kafka\torg.example\tone\t1.0\t\t" + "0" * 64 + "\t3\n"
    lock.write_text(HEADER + line + line)
    with pytest.raises(ToolchainError, match="the same file"):
        read_lock(lock)


def test_a_right_jar_is_not_missing_and_a_damaged_one_is(tmp_path: Path) -> None:
    right, damaged, absent = (jar_of(b"bytes", name) for name in ("right", "damaged", "absent"))
    (tmp_path / "kafka").mkdir()
    (tmp_path / right.path).write_bytes(b"bytes")
    (tmp_path / damaged.path).write_bytes(b"bytez")  # the same length: only the digest tells
    assert missing([right, damaged, absent], tmp_path) == [damaged, absent]
    assert is_right(right, tmp_path / right.path)


def test_a_wrong_digest_stops_it_names_the_jar_and_leaves_the_place_empty(tmp_path: Path) -> None:
    jar = jar_of(b"what the list means")
    fetched = tmp_path / "fetched.jar"
    fetched.write_bytes(b"something else")
    with pytest.raises(WrongDigestError, match=r"org\.example:one:1\.0 has the wrong digest"):
        accept(jar, fetched, tmp_path / "jars")
    assert not (tmp_path / "jars" / jar.path).exists()


def test_a_jar_that_is_no_longer_listed_leaves_the_class_path(tmp_path: Path) -> None:
    kept = jar_of(b"kept")
    (tmp_path / "kafka").mkdir()
    for name in (kept.file_name, "one-0.9.jar", "notes.txt"):
        (tmp_path / "kafka" / name).write_bytes(b"kept")
    remove_unlisted([kept], tmp_path)
    assert sorted(path.name for path in (tmp_path / "kafka").iterdir()) == ["notes.txt", kept.file_name]


def test_a_jars_address_is_that_of_mavens_layout() -> None:
    jar = Jar("hadoop", "org.apache.hadoop", "hadoop-hdfs", "3.5.0", "tests", "", 0)
    assert jar.url_path == "org/apache/hadoop/hadoop-hdfs/3.5.0/hadoop-hdfs-3.5.0-tests.jar"


def test_the_error_raised_is_the_one_that_stopped_the_others() -> None:
    jars = [jar_of(name.encode(), name) for name in ("a", "b")]
    stop = threading.Event()

    def fetch(jar: Jar) -> None:
        if jar.artifact == "b":
            raise ToolchainError("no registry answers")
        assert stop.wait(10), "was not told to stop"
        raise StoppedError("stopped because another download failed")

    with pytest.raises(ToolchainError, match="no registry answers"):
        fetch_all(jars, fetch, stop)


def test_after_an_error_no_other_download_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stack.toolchain.jars.PARALLEL", 1)
    asked: list[Jar] = []

    def fetch(jar: Jar) -> None:
        asked.append(jar)
        raise ToolchainError("no registry answers")

    with pytest.raises(ToolchainError):
        fetch_all([jar_of(b"a", "a"), jar_of(b"b", "b")], fetch, threading.Event())
    assert len(asked) == 1

"""Ivy, for real, against a registry: the public one where it answers, and one of our own that can misbehave."""

import hashlib
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError, fetching, ivy, java, locking
from stack.toolchain import jars as jars_list
from stack.toolchain.ivy import Ivy, module_xml, proxy_options, settings_xml
from stack.toolchain.jars import Jar, is_right, read_lock
from stack.toolchain.report import LineReport, UnreachableError

QUIET = LineReport()


class Registry(ThreadingHTTPServer):
    """A Maven registry on loopback: serves `files` by path, and notes what was taken (not only asked about)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shop)
        self.files: dict[str, bytes] = {}
        self.taken: list[str] = []

    def offer(self, artifact: str, content: bytes, classifier: str = "", listed: bytes | None = None) -> Jar:
        """Puts a jar on offer; its line in the list is that of `listed`, where it is given."""
        meant = content if listed is None else listed
        digest = hashlib.sha256(meant).hexdigest()
        jar = Jar("kafka", "org.example.parts", artifact, "1.0", classifier, digest, len(meant))
        self.files[f"/org/example/parts/{artifact}/1.0/{jar.file_name}"] = content
        return jar

    @property
    def address(self) -> str:
        """As HASHTIDE_MAVEN_MIRROR names it."""
        return f"http://127.0.0.1:{self.server_port}"


class Shop(BaseHTTPRequestHandler):
    """Answers HEAD and GET."""

    server: Registry

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        content = self._answer()
        if content is not None:
            self.server.taken.append(self.path)
            self.wfile.write(content)

    def _answer(self) -> bytes | None:
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        return content

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("HASHTIDE_MAVEN_MIRROR", server.address)
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.fixture(scope="module")
def system_java() -> java.Java:
    found, _ = java.find()
    if found is None:
        pytest.skip("no Java 17 or 21 on this machine to run Ivy with")
    return found


def fetch_listed(jars: list[Jar], parts_dir: Path, home: java.Java, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way of the jars, for a list of our own."""
    monkeypatch.setattr(jars_list, "read_lock", lambda: jars)
    with locking.held(parts_dir / ".lock", QUIET) as lock:
        fetching.fetch_jars(parts_dir, home, lock, QUIET)


def test_the_module_file_asks_for_exactly_the_jars_with_their_classifiers() -> None:
    jars = [jar for jar in read_lock() if jar.artifact in ("hadoop-hdfs", "hadoop-common")]
    root = ET.fromstring(module_xml(jars))  # noqa: S314 - our own
    asked = {
        (dependency.get("name"), artifact.get(f"{{{ivy.MAVEN_NAMESPACE}}}classifier"))
        for dependency in root.iter("dependency")
        for artifact in dependency.iter("artifact")
    }
    assert asked == {("hadoop-hdfs", None), ("hadoop-hdfs", "tests"), ("hadoop-common", None)}
    assert {dependency.get("transitive") for dependency in root.iter("dependency")} == {"false"}


def test_a_mirror_takes_the_place_of_the_registry() -> None:
    assert 'root="http://mirror.example/maven/"' in settings_xml("http://mirror.example/maven")
    assert "root=" not in settings_xml("")


def test_the_environments_proxies_are_said_in_javas_words() -> None:
    proxies = {"https": "http://proxy.example:3128", "no": "localhost,.example.org"}
    assert proxy_options(proxies) == [
        "-Dhttps.proxyHost=proxy.example",
        "-Dhttps.proxyPort=3128",
        "-Dhttp.nonProxyHosts=localhost|*.example.org",
    ]
    assert proxy_options({"no": "localhost"}) == []


def test_jars_come_to_their_places_and_nothing_is_left_beside_them(
    tmp_path: Path, registry: Registry, system_java: java.Java, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = [registry.offer("one", b"first"), registry.offer("one", b"second", "tests"), registry.offer("two", b"third")]
    fetch_listed(jars, tmp_path, system_java, monkeypatch)
    assert all(is_right(jar, tmp_path / "jars" / jar.path) for jar in jars)
    assert not (tmp_path / "aside" / "ivy").exists()
    registry.taken.clear()
    fetch_listed(jars, tmp_path, system_java, monkeypatch)
    assert registry.taken == [], "what is right is not fetched again"
    (tmp_path / "jars" / jars[2].path).write_bytes(b"thirt")
    fetch_listed(jars, tmp_path, system_java, monkeypatch)
    assert len(registry.taken) == 1, "a damaged one is, alone"
    assert is_right(jars[2], tmp_path / "jars" / jars[2].path)


def test_a_jar_with_other_bytes_is_refused_by_name_and_asked_for_again_the_next_time(
    tmp_path: Path, registry: Registry, system_java: java.Java, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = [registry.offer("good", b"good"), registry.offer("swapped", b"evil!", listed=b"right")]
    with pytest.raises(ToolchainError, match=r"org\.example\.parts:swapped:1\.0 has the wrong digest"):
        fetch_listed(jars, tmp_path, system_java, monkeypatch)
    assert not (tmp_path / "jars" / jars[1].path).exists()
    jars = [jars[0], registry.offer("swapped", b"right")]
    fetch_listed(jars, tmp_path, system_java, monkeypatch)
    assert is_right(jars[1], tmp_path / "jars" / jars[1].path)


def test_what_an_interrupted_fetch_had_is_not_downloaded_twice(
    tmp_path: Path, registry: Registry, system_java: java.Java, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = [registry.offer(name, name.encode()) for name in ("one", "two", "three")]
    missing_path = next(path for path in registry.files if "/three/" in path)
    content = registry.files.pop(missing_path)
    with pytest.raises(ToolchainError, match=r"has no org\.example\.parts:"):
        fetch_listed(jars, tmp_path, system_java, monkeypatch)
    registry.files[missing_path] = content
    fetch_listed(jars, tmp_path, system_java, monkeypatch)
    assert sorted(registry.taken) == sorted(registry.files)
    assert all(is_right(jar, tmp_path / "jars" / jar.path) for jar in jars)


def test_where_no_registry_answers_the_error_says_so(
    tmp_path: Path, registry: Registry, system_java: java.Java, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars = [registry.offer("one", b"first")]
    registry.server_close()
    monkeypatch.setattr(ivy, "ATTEMPTS", 1)
    with pytest.raises(UnreachableError, match=r"no package registry answers.*Connection refused"):
        fetch_listed(jars, tmp_path, system_java, monkeypatch)


def test_two_small_jars_come_from_the_real_registry(
    tmp_path: Path, system_java: java.Java, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = sorted(read_lock(), key=lambda jar: jar.size_bytes)[:2]
    monkeypatch.setattr(ivy, "ATTEMPTS", 1)
    with locking.held(tmp_path / ".lock", QUIET) as lock:
        real = Ivy(system_java.home / "bin" / "java", tmp_path / "ivy", lock, lambda _: None)
        real.prepare()
        try:
            folder = real.fetch(0, small, threading.Event())
        except UnreachableError as error:
            pytest.skip(f"no registry: {error}")
    assert all(is_right(jar, folder / jar.file_name) for jar in small)

"""Jars by HTTP from a repository: the public one where it answers, and one of our own that can misbehave."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack.toolchain import ToolchainError, fetching, maven
from stack.toolchain.jars import Jar, is_right, read_lock
from stack.toolchain.maven import IVY_SETTINGS, Maven, default_repository, repositories
from stack.toolchain.report import LineReport, UnreachableError

QUIET = LineReport()


class Registry(ThreadingHTTPServer):
    """A Maven registry on loopback: serves `files` by path, and notes what was taken.

    Attributes:
        files: content by path.
        taken: paths that were served, in order.
        logins: the Authorization headers that came.
        stumbles: answers to give first, one each: a status code, or 0 for an answer that breaks off in the middle.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Shop)
        self.files: dict[str, bytes] = {}
        self.taken: list[str] = []
        self.logins: set[str | None] = set()
        self.stumbles: list[int] = []

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
    """Answers GET."""

    server: Registry

    def do_GET(self) -> None:
        self.server.logins.add(self.headers["Authorization"])
        content = self.server.files.get(self.path)
        stumble = self.server.stumbles.pop(0) if self.server.stumbles else None
        self.send_response(stumble or (404 if content is None else 200))
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content is not None and not stumble:
            self.wfile.write(content[:1] if stumble == 0 else content)
            self.server.taken.append(self.path)

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


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maven, "FIRST_PAUSE_S", 0.01)


def fetch_listed(jars: list[Jar], parts_dir: Path, report: LineReport = QUIET) -> None:
    """The whole way of the jars, for a list of our own."""
    fetching.fetch_jars(parts_dir, report, jars)


def test_a_mirror_replaces_the_default_repository(tmp_path: Path) -> None:
    assert repositories({"HASHTIDE_MAVEN_MIRROR": "http://mirror.example/maven"}, tmp_path) == (
        ["http://mirror.example/maven/"],
        {},
    )
    assert repositories({}, tmp_path) == ([default_repository()], {})


def test_the_default_repository_is_the_one_of_pysparks_ivy() -> None:
    assert default_repository().startswith("https://")
    assert default_repository().endswith("/maven2/")


def write_ivy_settings(home: Path, text: str) -> None:
    (home / IVY_SETTINGS).parent.mkdir()
    (home / IVY_SETTINGS).write_text(f"<ivysettings>{text}</ivysettings>")


def test_the_users_ivy_settings_name_repositories_and_logins(tmp_path: Path) -> None:
    write_ivy_settings(
        tmp_path,
        """<property name="host" value="inside.example"/>
        <credentials host="${host}" realm="any" username="reader" passwd="secret"/>
        <resolvers><chain name="all">
          <ibiblio name="inside" m2compatible="true" root="https://${host}/maven"/><ibiblio name="public"/>
        </chain></resolvers>""",
    )
    assert repositories({}, tmp_path) == (
        ["https://inside.example/maven/", default_repository()],
        {"inside.example": ("reader", "secret")},
    )
    assert repositories({"HASHTIDE_MAVEN_MIRROR": ""}, tmp_path)[0] == [default_repository()]


def test_ivy_settings_without_a_repository_are_refused(tmp_path: Path) -> None:
    write_ivy_settings(tmp_path, "<resolvers/>")
    with pytest.raises(ToolchainError, match="has no `ibiblio` resolver; name the repository in HASHTIDE_MAVEN_MIRROR"):
        repositories({}, tmp_path)


def test_jars_come_to_their_places_and_nothing_is_left_beside_them(tmp_path: Path, registry: Registry) -> None:
    jars = [registry.offer("one", b"first"), registry.offer("one", b"second", "tests"), registry.offer("two", b"third")]
    fetch_listed(jars, tmp_path)
    assert all(is_right(jar, tmp_path / "jars" / jar.path) for jar in jars)
    assert list((tmp_path / "aside").iterdir()) == []


def test_what_is_right_is_not_fetched_again_and_a_damaged_jar_is(tmp_path: Path, registry: Registry) -> None:
    jars = [registry.offer("one", b"first"), registry.offer("two", b"third")]
    fetch_listed(jars, tmp_path)
    registry.taken.clear()
    fetch_listed(jars, tmp_path)
    assert registry.taken == []
    (tmp_path / "jars" / jars[1].path).write_bytes(b"thirt")
    fetch_listed(jars, tmp_path)
    assert len(registry.taken) == 1
    assert is_right(jars[1], tmp_path / "jars" / jars[1].path)


def test_a_jar_with_other_bytes_is_refused_by_name_and_asked_for_again_the_next_time(
    tmp_path: Path, registry: Registry
) -> None:
    jars = [registry.offer("good", b"good"), registry.offer("swapped", b"evil!", listed=b"right")]
    with pytest.raises(ToolchainError, match=r"org\.example\.parts:swapped:1\.0 has the wrong digest"):
        fetch_listed(jars, tmp_path)
    assert not (tmp_path / "jars" / jars[1].path).exists()
    jars = [jars[0], registry.offer("swapped", b"right")]
    fetch_listed(jars, tmp_path)
    assert is_right(jars[1], tmp_path / "jars" / jars[1].path)


def test_what_an_interrupted_fetch_had_is_not_downloaded_twice(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.toolchain.jars.PARALLEL", 1)
    jars = [registry.offer(name, name.encode()) for name in ("three", "two", "1")]  # the largest comes first
    missing_path = next(path for path in registry.files if "/1/" in path)
    content = registry.files.pop(missing_path)
    with pytest.raises(ToolchainError, match=r"has no org\.example\.parts:1"):
        fetch_listed(jars, tmp_path)
    registry.files[missing_path] = content
    fetch_listed(jars, tmp_path)
    assert sorted(registry.taken) == sorted(registry.files)
    assert all(is_right(jar, tmp_path / "jars" / jar.path) for jar in jars)


@pytest.mark.parametrize("stumble", [503, 429, 0])
def test_a_download_that_fails_for_a_moment_is_tried_again(tmp_path: Path, registry: Registry, stumble: int) -> None:
    jars = [registry.offer("one", b"first")]
    registry.stumbles = [stumble, stumble]
    fetch_listed(jars, tmp_path)
    assert is_right(jars[0], tmp_path / "jars" / jars[0].path)


def test_the_bytes_of_a_failed_try_are_not_counted(tmp_path: Path, registry: Registry) -> None:
    jar = registry.offer("one", b"first")
    registry.stumbles = [0]
    counted: list[int] = []
    Maven(tmp_path / "jars", tmp_path / "aside", counted.append, threading.Event()).fetch(jar)
    assert sum(counted) == jar.size_bytes


def test_a_login_in_the_mirrors_address_is_used(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_MAVEN_MIRROR", registry.address.replace("//", "//reader:secret@"))
    fetch_listed([registry.offer("one", b"first")], tmp_path)
    assert registry.logins == {"Basic cmVhZGVyOnNlY3JldA=="}


def test_a_login_in_netrc_is_used(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login reader password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    fetch_listed([registry.offer("one", b"first")], tmp_path)
    assert registry.logins == {"Basic cmVhZGVyOnNlY3JldA=="}


def test_a_refused_login_is_not_tried_again_and_no_password_is_shown(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_MAVEN_MIRROR", registry.address.replace("//", "//reader:secret@"))
    registry.stumbles = [401]
    with pytest.raises(ToolchainError, match=r"127\.0\.0\.1 refuses .*put the login") as refused:
        fetch_listed([registry.offer("one", b"first")], tmp_path)
    assert "secret" not in str(refused.value)


def test_where_no_registry_answers_the_error_says_so_and_shows_no_password(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_MAVEN_MIRROR", registry.address.replace("//", "//reader:secret@"))
    jars = [registry.offer("one", b"first")]
    registry.server_close()
    with pytest.raises(UnreachableError, match=r"no package registry answers.*Connection refused") as refused:
        fetch_listed(jars, tmp_path)
    assert "secret" not in str(refused.value)


def test_two_small_jars_come_from_the_real_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = sorted(read_lock(), key=lambda jar: jar.size_bytes)[:2]
    monkeypatch.setattr(maven, "ATTEMPTS", 1)
    try:
        fetch_listed(small, tmp_path)
    except UnreachableError as error:
        pytest.skip(f"no registry: {error}")
    assert all(is_right(jar, tmp_path / "jars" / jar.path) for jar in small)

"""Downloads jars from a Maven repository by HTTPS. A login may stand in the repository's URL or in ~/.netrc."""

import importlib.util
import os
import re
import threading
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tenacity.nap import sleep_using_event

from stack.toolchain import certificates
from stack.toolchain.jars import PARALLEL, Jar, StoppedError, accept
from stack.toolchain.report import ToolchainError, UnreachableError

ATTEMPTS = 3
FIRST_PAUSE_S = 1.0
TIMEOUTS_S = (20.0, 60.0)  # to connect, and between two chunks
CHUNK_BYTES = 1 << 18
RETRIED = (408, 425, 429, 500, 502, 503, 504)
IVY_SETTINGS = Path(".ivy2") / "ivysettings.xml"
_DEFAULT = "org/apache/ivy/plugins/resolver/IBiblioResolver.class"


class Maven:
    """Downloads from the first repository that has a jar.

    Args:
        root: the jars' folder.
        aside: a folder on the same disk for what is not complete yet.
        on_bytes: gets the bytes of each chunk, and minus their sum where a download is given up. Called by several
            threads.
        stop: downloads end once it is set.
    """

    def __init__(self, root: Path, aside: Path, on_bytes: Callable[[int], None], stop: threading.Event) -> None:
        self._root, self._aside, self._on_bytes, self._stop = root, aside, on_bytes, stop
        self._repositories, self._logins = repositories(os.environ, Path.home())
        self._verify = str(certificates.system_bundle() or "") or True
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=PARALLEL))
        self._session.headers["Accept-Encoding"] = "identity"
        aside.mkdir(parents=True, exist_ok=True)

    def fetch(self, jar: Jar) -> None:
        """Downloads `jar` and puts it in its place below `root` once its digest is right.

        Raises:
            ToolchainError: no repository answers or has it, a login is missing, or the digest is wrong.
            StoppedError: `stop` was set.
        """
        for attempt in Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=FIRST_PAUSE_S, max=10, jitter=FIRST_PAUSE_S),
            retry=retry_if_exception_type(UnreachableError),
            sleep=sleep_using_event(self._stop),
            reraise=True,
        ):
            with attempt:
                accept(jar, self._download(jar), self._root)

    def _download(self, jar: Jar) -> Path:
        for repository in self._repositories:
            host = urlsplit(repository).hostname or repository
            try:
                with self._session.get(
                    repository + jar.url_path,
                    stream=True,
                    timeout=TIMEOUTS_S,
                    verify=self._verify,
                    auth=self._logins.get(host),
                ) as response:
                    if response.status_code == 404:
                        continue
                    _require_success(response.status_code, jar, host)
                    return self._store(jar, response.iter_content(CHUNK_BYTES))
            except requests.RequestException as error:
                raise UnreachableError(_unreachable(jar, host, _reason(error))) from None
        raise ToolchainError(
            f"the registry has no {jar}; is HASHTIDE_MAVEN_MIRROR or ~/{IVY_SETTINGS} right? "
            f"(asked: {', '.join(urlsplit(each).hostname or each for each in self._repositories)})"
        )

    def _store(self, jar: Jar, chunks: Iterator[bytes]) -> Path:
        path, received = self._aside / f"{jar.folder}-{jar.file_name}", 0
        try:
            with path.open("wb") as file:
                for chunk in chunks:
                    self._require_going()
                    file.write(chunk)
                    received += len(chunk)
                    self._on_bytes(len(chunk))
        except BaseException:
            self._on_bytes(-received)
            raise
        return path

    def _require_going(self) -> None:
        if self._stop.is_set():
            raise StoppedError("stopped because another download failed")


def repositories(env: Mapping[str, str], home: Path) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """The base URLs to try in order, each with a slash at its end, and logins by host.

    HASHTIDE_MAVEN_MIRROR if set, else the `ibiblio` resolvers of the user's ~/.ivy2/ivysettings.xml, else the default
    of the Ivy that pyspark brings.

    Raises:
        ToolchainError: the user's settings can't be read or name no such resolver.
    """
    settings = home / IVY_SETTINGS
    if mirror := env.get("HASHTIDE_MAVEN_MIRROR", ""):
        return [f"{mirror.rstrip('/')}/"], {}
    if "HASHTIDE_MAVEN_MIRROR" in env or not settings.is_file():
        return [default_repository()], {}
    try:
        document = ET.parse(settings).getroot()  # noqa: S314 - the user's own file
    except (ET.ParseError, OSError) as error:
        raise ToolchainError(f"{settings} can't be read: {error}") from None
    properties = {each.get("name", ""): each.get("value", "") for each in document.iter("property")}

    def expand(text: str) -> str:
        return re.sub(r"\$\{([^}]+)\}", lambda found: properties.get(found[1], found[0]), text)

    roots = [expand(each.get("root", "")) or default_repository() for each in document.iter("ibiblio")]
    if not roots:
        raise ToolchainError(f"{settings} has no `ibiblio` resolver; name the repository in HASHTIDE_MAVEN_MIRROR")
    logins = {
        expand(each.get("host", "")): (expand(each.get("username", "")), expand(each.get("passwd", "")))
        for each in document.iter("credentials")
    }
    return [f"{root.rstrip('/')}/" for root in roots], logins


def default_repository() -> str:
    """The public repository that the Ivy inside pyspark knows; pyspark is not imported for it.

    Raises:
        ToolchainError: pyspark is not installed, or its Ivy knows none.
    """
    spec = importlib.util.find_spec("pyspark")
    package = Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
    for jar in sorted((package / "jars").glob("ivy-*.jar")):
        with zipfile.ZipFile(jar) as archive:
            if found := re.search(rb"https://[!-~]+?/maven2/", archive.read(_DEFAULT)):
                return found[0].decode()
    raise ToolchainError("pyspark and its Ivy are not in this environment; name a repository in HASHTIDE_MAVEN_MIRROR")


def _require_success(status: int, jar: Jar, host: str) -> None:
    if status in (401, 403):
        raise ToolchainError(f"{host} refuses {jar} ({status}); put the login into the mirror's URL or into ~/.netrc")
    if status in RETRIED:
        raise UnreachableError(_unreachable(jar, host, f"status code {status}"))
    if status != 200:
        raise ToolchainError(f"fetching {jar}: {host} answers with status code {status}")


def _unreachable(jar: Jar, host: str, reason: str) -> str:
    return (
        f"fetching {jar}: no package registry answers ({host}: {reason}); check the network, https_proxy, "
        "SSL_CERT_FILE, or a mirror in HASHTIDE_MAVEN_MIRROR, then try again"
    )


def _reason(error: BaseException) -> str:
    """The innermost error's message: those of requests and urllib3 contain the URL, which may contain a login."""
    inner = getattr(error, "reason", None) or next((each for each in error.args if isinstance(each, Exception)), None)
    if isinstance(inner, Exception):
        return _reason(inner)
    return str(error.args[-1]).rpartition(": ")[2] if error.args else type(error).__name__

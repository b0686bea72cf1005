"""Fetches jars with the Ivy that pyspark brings, so that no Maven is needed."""

import importlib.util
import os
import re
import shutil
import threading
import urllib.request
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tenacity.nap import sleep_using_event

from stack.toolchain import certificates, running
from stack.toolchain.jars import Jar, StoppedError
from stack.toolchain.report import ToolchainError, UnreachableError

MAVEN_NAMESPACE = "http://ant.apache.org/ivy/maven"
DOWNLOADED = re.compile(r"\[SUCCESSFUL \] ([^#\s]+)#([^;\s]+);([^!\s]+)!")
NEEDED = "the jars take 0.2 GB, and as much again while they come"
ATTEMPTS = 3


class Ivy:
    """One run of Ivy a batch; each has a folder of its own, in which an interrupted run leaves what it already has."""

    def __init__(self, java: Path, aside: Path, lock_descriptor: int, on_bytes: Callable[[int], None]) -> None:
        self._java, self._aside, self._keep_open = java, aside, (lock_descriptor,)
        self._on_bytes = on_bytes
        self._settings = aside / "ivysettings.xml"
        self._trust_store = aside / "trust.p12"

    def prepare(self) -> None:
        """Writes what all batches share: the settings and the trust store."""
        self._aside.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(settings_xml(os.environ.get("HASHTIDE_MAVEN_MIRROR", "")))
        certificates.write_trust_store(self._trust_store)

    def fetch(self, number: int, jars: Sequence[Jar], stop: threading.Event) -> Path:
        """Brings the jars of batch `number` into a folder and returns it.

        Raises:
            ToolchainError: no registry answers, or it has not one of them.
        """
        for attempt in Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(initial=1, max=10),
            retry=retry_if_exception_type(UnreachableError),
            sleep=sleep_using_event(stop),
            reraise=True,
        ):
            with attempt:
                return self._fetch_once(number, jars, stop)
        raise AssertionError("unreachable: the last attempt raises or returns")

    def _fetch_once(self, number: int, jars: Sequence[Jar], stop: threading.Event) -> Path:
        folder = self._aside / f"batch-{number}"
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        (folder / "ivy.xml").write_bytes(module_xml(jars))
        progress = _Progress(jars, self._on_bytes)

        def look() -> None:
            if stop.is_set():
                raise StoppedError("stopped, since another download failed")

        outcome = running.run(
            self._command(folder, out), env=os.environ, on_line=progress.hear, on_tick=look, keep_open=self._keep_open
        )
        absent = [jar for jar in jars if not (out / jar.file_name).is_file()]
        if outcome.status != 0 or absent:
            progress.take_back()
            raise _explain(absent, outcome)
        progress.finish()
        return out

    def _command(self, folder: Path, out: Path) -> list[str | Path]:
        own = Path.home() / ".ivy2" / "ivysettings.xml"
        mirrored = "HASHTIDE_MAVEN_MIRROR" in os.environ
        settings = own if own.is_file() and not mirrored else self._settings
        options = [
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Divy.home={folder}",
            f"-Divy.default.ivy.user.dir={folder}",
            f"-Djavax.net.ssl.trustStore={self._trust_store}",
            "-Djavax.net.ssl.trustStoreType=PKCS12",
            f"-Djavax.net.ssl.trustStorePassword={certificates.TRUST_STORE_PASSWORD}",
        ]
        pattern = f"{out}/[artifact]-[revision](-[classifier]).[ext]"
        return [
            self._java,
            *options,
            *proxy_options(urllib.request.getproxies()),
            "-jar",
            ivy_jar(),
            "-settings",
            settings,
            "-ivy",
            folder / "ivy.xml",
            "-cache",
            folder / "cache",
            "-retrieve",
            pattern,
        ]


class _Progress:
    """Turns Ivy's lines into bytes; what came out of its cache is told at the end."""

    def __init__(self, jars: Sequence[Jar], on_bytes: Callable[[int], None]) -> None:
        self._waiting = list(jars)
        self._on_bytes = on_bytes
        self._told = 0

    def hear(self, line: str) -> None:
        match = DOWNLOADED.search(line)
        if not match:
            return
        for jar in self._waiting:
            if (jar.group, jar.artifact, jar.version) == match.groups():
                self._waiting.remove(jar)
                self._tell(jar.size_bytes)
                return

    def finish(self) -> None:
        self._tell(sum(jar.size_bytes for jar in self._waiting))

    def take_back(self) -> None:
        self._tell(-self._told)

    def _tell(self, size_bytes: int) -> None:
        self._told += size_bytes
        self._on_bytes(size_bytes)


def ivy_jar() -> Path:
    """The Ivy inside pyspark, which is not imported for it.

    Raises:
        ToolchainError: pyspark is not installed, or brings no Ivy.
    """
    spec = importlib.util.find_spec("pyspark")
    home = Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
    found = sorted((home / "jars").glob("ivy-*.jar"))
    if not found:
        raise ToolchainError("pyspark with its Ivy is not in this environment; start by ./hashtide, which makes it")
    return found[-1]


def settings_xml(mirror: str) -> str:
    """Ivy's settings: its own default registry or `mirror`, jars only.

    No POMs (our list is complete; they took most of the time), no SHA-1 files (the list has SHA-256).
    """
    root = f' root="{mirror.rstrip("/")}/"' if mirror else ""
    return f"""<ivysettings>
  <settings defaultResolver="central"/>
  <property name="ivy.checksums" value=""/>
  <timeout-constraints>
    <timeout-constraint name="limits" connectionTimeout="20000" readTimeout="60000"/>
  </timeout-constraints>
  <resolvers>
    <ibiblio name="central" m2compatible="true" usepoms="false" useMavenMetadata="false"
             timeoutConstraint="limits"{root}/>
  </resolvers>
</ivysettings>
"""


def module_xml(jars: Sequence[Jar]) -> bytes:
    """Ivy's module file that asks for exactly these jars, nothing that they depend on."""
    ET.register_namespace("m", MAVEN_NAMESPACE)
    module = ET.Element("ivy-module", version="2.0")
    ET.SubElement(module, "info", organisation="hashtide", module="parts")
    ET.SubElement(ET.SubElement(module, "configurations"), "conf", name="default")
    dependencies = ET.SubElement(module, "dependencies")
    for group, artifact, version in Counter((jar.group, jar.artifact, jar.version) for jar in jars):
        dependency = ET.SubElement(
            dependencies, "dependency", org=group, name=artifact, rev=version, transitive="false", conf="default->*"
        )
        for jar in jars:
            if (jar.group, jar.artifact, jar.version) == (group, artifact, version):
                wanted = ET.SubElement(dependency, "artifact", name=artifact, type="jar", ext="jar")
                if jar.classifier:
                    wanted.set(f"{{{MAVEN_NAMESPACE}}}classifier", jar.classifier)
    return ET.tostring(module)


def proxy_options(proxies: Mapping[str, str]) -> list[str]:
    """Java's own words for the environment's proxies (https_proxy, http_proxy, no_proxy), which it does not read."""
    options = []
    for scheme in ("http", "https"):
        proxy = urlsplit(proxies.get(scheme, ""))
        if proxy.hostname:
            options += [f"-D{scheme}.proxyHost={proxy.hostname}", f"-D{scheme}.proxyPort={proxy.port or 8080}"]
    bypassed = [host.strip() for host in proxies.get("no", "").split(",") if host.strip()]
    if options and bypassed:
        hosts = "|".join(f"*{host}" if host.startswith(".") else host for host in bypassed)
        options.append(f"-Dhttp.nonProxyHosts={hosts}")
    return options


def _explain(absent: Sequence[Jar], outcome: running.Outcome) -> ToolchainError:
    said = "\n".join(outcome.tail)
    if absent and "not found" in said and "Server access error" not in said:
        return ToolchainError(
            f"the registry has no {absent[0]} (and {len(absent) - 1} more of the jars); "
            "is HASHTIDE_MAVEN_MIRROR or ~/.ivy2/ivysettings.xml right?"
        )
    return running.explain("fetching the jars", outcome, NEEDED)

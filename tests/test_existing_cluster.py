"""A secured cluster is used by connections alone: Kerberos, TLS and two of each against the real NameNode and YARN.

Skipped without MIT's KDC (Debian: krb5-kdc, krb5-admin-server, krb5-user), without what Kerberos needs of Python
(conf/README.md) and without Hadoop's jars. About a minute.
"""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from compacting.count_log import CountLogReader
from compacting.errors import CountLogUnavailableError
from contract.hadoop_access import Access
from contract.hadoop_rest import Unreachable
from hashtide_airflow import settings
from hashtide_airflow.commands import compact_command
from hashtide_airflow.hooks.hdfs import StopMarker
from hashtide_airflow.hooks.yarn import YarnHook
from tests.compacting.running import TERMS, assert_exact
from tests.compacting.stream import START, Stream, random_events
from tests.postgres import Database
from tests.secured_hadoop import NAME, REALM, SecuredHadoop

PRINCIPAL = f"hashtide@{REALM}"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredHadoop]:
    jars = Path(os.environ.get("HASHTIDE_PARTS", "/nonexistent")) / "jars" / "hadoop"
    path = os.environ["PATH"] + ":/usr/sbin"
    missing = [tool for tool in ("krb5kdc", "kadmin.local", "kdb5_util", "kinit") if not shutil.which(tool, path=path)]
    if missing or not jars.is_dir():
        pytest.skip(f"not there: {', '.join(missing) or jars}")
    pytest.importorskip("gssapi")
    pytest.importorskip("requests_gssapi")
    running = SecuredHadoop(tmp_path_factory.mktemp("secured"), jars)
    try:
        running.start()
        running.fs("-mkdir", "/hashtide")
        running.fs("-chown", "hashtide", "/hashtide")
        yield running
    finally:
        running.stop()


@pytest.fixture(autouse=True)
def _connections(cluster: SecuredHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person would write; each begins with the host that is on standby."""
    trust = {
        "auth": "kerberos",
        "principal": PRINCIPAL,
        "keytab": str(cluster.client),
        "ca_file": str(cluster.authority),
    }
    for kind, extra in (("yarn", trust), ("hdfs", {**trust, "fs": "hdfs://tide", "root": "/hashtide"})):
        first = "nn" if kind == "hdfs" else "rm"
        hosts = ",".join(f"{NAME}:{cluster.ports[f'{first}{number}_https']}" for number in (2, 1))
        connection = {"conn_type": "http", "schema": "https", "host": hosts, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_HASHTIDE_{kind.upper()}", json.dumps(connection))
    monkeypatch.setenv("KRB5_CONFIG", str(cluster.realm.config))
    monkeypatch.setenv("KRB5CCNAME", "FILE:/nonexistent")  # nobody has logged in


def test_the_stop_marker_is_put_found_and_removed(cluster: SecuredHadoop) -> None:
    marker = StopMarker(generation=3)
    assert not marker.exists()
    marker.put()
    assert marker.exists()
    assert f"{PRINCIPAL.partition('@')[0]} " in cluster.fs("-ls", "/hashtide/stop")
    assert marker.remove()
    assert not marker.remove()


def test_the_resource_manager_is_asked_by_ticket_and_its_standby_redirects() -> None:
    hook = YarnHook()
    assert hook.applications("hashtide-count-g1") == []
    assert asyncio.run(hook.find("hashtide-count-g1")) == []
    with pytest.raises(Unreachable, match="404"):
        hook.kill("application_1_0001")


def test_without_a_ticket_or_the_right_certificate_nobody_is_let_in(
    cluster: SecuredHadoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = f"https://{NAME}:{cluster.ports['nn1_https']}"

    def connect(**extra: str) -> None:
        connection = {"conn_type": "http", "host": active, "login": "hashtide", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_HDFS", json.dumps(connection))

    connect(ca_file=str(cluster.authority))
    with pytest.raises(requests.HTTPError, match="401"):
        StopMarker(1).exists()
    connect(ca_file=str(cluster.authority), auth="kerberos")
    with pytest.raises(requests.RequestException, match="no Kerberos ticket of anyone"):
        StopMarker(1).exists()
    connect(ca_file=str(cluster.authority), auth="kerberos", principal=PRINCIPAL, keytab="/nowhere.keytab")
    with pytest.raises(requests.RequestException, match=r"/nowhere\.keytab"):
        StopMarker(1).exists()
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    connect(auth="kerberos", principal=PRINCIPAL, keytab=str(cluster.client))
    with pytest.raises(Unreachable) as refused:
        StopMarker(1).exists()
    assert isinstance(refused.value.__cause__, requests.exceptions.SSLError)


def compacted(database: Database) -> dict[str, object]:
    """What `compact_counts` does: the job as Airflow starts it, by the connection."""
    done = subprocess.run(
        [sys.executable, *compact_command(settings.count_log(), 1)[1:], "--keep-days", "36500"],
        env={**os.environ, "HASHTIDE_COMPACTOR_DSN": database.compactor},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.postgres
def test_the_compaction_reads_a_secured_hdfs_also_when_the_other_namenode_takes_over(
    cluster: SecuredHadoop, database: Database, tmp_path: Path
) -> None:
    stream = Stream(tmp_path / "counts")
    for n in range(3):
        stream.write(random_events(random.Random(n), START, 5, TERMS))  # noqa: S311
    cluster.fs("-mkdir", "-p", "/hashtide/counts/generation=1")
    cluster.fs("-put", *(str(stream.folder(n)) for n in range(2)), "/hashtide/counts/generation=1/")
    assert compacted(database)["batches"] == 2
    cluster.kill("nn1")
    cluster.make_active("nn2")
    cluster.fs("-put", str(stream.folder(2)), "/hashtide/counts/generation=1/")
    assert compacted(database)["batches"] == 1
    assert_exact(database, stream)
    StopMarker(1).put()
    assert StopMarker(1).remove()


def test_a_ticket_is_asked_for_by_the_job_s_own_arguments(cluster: SecuredHadoop) -> None:
    url = settings.count_log().url
    with pytest.raises(CountLogUnavailableError, match="401"):
        CountLogReader(url, 1, Access(ca_file=cluster.authority)).batches()
    with pytest.raises(CountLogUnavailableError, match="no Kerberos ticket"):
        CountLogReader(url, 1, Access(auth="kerberos", ca_file=cluster.authority)).batches()

"""A secured Hadoop for tests: a Kerberos realm of its own, two NameNodes, a DataNode, two ResourceManagers, HTTPS only.

As an existing cluster is: SPNEGO at every REST service, SASL for the blocks, one of each pair on standby. Everything is
on loopback, of this process's user, below one folder; no file of the system's is read or written.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from tests.brokers import HOST, free_port

REALM = "HASHTIDE.TEST"
NAME = "localhost"  # what every service calls itself: its principal, its certificate, its redirects
PASSWORD = "changeit"  # of the key store, which lives as long as the test
UP_WITHIN_S = 90.0
JAVA_HOME = Path(os.environ.get("JAVA_HOME", "/usr"))

HDFS_SERVER = "org.apache.hadoop.hdfs.server"
YARN_SERVER = "org.apache.hadoop.yarn.server"


def run(command: list[str], environment: Mapping[str, str], given: str = "") -> str:
    """A command to its end; what it said.

    Raises:
        RuntimeError: it failed; with its last words.
    """
    done = subprocess.run(
        command, env=dict(environment), input=given, text=True, check=False, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])}: {done.stdout[-3000:]}")
    return done.stdout


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it is listened on.

    Raises:
        RuntimeError: the process ended, or took too long.
    """
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers on {port}: {log.read_text(errors='replace')[-3000:]}")


@dataclass
class Realm:
    """A KDC of its own: `kinit` and every service here know it by `KRB5_CONFIG` alone."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """krb5.conf."""
        return self.home / "krb5.conf"

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process a member of the realm."""
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(self.home / "kdc.conf"),
        }

    def start(self) -> None:
        """Make the database and answer."""
        self.home.mkdir(parents=True)
        self.config.write_text(f"""[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 forwardable = true
 default_ccache_name = FILE:{self.home}/tickets
[realms]
 {REALM} = {{
  kdc = {HOST}:{self.port}
 }}
[domain_realm]
 {NAME} = {REALM}
""")
        (self.home / "kdc.conf").write_text(f"""[kdcdefaults]
 kdc_listen = {HOST}:{self.port}
 kdc_tcp_listen = {HOST}:{self.port}
[realms]
 {REALM} = {{
  database_name = {self.home}/principal
  key_stash_file = {self.home}/stash
  acl_file = {self.home}/kadm5.acl
  max_life = 1d
  max_renewable_life = 7d
 }}
[logging]
 kdc = FILE:{self.home}/kdc.log
""")
        run(["kdb5_util", "create", "-s", "-r", REALM, "-P", PASSWORD], self.environment)
        log = self.home / "krb5kdc.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                ["krb5kdc", "-n", "-r", REALM], env=self.environment, stdout=out, stderr=out
            )
        wait_for_port(self.port, self.process, log)

    def keytab(self, name: str, *principals: str) -> Path:
        """A file with the keys of new principals."""
        path = self.home / f"{name}.keytab"
        lines = [f"addprinc -randkey {each}" for each in principals]
        lines += [f"ktadd -k {path} {each}" for each in principals]
        run(["kadmin.local", "-r", REALM], self.environment, "\n".join(lines) + "\n")
        return path


@dataclass
class Daemon:
    """One JVM of Hadoop's."""

    name: str
    main: str
    port: int
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class SecuredHadoop:
    """The cluster. `environment` is a client's, without a ticket; `client` is its keytab.

    Args:
        home: an empty folder.
        jars: Hadoop's.
        with_node: whether there is a NodeManager, so that something can run.
    """

    def __init__(self, home: Path, jars: Path, *, with_node: bool = False) -> None:
        self.home, self.jars, self.with_node = home, jars, with_node
        self.realm = Realm(home / "kerberos")
        names = (
            *("nn1_rpc", "nn1_https", "nn2_rpc", "nn2_https", "dn", "dn_https", "dn_ipc"),
            *(f"rm{n}_{part}" for n in (1, 2) for part in ("rpc", "scheduler", "tracker", "admin", "https")),
            *("nm", "nm_localizer", "nm_https", "nm_collector"),
        )
        self.ports: dict[str, int] = {}
        for name in names:
            while (port := free_port()) in self.ports.values():
                pass
            self.ports[name] = port
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def conf(self) -> Path:
        """HADOOP_CONF_DIR, a client's too."""
        return self.home / "conf"

    @property
    def authority(self) -> Path:
        """The certificate that every service is to be trusted by, PEM."""
        return self.home / "ca.pem"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to be one."""
        return {**self.realm.environment, "HADOOP_CONF_DIR": str(self.conf), "JAVA_HOME": str(JAVA_HOME)}

    def start(self) -> None:
        """Everything up; nn1 and rm1 active, nn2 and rm2 on standby."""
        self.realm.start()
        self.conf.mkdir()
        self.client = self.realm.keytab("hashtide", f"hashtide@{REALM}")
        self.services = self.realm.keytab("services", *(f"{each}/{NAME}@{REALM}" for each in ("hdfs", "yarn", "HTTP")))
        (self.home / "signature").write_text("not a secret: it signs this test's cookies")
        self._certificate()
        self._write_configuration()
        name_node = f"{HDFS_SERVER}.namenode.NameNode"
        self._hadoop(name_node, "-format", "-nonInteractive", node="nn1")
        # The second one begins as a copy of the first: both edit one folder, as over NFS.
        shutil.copytree(self.home / "nn1", self.home / "nn2")
        self._start(Daemon("nn1", name_node, self.ports["nn1_https"]))
        self._start(Daemon("nn2", name_node, self.ports["nn2_https"]))
        self._start(Daemon("dn", f"{HDFS_SERVER}.datanode.DataNode", self.ports["dn_https"]))
        manager = f"{YARN_SERVER}.resourcemanager.ResourceManager"
        for name in ("rm1", "rm2"):
            self._start(Daemon(name, manager, self.ports[f"{name}_https"]))
        if self.with_node:
            self._start(Daemon("nm", f"{YARN_SERVER}.nodemanager.NodeManager", self.ports["nm_https"]))
        self.wait()
        self.make_active("nn1")
        self.make_active("rm1")

    def wait(self) -> None:
        """Until every daemon that was started answers."""
        for name, process in self.processes.items():
            last = {"nn": f"{name}_rpc", "rm": f"{name}_admin"}.get(name[:2], f"{name}_https")
            for port in (f"{name}_https", last):  # a NameNode's pages are there before it can be told to work
                wait_for_port(self.ports[port], process, self.home / f"{name}.log")

    def make_active(self, name: str) -> None:
        """Let one of a pair work; the other is on standby or dead."""
        number = name[-1]
        other = name[:-1] + ("2" if number == "1" else "1")
        if name.startswith("nn"):
            tool = "org.apache.hadoop.hdfs.tools.DFSHAAdmin"
        else:
            tool = "org.apache.hadoop.yarn.client.cli.RMAdminCLI"
        # Who is dead can't be asked whether it is active: then nobody asks.
        force = [] if other in self.processes else ["--forceactive"]
        self._hadoop(tool, "-transitionToActive", *force, name, as_service=True)

    def kill(self, name: str) -> None:
        """SIGKILL to one daemon."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(timeout=10)

    def stop(self) -> None:
        """End everything that was started."""
        started = [*self.processes.values(), *([self.realm.process] if self.realm.process else [])]
        for process in started:
            process.kill()
        for process in started:
            process.wait(timeout=10)
        self.processes.clear()

    def fs(self, *words: str) -> str:
        """`hdfs dfs` as the superuser."""
        return self._hadoop("org.apache.hadoop.fs.FsShell", *words, as_service=True)

    def _java(self, node: str = "", heap: str = "192m") -> list[str]:
        return [
            f"{JAVA_HOME}/bin/java",
            *(f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
            f"-Djava.security.krb5.conf={self.realm.config}",
            f"-Dhadoop.log.dir={self.home}",
            *("-cp", f"{self.home / 'nodes' / node if node else self.conf}:{self.jars}/*"),
        ]

    def _hadoop(self, main: str, *words: str, node: str = "", as_service: bool = False) -> str:
        environment = self.environment
        if as_service:
            who = "yarn" if "yarn" in main else "hdfs"
            environment["KRB5CCNAME"] = f"FILE:{self.home}/{who}.tickets"
            run(["kinit", "-kt", str(self.services), f"{who}/{NAME}@{REALM}"], environment)
        return run([*self._java(node, "128m"), main, *words], environment)

    def _start(self, daemon: Daemon) -> None:
        log = self.home / f"{daemon.name}.log"
        with log.open("ab") as out:
            self.processes[daemon.name] = subprocess.Popen(
                [*self._java(daemon.name, "256m"), daemon.main, *daemon.arguments],
                env=self.environment, stdout=out, stderr=out, cwd=self.home,
            )  # fmt: skip

    def _certificate(self) -> None:
        store = self.home / "keys.p12"
        tool = f"{JAVA_HOME}/bin/keytool"
        common = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", PASSWORD, "-alias", "hashtide"]
        run(
            [tool, "-genkeypair", *common, "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "2",
             "-dname", f"CN={NAME}", "-ext", f"SAN=dns:{NAME},ip:{HOST}", "-ext", "BC=ca:true"],
            self.environment,
        )  # fmt: skip
        self.authority.write_text(run([tool, "-exportcert", "-rfc", *common], self.environment))
        trust = ["-keystore", str(self.home / "trust.p12"), "-storetype", "PKCS12", "-storepass", PASSWORD]
        run([tool, "-importcert", "-noprompt", "-file", str(self.authority), *trust], self.environment)

    def _write_configuration(self) -> None:
        files = {
            "core-site.xml": self._core(),
            "hdfs-site.xml": self._hdfs(),
            "yarn-site.xml": self._yarn(),
            "ssl-client.xml": _store("client", "truststore", self.home / "trust.p12"),
            "ssl-server.xml": {
                **_store("server", "truststore", self.home / "trust.p12"),
                **_store("server", "keystore", self.home / "keys.p12"),
                "ssl.server.keystore.keypassword": PASSWORD,
            },
            "capacity-scheduler.xml": {
                "yarn.scheduler.capacity.root.queues": "default",
                "yarn.scheduler.capacity.root.default.capacity": "100",
                "yarn.scheduler.capacity.maximum-am-resource-percent": "0.9",
            },
        }
        log4j = (
            "log4j.rootLogger=INFO,console\nlog4j.appender.console=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.console.target=System.err\nlog4j.appender.console.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p %c{2}: %m%n\n"
        )
        for node in ("", "nn1", "nn2", "dn", "rm1", "rm2", "nm"):
            folder = self.home / "nodes" / node if node else self.conf
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "log4j.properties").write_text(log4j)
            for name, properties in files.items():
                own = self._of_node(node) if name in ("hdfs-site.xml", "yarn-site.xml") else {}
                (folder / name).write_text(_xml({**properties, **own}))

    def _of_node(self, node: str) -> dict[str, str]:
        """What one of a pair has to know of itself."""
        if node.startswith("nn"):
            return {"dfs.ha.namenode.id": node, "dfs.namenode.name.dir": f"file://{self.home}/{node}"}
        return {"yarn.resourcemanager.ha.id": node} if node.startswith("rm") else {}

    def _core(self) -> dict[str, str]:
        keytab, http = str(self.services), f"HTTP/{NAME}@{REALM}"
        return {
            "fs.defaultFS": "hdfs://tide",
            "hadoop.security.authentication": "kerberos",
            "hadoop.security.authorization": "true",
            "hadoop.rpc.protection": "privacy",
            "hadoop.tmp.dir": f"{self.home}/hadoop",
            "hadoop.security.auth_to_local": "RULE:[2:$1@$0](.*@HASHTIDE.TEST)s/@.*//\nDEFAULT",
            "hadoop.http.filter.initializers": "org.apache.hadoop.security.AuthenticationFilterInitializer",
            "hadoop.http.authentication.type": "kerberos",
            "hadoop.http.authentication.kerberos.principal": http,
            "hadoop.http.authentication.kerberos.keytab": keytab,
            "hadoop.http.authentication.signature.secret.file": f"{self.home}/signature",
            "hadoop.security.token.service.use_ip": "false",
        }

    def _hdfs(self) -> dict[str, str]:
        ports, keytab = self.ports, str(self.services)
        nodes: dict[str, str] = {}
        for each in ("nn1", "nn2"):
            nodes[f"dfs.namenode.rpc-address.tide.{each}"] = f"{NAME}:{ports[f'{each}_rpc']}"
            nodes[f"dfs.namenode.https-address.tide.{each}"] = f"{NAME}:{ports[f'{each}_https']}"
        return {
            **nodes,
            "dfs.nameservices": "tide",
            "dfs.ha.namenodes.tide": "nn1,nn2",
            "dfs.client.failover.proxy.provider.tide": (
                "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
            ),
            "dfs.namenode.shared.edits.dir": f"file://{self.home}/edits",
            "dfs.ha.fencing.methods": "shell(/bin/true)",
            "dfs.ha.nn.not-become-active-in-safemode": "false",
            "dfs.namenode.kerberos.principal": f"hdfs/{NAME}@{REALM}",
            "dfs.namenode.keytab.file": keytab,
            "dfs.datanode.kerberos.principal": f"hdfs/{NAME}@{REALM}",
            "dfs.datanode.keytab.file": keytab,
            "dfs.web.authentication.kerberos.principal": f"HTTP/{NAME}@{REALM}",
            "dfs.web.authentication.kerberos.keytab": keytab,
            "dfs.block.access.token.enable": "true",
            "dfs.data.transfer.protection": "privacy",
            "dfs.http.policy": "HTTPS_ONLY",
            "dfs.datanode.data.dir": f"file://{self.home}/blocks",
            "dfs.datanode.address": f"{HOST}:{ports['dn']}",
            "dfs.datanode.https.address": f"{HOST}:{ports['dn_https']}",
            "dfs.datanode.ipc.address": f"{HOST}:{ports['dn_ipc']}",
            "dfs.datanode.hostname": NAME,
            "dfs.namenode.datanode.registration.ip-hostname-check": "false",
            "dfs.webhdfs.rest-csrf.enabled": "true",
            "dfs.replication": "1",
            "dfs.namenode.safemode.extension": "0",
        }

    def _yarn(self) -> dict[str, str]:
        ports, keytab, yarn = self.ports, str(self.services), f"yarn/{NAME}@{REALM}"
        managers: dict[str, str] = {}
        kinds = {
            "address": "rpc",
            "scheduler.address": "scheduler",
            "resource-tracker.address": "tracker",
            "admin.address": "admin",
            "webapp.https.address": "https",
        }
        for each in ("rm1", "rm2"):
            managers[f"yarn.resourcemanager.hostname.{each}"] = NAME
            for key, part in kinds.items():
                managers[f"yarn.resourcemanager.{key}.{each}"] = f"{NAME}:{ports[f'{each}_{part}']}"
        http = f"HTTP/{NAME}@{REALM}"
        return {
            **managers,
            "yarn.resourcemanager.ha.enabled": "true",
            "yarn.resourcemanager.ha.automatic-failover.enabled": "false",
            "yarn.resourcemanager.ha.rm-ids": "rm1,rm2",
            "yarn.resourcemanager.cluster-id": "tide",
            "yarn.resourcemanager.recovery.enabled": "true",
            "yarn.resourcemanager.store.class": f"{YARN_SERVER}.resourcemanager.recovery.FileSystemRMStateStore",
            "yarn.resourcemanager.fs.state-store.uri": f"file://{self.home}/rm-state",
            "yarn.http.policy": "HTTPS_ONLY",
            "yarn.resourcemanager.webapp.rest-csrf.enabled": "true",
            "yarn.acl.enable": "true",
            "yarn.admin.acl": "yarn",
            "yarn.resourcemanager.principal": yarn,
            "yarn.resourcemanager.keytab": keytab,
            "yarn.resourcemanager.webapp.spnego-principal": http,
            "yarn.resourcemanager.webapp.spnego-keytab-file": keytab,
            "yarn.nodemanager.principal": yarn,
            "yarn.nodemanager.keytab": keytab,
            "yarn.nodemanager.webapp.spnego-principal": http,
            "yarn.nodemanager.webapp.spnego-keytab-file": keytab,
            "yarn.nodemanager.hostname": NAME,
            "yarn.nodemanager.address": f"{NAME}:{ports['nm']}",
            "yarn.nodemanager.localizer.address": f"{NAME}:{ports['nm_localizer']}",
            "yarn.nodemanager.webapp.https.address": f"{NAME}:{ports['nm_https']}",
            "yarn.nodemanager.collector-service.address": f"{NAME}:{ports['nm_collector']}",
            "yarn.nodemanager.local-dirs": f"{self.home}/nm-local",
            "yarn.nodemanager.log-dirs": f"{self.home}/nm-logs",
            "yarn.nodemanager.resource.memory-mb": "4096",
            "yarn.nodemanager.vmem-check-enabled": "false",
            "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.5",
            "yarn.scheduler.minimum-allocation-mb": "256",
            "yarn.nodemanager.env-whitelist": "JAVA_HOME,HADOOP_CONF_DIR,PATH,LANG,TZ",
        }


def _store(side: str, kind: str, path: Path) -> dict[str, str]:
    name = f"ssl.{side}.{kind}"
    return {f"{name}.location": str(path), f"{name}.type": "PKCS12", f"{name}.password": PASSWORD}


def _xml(properties: Mapping[str, str]) -> str:
    rows = "".join(
        f"<property><name>{name}</name><value>{escape(value)}</value></property>\n"
        for name, value in properties.items()
    )
    return f'<?xml version="1.0"?>\n<configuration>\n{rows}</configuration>\n'

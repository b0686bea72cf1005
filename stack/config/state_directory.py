"""The state directory: everything that one stack keeps is below it."""

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from contract.files import make_directory
from stack.config.errors import StackError

# A unix socket's path has room for 108 bytes, the zero at its end too; supervisord adds a dot and its pid as it binds.
_LONGEST_SOCKET_PATH = 95


@dataclass(frozen=True)
class StateDirectory:
    """The paths in one state directory.

    Attributes:
        root: the directory itself.
    """

    root: Path

    @property
    def data(self) -> Path:
        """The services' data: databases, topics, file systems."""
        return self.root / "data"

    @property
    def conf(self) -> Path:
        """Rendered configuration, rewritten by each `up`."""
        return self.root / "conf"

    @property
    def logs(self) -> Path:
        """One log per process, rotated."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """State of this run: process groups, locks, the socket; and the tally of restarts."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, each in a file with mode 0600."""
        return self.root / "secrets"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def variables_file(self) -> Path:
        """Airflow's variables."""
        return self.airflow / "variables.json"

    @property
    def spool(self) -> Path:
        """The collector's spool, also the raw archive."""
        return self.root / "spool"

    @property
    def reports(self) -> Path:
        """Where the reports are written."""
        return self.root / "reports"

    @property
    def input(self) -> Path:
        """The only folder whose files a form in Airflow may name, unless another is set."""
        return self.root / "input"

    @property
    def nodemanager_local(self) -> Path:
        """Where YARN's containers work: a process that works here is a container of this stack."""
        return self.data / "nm-local"

    @property
    def hadoop_conf(self) -> Path:
        """HADOOP_CONF_DIR."""
        return self.conf / "hadoop"

    @property
    def spark_conf(self) -> Path:
        """SPARK_CONF_DIR."""
        return self.conf / "spark"

    @property
    def socket(self) -> Path:
        """Supervisord's socket; in a short private directory if the path of this one is too long for a socket."""
        inside = self.run / "supervisor.sock"
        if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return private_runtime_dir() / f"{name}.sock"

    def log_files(self) -> dict[str, Path]:
        """All logs by name: the services', the collector's (`collect`) and those of YARN's containers.

        `count` is the streaming job's driver, the first container of the newest application's newest attempt; YARN has
        our Python's output in its stdout, Spark's in its stderr.
        """
        found = {path.stem: path for path in sorted(self.logs.glob("*.log"))}
        if (collector := self.spool / "collector.log").exists():
            found["collect"] = collector
        containers = sorted(self.data.glob("nm-logs/application_*/container_*/std*"))
        if drivers := [path for path in containers if re.fullmatch(r".*_000001", path.parent.name)]:
            found["count"] = drivers[-1].with_name("stdout")
        newest = [path for path in containers if path.parent.parent == containers[-1].parent.parent]
        return found | {f"container-{'_'.join(path.parent.name.split('_')[-3:])}-{path.name}": path for path in newest}

    def make(self) -> None:
        """Creates missing directories.

        Raises:
            StackError: the state directory can't be written.
        """
        try:
            for path in (self.data, self.conf, self.logs, self.run, self.spool, self.reports, self.input):
                make_directory(path)
            for path in (self.secrets, self.airflow):
                make_directory(path, mode=0o700)
                path.chmod(0o700)
        except OSError as error:
            raise StackError(
                f"can't write the state directory {self.root}: {error}; choose another with --home"
            ) from None


def private_runtime_dir() -> Path:
    """A directory with a short path that only this user may enter; created if it is missing.

    Raises:
        StackError: a directory of that name belongs to another user.
    """
    path = Path(tempfile.gettempdir()) / f"hashtide-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StackError(f"{path} belongs to another user; move it away, or set TMPDIR")
    path.chmod(0o700)
    return path

"""The stop marker in HDFS, over WebHDFS: `ROOT/stop/generation=G`.

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from __future__ import annotations

import getpass

import requests
from airflow.sdk import BaseHook

from contract import names
from hashtide_airflow import settings
from hashtide_airflow.services import HdfsExtra, service_of


class StopMarker(BaseHook):
    """The file that ends a generation's streaming job after its current batch.

    Every method raises `contract.hadoop_rest.HadoopError` if HDFS does not answer or refuses.
    """

    def __init__(self, generation: int, connection_id: str = names.HDFS) -> None:
        super().__init__()
        self.connection_id = connection_id
        self.generation = generation

    @property
    def path(self) -> str:
        """The marker's path in HDFS."""
        return f"{settings.hdfs_root()}/{names.stop_marker(self.generation)}"

    def put(self) -> None:
        """Asks the job to stop; may be repeated."""
        # requests follows the NameNode's 307 to a DataNode with the same method.
        self._ask("PUT", "CREATE", overwrite="true")

    def exists(self) -> bool:
        """Whether the marker is there."""
        return bool(self._ask("GET", "GETFILESTATUS", missing_ok=True).ok)

    def remove(self) -> bool:
        """Removes the marker; true if there was one."""
        return bool(self._ask("DELETE", "DELETE", recursive="true").json()["boolean"])

    def _ask(self, method: str, operation: str, *, missing_ok: bool = False, **options: str) -> requests.Response:
        service = service_of(self.get_connection(self.connection_id), HdfsExtra)
        path, params = f"/webhdfs/v1{self.path}", {"op": operation, **options}
        accept = (requests.codes.not_found,) if missing_ok else ()
        # Asked for only if needed: a container's user may have no name.
        user = "" if service.user or service.extra.auth != "simple" else getpass.getuser()
        return service.rest(user).ask(method, path, params, accept=accept)

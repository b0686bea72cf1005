"""Which Kafka cluster a spool belongs to. Another cluster's broker on the same port must not get our posts."""

from pathlib import Path

from collecting.publish.producer import Unavailable
from contract.spool import choices


class Cluster:
    """The id of the cluster that the spool was first published to, in one small file beside the segments."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def check(self, cluster_id: str | None) -> None:
        """Keeps the id the first time and compares it from then on. A broker that does not give one is trusted.

        Raises:
            Unavailable: it is another cluster.
        """
        if cluster_id is None:
            return
        ours = choices.read_cluster_id(self._directory)
        if ours is None:
            choices.write_cluster_id(self._directory, cluster_id)
        elif cluster_id != ours:
            raise Unavailable(
                f"this is cluster {cluster_id}, and the spool belongs to {ours}: nothing is sent "
                f"(if the move is meant, remove {choices.cluster_path(self._directory)})"
            )

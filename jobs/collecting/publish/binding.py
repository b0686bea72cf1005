"""Which Kafka cluster and topic a spool belongs to. Another cluster's broker, or a topic made anew, gets nothing."""

from pathlib import Path

from collecting.publish.producer import Unavailable
from contract.spool import choices
from contract.spool.choices import Target


class Binding:
    """The ids of cluster and topic that the spool was first published to, in one small file beside the segments."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = choices.target_path(directory)

    def is_new(self, cluster_id: str | None, topic_id: str | None) -> bool:
        """Compares the ids with those that were kept; true if `keep` has to be called. A missing one is trusted.

        Raises:
            Unavailable: it is another cluster, or the topic was made anew, or our file is damaged.
        """
        try:
            ours = choices.read_target(self._directory)
        except ValueError as error:
            raise Unavailable(str(error)) from error
        if ours is None:
            return cluster_id is not None
        if cluster_id not in (None, ours.cluster_id):
            raise Unavailable(
                f"this is cluster {cluster_id}, and the spool belongs to {ours.cluster_id}: nothing is sent "
                f"(if the move is meant, remove {self._path})"
            )
        if ours.topic_id is None:
            return topic_id is not None
        if topic_id not in (None, ours.topic_id):
            raise Unavailable(
                f"the topic was deleted and made anew (its id is {topic_id}, the spool's is {ours.topic_id}): "
                f"nothing is sent (if that is meant, remove {self._path}, and sending continues with the next record; "
                f"to send all that the spool still holds remove {self._directory / 'acked.json'} too)"
            )
        return False

    def keep(self, cluster_id: str | None, topic_id: str | None) -> None:
        """Binds the spool to both for good."""
        ours = choices.read_target(self._directory)
        cluster_id = cluster_id or (ours.cluster_id if ours else None)
        if cluster_id is not None:
            choices.write_target(self._directory, Target(cluster_id, topic_id))

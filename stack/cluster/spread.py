"""Spreads the copies of Kafka's topics over its brokers: after one was added, or before one goes.

    docker compose run --rm --entrypoint "python -P -m stack.cluster.spread" setup

Writers and readers go on meanwhile: offsets stay, and a copy is dropped only when its successor is complete. Kafka does
the moving, also without whoever waits for it here; started again, this waits for what is under way and does the rest.
"""

import argparse
import ssl
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError

from stack.cluster.brokers import quiet
from stack.cluster.layout import AUTHORITY, deployment
from stack.config.errors import StackError

LIMIT_MIN = 60
_REQUEST_LIMIT_MS = 30_000
_PAUSES_S = (0.5, 5.0)  # the first and the longest between two looks
_PREFERRED = 0


def plan(topics: Iterable[Mapping[str, Any]], brokers: Sequence[int]) -> dict[TopicPartition, list[int]]:
    """Returns the brokers that shall have each partition, the one that leads first; those left out are well placed.

    Partition after partition goes around the brokers. From the first three to a fourth that moves three of the twelve
    copies of four partitions, which is the least that makes them even.

    Args:
        topics: as `describe_topics` has them; none of their partitions is being moved.
        brokers: numbers of those that may have copies, in order.

    Raises:
        StackError: a topic has more copies than there are brokers.
    """
    wanted = {}
    for topic in topics:
        for partition in topic["partitions"]:
            number, copies = partition["partition_index"], len(partition["replica_nodes"])
            if copies > len(brokers):
                raise StackError(f"{topic['name']} has {copies} copies, which {len(brokers)} brokers can't have")
            chosen = [brokers[(number + place) % len(brokers)] for place in range(copies)]
            if chosen != list(partition["replica_nodes"]):
                wanted[TopicPartition(topic["name"], number)] = chosen
    return wanted


def spread(
    admin: KafkaAdminClient, brokers: Sequence[int], limit_s: float, say: Callable[[str], object]
) -> dict[TopicPartition, list[int]]:
    """Moves the copies of all topics, Kafka's own among them, and returns what was placed anew when it is done.

    Raises:
        StackError: a broker is away, Kafka refuses, or it takes longer than the limit.
    """
    give_up_at = time.monotonic() + limit_s
    _wait(admin, brokers, give_up_at, say)  # while one is moved, Kafka lists its old and new copies together
    if away := _away(admin, brokers):
        raise StackError(f"{away} is not in the cluster: is it healthy, and is HASHTIDE_BROKERS right?")
    topics = admin.describe_topics()
    wanted = plan(topics, brokers)
    if wanted:
        answers = admin.alter_partition_reassignments(wanted)
        if refused := {where: error for where, error in answers.items() if error}:
            where, error = next(iter(refused.items()))
            raise StackError(f"Kafka moves nothing of {where.topic}[{where.partition}]: {error.__name__}")
        _wait(admin, brokers, give_up_at, say)
        # Else the new broker leads nothing for up to five minutes.
        admin.elect_leaders(_PREFERRED, {topic["name"]: _numbers(topic) for topic in topics}, raise_errors=False)
    return wanted


def _away(admin: KafkaAdminClient, brokers: Sequence[int]) -> str:
    """Names of those that the controllers don't count on."""
    living = {each["broker_id"] for each in admin.describe_cluster()["brokers"] if not each.get("is_fenced")}
    return ", ".join(f"kafka-{number}" for number in brokers if number not in living)


def _numbers(topic: Mapping[str, Any]) -> list[int]:
    return [partition["partition_index"] for partition in topic["partitions"]]


def _wait(admin: KafkaAdminClient, brokers: Sequence[int], give_up_at: float, say: Callable[[str], object]) -> None:
    """Returns when nothing is being moved; a broker that is away for a moment is asked again."""
    said, (pause_s, longest_s) = "", _PAUSES_S
    while True:
        try:
            moving, away = admin.list_partition_reassignments(), _away(admin, brokers)
        except KafkaError as error:
            state = f"Kafka does not say how far it is ({type(error).__name__})"
        else:
            if not moving:
                return
            state = f"partitions that are being moved: {len(moving)}" + (f"; {away} is away" if away else "")
        if state != said:
            say(state)
            said = state
        if time.monotonic() + pause_s > give_up_at:
            raise StackError(f"{state}; Kafka goes on by itself, and this waits for it when it is started again")
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, longest_s)


def administrator(bootstrap_servers: str, authority: Path) -> KafkaAdminClient:
    """Connects as Kafka's superuser, by its certificate.

    Raises:
        StackError: nobody answers, or not to us.
    """
    try:
        context = ssl.create_default_context(cafile=str(authority / "ca.pem"))
        context.load_cert_chain(str(authority / "admin.pem"))
        return KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","),
            security_protocol="SSL",
            ssl_context=context,
            request_timeout_ms=_REQUEST_LIMIT_MS,
            bootstrap_timeout_ms=_REQUEST_LIMIT_MS,
        )
    except (KafkaError, OSError) as error:
        raise StackError(f"Kafka at {bootstrap_servers}: {type(error).__name__} {error}".rstrip()) from None


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Spreads and says what went where; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m stack.cluster.spread", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--brokers", type=int, help="over so many, 3 at least; else HASHTIDE_BROKERS says")
    parser.add_argument("--limit-min", type=float, default=LIMIT_MIN, help="how long to wait (%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        here = deployment()
        hosts = here.hosts["kafka"].split(",")
        servers = ",".join(f"{host}:{here.ports['kafka_broker']}" for host in hosts)
        brokers = range(1, (chosen.brokers or len(hosts)) + 1)
        with quiet(), closing(administrator(servers, AUTHORITY)) as admin:
            moved = spread(admin, brokers, 60 * chosen.limit_min, _say)
    except StackError as error:
        sys.stderr.write(f"hashtide: {error}\n")
        return 1
    except KafkaError as error:
        sys.stderr.write(f"hashtide: Kafka: {type(error).__name__} {error}\n")
        return 1
    for where, places in sorted(moved.items()):
        _say(f"{where.topic}[{where.partition}] is on {', '.join(f'kafka-{number}' for number in places)}")
    _say("done" if moved else "nothing to do: every copy is where it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Access to the cluster's Kafka: users, ACLs and the topic.

Brokers deny what no ACL allows. The administrator connects with its certificate to the brokers' listener; users with
passwords are created here, so formatting a broker needs no secret.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from contract.kafka_client import KafkaClientConfig, KafkaConfigError, read_kafka_config
from contract.names import TOPIC
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.daemons.provisioning import PARTITIONS

COPIES = 3
_LIMIT_S = 120.0
_REQUEST_LIMIT_S = 5.0
_PAUSES_S = (0.2, 2.0)  # the first and the longest between two tries
# Kafka's minimum: passwords are 256 random bits, so more rounds would slow down connections and no attacker.
_ITERATIONS = 4096
_READ, _WRITE, _DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE
_LITERAL, _PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
# Writing is all that an idempotent producer needs (KIP-679). Spark's groups are `spark-kafka-…`, ours `hashtide…`.
_ALLOWED = {
    "collector": ((ResourceType.TOPIC, TOPIC, _LITERAL, (_WRITE, _DESCRIBE)),),
    "counter": (
        (ResourceType.TOPIC, TOPIC, _LITERAL, (_READ, _DESCRIBE)),
        (ResourceType.GROUP, "spark-kafka-", _PREFIXED, (_READ, _DESCRIBE)),
        (ResourceType.GROUP, "hashtide", _PREFIXED, (_READ, _DESCRIBE)),
    ),
}
_PASSING = (
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError._SSL,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NOT_CONTROLLER,
    KafkaError.INVALID_REPLICATION_FACTOR,  # a broker that has just ended
)


def ensure(deployment: Deployment, authority: Path) -> list[str]:
    """Creates missing users, ACLs and the topic of a deployment's Kafka. Returns a line per change.

    Raises:
        StackError: as `ensure_access`.
    """
    hosts = deployment.hosts["kafka"].split(",")
    files = (deployment.secrets.kafka_writer_file, deployment.secrets.kafka_reader_file)
    clients = [_read_config(path).settings for path in files]
    return ensure_access(
        ",".join(f"{host}:{deployment.ports['kafka_broker']}" for host in hosts),
        authority,
        {client["sasl.username"]: client["sasl.password"] for client in clients},
        brokers=len(hosts),
        retention_days=deployment.settings.topic_retention_days,
    )


def _read_config(path: Path) -> KafkaClientConfig:
    try:
        return read_kafka_config(path)
    except KafkaConfigError as error:
        raise StackError(str(error)) from None


def ensure_access(
    bootstrap_servers: str,
    authority: Path,
    passwords: Mapping[str, str],
    *,
    brokers: int,
    retention_days: int,
    limit_s: float = _LIMIT_S,
) -> list[str]:
    """Creates missing users, ACLs and the topic.

    Passwords are set each time: Kafka keeps only a salted hash, and a record of our own would be wrong after a restored
    volume. Open connections stay open.

    Args:
        bootstrap_servers: `host:port,…` of the listener that requires a certificate.
        authority: the folder of `ca.pem` and `admin.pem`.
        passwords: of `collector` and `counter`.
        brokers: how many must be in the cluster before the topic is created.
        retention_days: how long the topic keeps posts.
        limit_s: for everything together.

    Returns:
        A line per change.

    Raises:
        StackError: brokers do not answer, or refuse; the message says which step and why.
    """
    admin = _Admin(bootstrap_servers, authority, time.monotonic() + limit_s)
    _wait_for(admin, brokers)
    return [
        *_set_passwords(admin, passwords),
        *(line for user in passwords for line in _allow(admin, user)),
        *_ensure_topic(admin, min(COPIES, brokers), retention_days),
    ]


class _Admin:
    """The administrator's connection, which retries with growing pauses until a deadline."""

    def __init__(self, bootstrap_servers: str, authority: Path, give_up_at: float) -> None:
        self._where = f"Kafka at {bootstrap_servers}"
        self._give_up_at = give_up_at
        self._last = ""
        own = str(authority / "admin.pem")  # certificate and key
        settings: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "security.protocol": "SSL",
            "ssl.ca.location": str(authority / "ca.pem"),
            "ssl.certificate.location": own,
            "ssl.key.location": own,
            "error_cb": self._failed,
            "log_level": 0,  # errors are reported by us
        }
        try:
            self._client = AdminClient(settings)
        except KafkaException as error:
            raise StackError(f"{self._where}: {_words(error)} (certificates of {authority})") from None

    def _failed(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # which does not say why
            self._last = error.str()

    def ask(self, what: str, request: "Callable[[AdminClient], Future[Any]]") -> Any:
        """Returns the answer to a request.

        Raises:
            StackError: it was refused, or not answered before the deadline.
        """
        why = ""
        for _ in self.tries():
            try:
                return request(self._client).result()
            except KafkaException as error:
                if not _passes(error):
                    raise _RefusedError(f"{self._where}, {what}: {_words(error)}", error.args[0].code()) from None
                self._client.poll(0)  # calls _failed, which knows more
                why = self._last or _words(error)
        raise StackError(f"{self._where}, {what}: {why}")

    def tries(self) -> Iterator[None]:
        """Yields once per try, the first at once, until the deadline."""
        pause_s, longest_s = _PAUSES_S
        yield
        while time.monotonic() + pause_s < self._give_up_at:
            time.sleep(pause_s)
            yield
            pause_s = min(2 * pause_s, longest_s)


class _RefusedError(StackError):
    """Kafka refused the request."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def _words(error: KafkaException) -> str:
    return str(error.args[0].str())


def _passes(error: KafkaException) -> bool:
    """Whether a retry may succeed: there was no answer yet, or the broker says so."""
    return error.args[0].retriable() or error.args[0].code() in _PASSING


def _wait_for(admin: _Admin, brokers: int) -> None:
    there = ""
    for _ in admin.tries():
        found = admin.ask("brokers", lambda client: client.describe_cluster(request_timeout=_REQUEST_LIMIT_S))
        if len(found.nodes) >= brokers:
            return
        there = ", ".join(sorted(f"{node.host}:{node.port}" for node in found.nodes))
    raise StackError(f"Kafka does not have all of its {brokers} brokers, only {there}; see the logs of the others")


def _set_passwords(admin: _Admin, passwords: Mapping[str, str]) -> list[str]:
    for user, password in passwords.items():
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        wanted = UserScramCredentialUpsertion(user, info, password.encode())
        admin.ask(f"password of {user}", _of_one(AdminClient.alter_user_scram_credentials, wanted))
    return [f"password of {user} set" for user in passwords]


def _allow(admin: _Admin, user: str) -> list[str]:
    every = _every_rule_of(user)
    there = admin.ask(f"rules of {user}", lambda client: client.describe_acls(every))
    lines = []
    for rule_name, rule in _rules_of(user):
        if rule not in there:
            admin.ask(rule_name, _of_one(AdminClient.create_acls, rule))
            lines.append(rule_name)
    return lines


def _every_rule_of(user: str) -> AclBindingFilter:
    kinds = ResourceType.ANY, None, ResourcePatternType.ANY  # None: of any name, below: from any host
    return AclBindingFilter(*kinds, f"User:{user}", None, AclOperation.ANY, AclPermissionType.ANY)  # type: ignore[arg-type]


def _rules_of(user: str) -> Iterator[tuple[str, AclBinding]]:
    for kind, name, pattern, operations in _ALLOWED[user]:
        for operation in operations:
            rule_name = f"{user} may {operation.name.lower()} {kind.name.lower()} {name}"
            yield rule_name, AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def _ensure_topic(admin: _Admin, copies: int, retention_days: int) -> list[str]:
    configs = {
        "cleanup.policy": "delete",
        # The broker's clock, not the sender's: retention and the event time of plain text use it.
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(retention_days * 86_400_000),
        # One broker may be away; an acknowledged post is still on two disks.
        "min.insync.replicas": "2" if copies >= COPIES else "1",
    }
    topic = NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=copies, config=configs)
    try:
        admin.ask(f"topic {TOPIC}", _of_one(AdminClient.create_topics, topic))
    except _RefusedError as error:
        if error.code != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return _configure(admin, configs) + _check_copies(admin, copies)
    return [f"topic {TOPIC} made, {PARTITIONS} partitions, {copies} copies"]


def _configure(admin: _Admin, configs: Mapping[str, str]) -> list[str]:
    there = admin.ask(f"topic {TOPIC}", _of_one(AdminClient.describe_configs, _topic_resource()))
    wrong = {key: value for key, value in configs.items() if there[key].value != value}
    if wrong:
        change = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in wrong.items()]
        admin.ask(f"topic {TOPIC}", _of_one(AdminClient.incremental_alter_configs, _topic_resource(change)))
    return [f"topic {TOPIC}: {key} was {there[key].value}, is {value}" for key, value in wrong.items()]


def _topic_resource(change: list[ConfigEntry] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResource.Type.TOPIC, TOPIC, incremental_configs=change)


def _check_copies(admin: _Admin, copies: int) -> list[str]:
    """Reports too few copies; Kafka's own tools add them (docs/operations.md)."""
    wanted = TopicCollection([TOPIC])
    found = admin.ask(f"topic {TOPIC}", lambda client: next(iter(client.describe_topics(wanted).values())))
    fewest = min(len(partition.replicas) for partition in found.partitions)
    return [f"topic {TOPIC} has {fewest} copies, not {copies}: see docs/operations.md"] if fewest < copies else []


def _of_one(method: Callable[..., Any], item: object) -> "Callable[[AdminClient], Future[Any]]":
    """A request about one item, by a method that takes several."""
    return lambda client: next(iter(method(client, [item], request_timeout=_REQUEST_LIMIT_S).values()))

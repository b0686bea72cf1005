"""Who may do what in the cluster's Kafka, asked of three real brokers with the product's own settings."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from stack.cluster import kafka_access, pki
from stack.config.errors import StackError
from tests.secured_broker import kafka_file
from tests.secured_cluster import BROKER, CLIENT, SecuredCluster, running_cluster

TOPIC = "posts"
WAIT_S = 20.0
DENIED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


@pytest.fixture(scope="module")
def bare(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), kafka_jars) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def first_run(bare: SecuredCluster) -> list[str]:
    return ensure(bare)


@pytest.fixture
def cluster(bare: SecuredCluster, first_run: list[str]) -> SecuredCluster:
    assert first_run
    return bare


def ensure(cluster: SecuredCluster, **changed: Any) -> list[str]:
    settings: dict[str, Any] = {
        "brokers": 3,
        "retention_days": 30,
        "limit_s": 60.0,
        "passwords": cluster.passwords(),
    } | changed
    return kafka_access.ensure_access(cluster.servers(BROKER), cluster.secrets / "authority", **settings)


def admin_of(cluster: SecuredCluster) -> AdminClient:
    """Keep it in a variable: what it was asked ends with it."""
    return AdminClient(cluster.by_certificate(cluster.secrets / "authority" / "admin.pem"))


def send(settings: dict[str, Any], topic: str = TOPIC, value: str = "hello") -> int | None:
    """Sends one record with every guarantee; returns None or the error's code."""
    fatal: list[int] = []
    delivered: list[int | None] = []
    producer = Producer(
        {
            **settings,
            "enable.idempotence": True,
            "acks": "all",
            "message.timeout.ms": int(WAIT_S * 1000),
            "error_cb": lambda error: fatal.append(error.code()),
        }
    )
    producer.produce(topic, value, on_delivery=lambda error, _: delivered.append(error.code() if error else None))
    for _ in range(int(WAIT_S * 5)):
        try:
            producer.poll(0.2)
        except KafkaException as refused:  # it gets no number to be idempotent with
            return int(refused.args[0].code())
        if delivered:
            break
        told = [code for code in fatal if code in (KafkaError._AUTHENTICATION, KafkaError._SSL)]
        if told:
            producer.purge()
            return told[0]
    return delivered[0]


def read(settings: dict[str, Any], group: str, wanted: str) -> int | None:
    """Reads the topic in a group until the wanted value comes; returns None or the error's code."""
    consumer = Consumer({**settings, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([TOPIC])
    try:
        for _ in range(int(WAIT_S * 5)):
            record = consumer.poll(0.2)
            if record is None:
                continue
            if failed := record.error():
                if failed.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
                    continue
                return int(failed.code())
            if record.value() == wanted.encode():
                consumer.commit(message=record, asynchronous=False)
                return None
    finally:
        consumer.close()
    raise AssertionError("nothing came")


def refusal(settings: dict[str, Any]) -> str:
    """Makes sure that a client is not let in; returns what it was told, if anything."""
    said: list[str] = []
    told: dict[str, Any] = {"error_cb": lambda error: said.append(error.str())}
    client = AdminClient({**settings, **told})
    with pytest.raises(KafkaException):
        client.describe_cluster(request_timeout=2).result()
    client.poll(0)
    return " | ".join(said)


@pytest.mark.kafka
def test_a_first_run_makes_users_rules_and_topic(first_run: list[str]) -> None:
    assert first_run == [
        "password of collector set",
        "password of counter set",
        "collector may write topic posts",
        "collector may describe topic posts",
        "counter may read topic posts",
        "counter may describe topic posts",
        "counter may read group spark-kafka-",
        "counter may describe group spark-kafka-",
        "counter may read group hashtide",
        "counter may describe group hashtide",
        "topic posts made, 4 partitions, 3 copies",
    ]


@pytest.mark.kafka
def test_a_second_run_sets_passwords_alone(cluster: SecuredCluster) -> None:
    assert ensure(cluster) == ["password of collector set", "password of counter set"]


@pytest.mark.kafka
def test_the_topic_is_kept_three_times_in_four_partitions(cluster: SecuredCluster) -> None:
    client = admin_of(cluster)
    topic = client.describe_topics(TopicCollection([TOPIC]))[TOPIC].result()
    assert [len(partition.replicas) for partition in topic.partitions] == [3, 3, 3, 3]
    resource = ConfigResource(ConfigResource.Type.TOPIC, TOPIC)
    configs = client.describe_configs([resource])[resource].result()
    assert configs["min.insync.replicas"].value == "2"
    assert configs["message.timestamp.type"].value == "LogAppendTime"
    assert configs["cleanup.policy"].value == "delete"
    assert configs["retention.ms"].value == str(30 * 86_400_000)


@pytest.mark.kafka
def test_another_retention_is_taken_over(cluster: SecuredCluster) -> None:
    assert "topic posts: retention.ms was 2592000000, is 604800000" in ensure(cluster, retention_days=7)
    assert "topic posts: retention.ms was 604800000, is 2592000000" in ensure(cluster)


@pytest.mark.kafka
def test_a_topic_with_too_few_copies_is_reported(cluster: SecuredCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"thin-{uuid.uuid4().hex}"
    client = admin_of(cluster)
    client.create_topics([NewTopic(name, 4, 1)])[name].result()
    monkeypatch.setattr(kafka_access, "TOPIC", name)
    assert f"topic {name} has 1 copies, not 3: see docs/operations.md" in ensure(cluster)


@pytest.mark.kafka
@pytest.mark.parametrize("group", ["spark-kafka-source-1", "hashtide-look"])
def test_what_the_collector_writes_the_counter_reads(cluster: SecuredCluster, group: str) -> None:
    value = uuid.uuid4().hex
    assert send(cluster.client("collector"), value=value) is None
    assert read(cluster.client("counter"), group, value) is None


@pytest.mark.kafka
def test_the_counter_sees_how_brokers_and_topic_are(cluster: SecuredCluster) -> None:
    client = AdminClient(cluster.client("counter"))
    assert len(client.describe_cluster().result().nodes) == 3
    assert len(client.describe_topics(TopicCollection([TOPIC]))[TOPIC].result().partitions) == 4


@pytest.mark.kafka
def test_the_counter_may_not_write(cluster: SecuredCluster) -> None:
    assert send(cluster.client("counter")) in DENIED


@pytest.mark.kafka
def test_the_collector_may_not_read(cluster: SecuredCluster) -> None:
    assert read(cluster.client("collector"), "hashtide-look", "") in DENIED


@pytest.mark.kafka
def test_the_counter_may_not_join_a_foreign_group(cluster: SecuredCluster) -> None:
    assert read(cluster.client("counter"), "somebodys", "") == KafkaError.GROUP_AUTHORIZATION_FAILED


@pytest.mark.kafka
def test_the_collector_may_not_write_to_another_topic(cluster: SecuredCluster) -> None:
    assert send(cluster.client("collector"), topic="others") == KafkaError.TOPIC_AUTHORIZATION_FAILED


@pytest.mark.kafka
@pytest.mark.parametrize("user", ["collector", "counter"])
def test_no_user_may_administer(cluster: SecuredCluster, user: str) -> None:
    client = AdminClient(cluster.client(user))
    own = UserScramCredentialUpsertion(user, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), b"another")
    rule = AclBinding(
        ResourceType.TOPIC,
        "*",
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    for asked in (
        client.create_topics([NewTopic("others", 1, 1)]),
        client.delete_topics([TOPIC]),
        client.create_acls([rule]),
        client.alter_user_scram_credentials([own]),
    ):
        with pytest.raises(KafkaException) as refused:
            next(iter(asked.values())).result()
        assert refused.value.args[0].code() in DENIED


@pytest.mark.kafka
def test_a_user_without_a_rule_sees_nothing(cluster: SecuredCluster) -> None:
    word = uuid.uuid4().hex
    nobody = UserScramCredentialUpsertion(
        "nobody", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), word.encode()
    )
    client = admin_of(cluster)
    client.alter_user_scram_credentials([nobody])["nobody"].result()
    settings = {**cluster.client("counter"), "sasl.username": "nobody", "sasl.password": word}
    assert send(settings) in DENIED
    assert read(settings, "hashtide-look", "") in DENIED


@pytest.mark.kafka
def test_a_wrong_password_is_refused(cluster: SecuredCluster) -> None:
    said = refusal({**cluster.client("collector"), "sasl.password": "wrong"})
    assert "invalid credentials" in said


@pytest.mark.kafka
def test_clients_without_a_password_or_without_tls_are_refused(cluster: SecuredCluster) -> None:
    certificate = cluster.by_certificate(cluster.secrets / "authority" / "admin.pem")
    refusal({**certificate, "bootstrap.servers": cluster.servers(CLIENT)})
    refusal({"bootstrap.servers": cluster.servers(CLIENT), "log_level": 0})
    plain = {key: value for key, value in cluster.client("collector").items() if not key.startswith("ssl.")}
    refusal({**plain, "security.protocol": "SASL_PLAINTEXT"})


@pytest.mark.kafka
def test_the_brokers_own_listener_wants_a_certificate_of_their_authority(
    cluster: SecuredCluster, tmp_path: Path
) -> None:
    refusal(cluster.by_certificate(None))
    pki.ensure(tmp_path)  # another cluster's
    refusal(cluster.by_certificate(tmp_path / "authority" / "admin.pem"))


@pytest.mark.kafka
def test_a_password_that_has_changed_holds_from_then_on(cluster: SecuredCluster) -> None:
    old = cluster.client("collector")
    ensure(cluster, passwords={**cluster.passwords(), "collector": "another one"})
    try:
        assert "invalid credentials" in refusal(old)
        assert send({**old, "sasl.password": "another one"}) is None
    finally:
        ensure(cluster)
    assert send(old) is None


@pytest.mark.kafka
def test_no_password_is_in_a_brokers_log(cluster: SecuredCluster) -> None:
    ensure(cluster)
    logs = "".join(cluster.log(name) for name in ("kafka-1", "kafka-2", "kafka-3"))
    assert "QuorumController" in logs
    assert not [user for user, word in cluster.passwords().items() if word in logs]


@pytest.mark.kafka
def test_missing_brokers_are_reported_with_those_that_are_there(cluster: SecuredCluster) -> None:
    with pytest.raises(
        StackError, match=r"does not have all of its 4 brokers, only localhost:\d+, localhost:\d+, localhost:\d+;"
    ):
        ensure(cluster, brokers=4, limit_s=0.5)


@pytest.mark.kafka
def test_a_broker_of_another_ca_is_reported(cluster: SecuredCluster, tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    with pytest.raises(StackError, match="certificate verify failed"):
        kafka_access.ensure_access(
            cluster.servers(BROKER), tmp_path / "authority", {}, brokers=3, retention_days=1, limit_s=0.1
        )


@pytest.mark.kafka
def test_with_one_broker_away_posts_are_written_and_read(cluster: SecuredCluster) -> None:
    cluster.kill("kafka-2")
    try:
        value = uuid.uuid4().hex
        assert send(cluster.client("collector"), value=value) is None
        assert read(cluster.client("counter"), "hashtide-look", value) is None
        assert ensure(cluster, brokers=2) is not None
    finally:
        cluster.start("kafka-2")


def test_an_unreachable_kafka_is_reported_with_address_and_reason(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    with pytest.raises(StackError, match=r"localhost:1, brokers: .*Connection refused"):
        kafka_access.ensure_access("localhost:1", tmp_path / "authority", {}, brokers=1, retention_days=1, limit_s=0.1)


def test_missing_certificates_are_reported(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=re.escape(str(tmp_path))):
        kafka_access.ensure_access("localhost:1", tmp_path, {}, brokers=1, retention_days=1, limit_s=0.1)


def test_a_site_says_where_the_brokers_are_and_what_the_passwords_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def look(servers: str, folder: Path, passwords: dict[str, str], **more: Any) -> list[str]:
        seen.update(servers=servers, folder=folder, passwords=passwords, **more)
        return ["done"]

    for user in ("collector", "counter"):
        config = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": user}
        kafka_file(tmp_path, {**config, "sasl.password": f"word of {user}"}, user)
    secrets = SimpleNamespace(kafka_writer_file=tmp_path / "collector", kafka_reader_file=tmp_path / "counter")
    settings = SimpleNamespace(topic_retention_days=9)
    deployment: Any = SimpleNamespace(
        hosts={"kafka": "a,b"}, ports={"kafka_broker": 9}, secrets=secrets, settings=settings
    )
    monkeypatch.setattr(kafka_access, "ensure_access", look)
    assert kafka_access.ensure(deployment, tmp_path) == ["done"]
    assert seen == {
        "servers": "a:9,b:9",
        "folder": tmp_path,
        "passwords": {"collector": "word of collector", "counter": "word of counter"},
        "brokers": 2,
        "retention_days": 9,
    }

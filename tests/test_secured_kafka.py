"""Every client of ours against a broker that asks who one is: taken in, or told why not, and no secret in any word."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaError

import tail
from contract.kafka_client import read_kafka_config
from counting.topic import TopicUnreadable, require_topic
from stack.observe.kafka_client import open_consumer
from stack.observe.topic_recount import TopicError, end_offsets, recount_topic
from tests.brokers import Broker
from tests.certificates import Authority
from tests.counting.count_log import assert_exact
from tests.secured_broker import CANARY, TOPIC, SecuredBroker, kafka_file

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

JOBS = Path(__file__).resolve().parent.parent / "jobs"
WITHIN_S = 60
PATIENCE_S = 10.0
Settings = dict[str, str] | None


def wrong_password(broker: SecuredBroker, user: str) -> Settings:
    return broker.client(user, sasl_password=f"another-{CANARY}")


def plain(_broker: SecuredBroker, _user: str) -> Settings:
    return None


def another_authority(broker: SecuredBroker, user: str) -> Settings:
    return broker.client(user, ssl_ca_pem=Authority().pem)


def nobody(broker: SecuredBroker, _user: str) -> Settings:
    return broker.client("nobody")


def the_reader(broker: SecuredBroker, _user: str) -> Settings:
    return broker.client("counter")


REFUSED: list[tuple[Callable[[SecuredBroker, str], Settings], str]] = [
    (wrong_password, "Authentication failed"),
    (plain, "does it ask for TLS, or for a login?"),
    (another_authority, "certificate verify failed"),
]


def words(job: str, broker: Broker, folder: Path, settings: Settings, *options: str) -> list[str]:
    file = [] if settings is None else ["--kafka-config", str(kafka_file(folder, settings))]
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic", TOPIC]
    return [sys.executable, str(JOBS / job), *where, *file, *options]


def done(command: list[str]) -> tuple[int, str]:
    """Status and all that it said; none of it is a secret."""
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300
    )
    assert CANARY not in ended.stdout
    return ended.returncode, ended.stdout


@contextmanager
def collector(broker: SecuredBroker, folder: Path, settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    options = ["--source", "simulator:rate=50,seed=7", "--spool", str(folder / "spool")]
    process = subprocess.Popen(
        words("collect.py", broker, folder, settings, *options), stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
        process.terminate()
        assert CANARY not in process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()


def state_once(folder: Path, true: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """What the collector says as soon as it is so."""
    path, state = folder / "spool" / "state.json", {}
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if path.exists() and true(state := json.loads(path.read_bytes())):
            return state
        time.sleep(0.1)
    raise AssertionError(f"it does not come: {state}")


@pytest.fixture(scope="module")
def published(secured_broker: SecuredBroker, tmp_path_factory: pytest.TempPathFactory) -> SecuredBroker:
    """The broker with a thousand simulated lines in the topic, sent by the collector as itself."""
    folder = tmp_path_factory.mktemp("published")
    options = ["--source", "simulator:posts=1000,seed=1", "--spool", str(folder / "spool")]
    status, said = done(words("collect.py", secured_broker, folder, secured_broker.client("collector"), *options))
    assert status == 0, said
    return secured_broker


def test_the_collector_publishes_as_itself(published: SecuredBroker) -> None:
    assert len(published.read(TOPIC)) >= 1000


@pytest.mark.parametrize(
    ("who", "why"),
    [
        *REFUSED,
        (nobody, f"topic '{TOPIC}' may not be seen by this login"),
        (the_reader, "this login may not write here"),
    ],
)
def test_a_collector_that_is_refused_says_why_waits_and_goes_on_when_it_is_let_in(
    secured_broker: SecuredBroker, tmp_path: Path, who: Callable[[SecuredBroker, str], Settings], why: str
) -> None:
    with collector(secured_broker, tmp_path, who(secured_broker, "collector")) as process:
        refused = state_once(tmp_path, lambda state: why in str(state["error"]))
        assert CANARY not in json.dumps(refused)
        waiting = state_once(tmp_path, lambda state: state["lag_records"] > refused["lag_records"] + 50)
        assert process.poll() is None
        assert (waiting["status"], waiting["records_acked"]) == ("running", 0)
    before = len(secured_broker.read(TOPIC))
    with collector(secured_broker, tmp_path, secured_broker.client("collector")):
        state_once(tmp_path, lambda state: state["records_acked"] > waiting["lag_records"] and not state["error"])
    last = state_once(tmp_path, lambda state: state["status"] == "stopped")
    assert (last["lag_records"], len(secured_broker.read(TOPIC)) - before) == (0, last["records_acked"])


def test_tail_shows_what_this_login_may_read(published: SecuredBroker, tmp_path: Path) -> None:
    status, said = done(words("tail.py", published, tmp_path, published.client("counter"), "-n", "7"))
    assert (status, len(said.splitlines())) == (0, 7)


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (wrong_password, "Authentication failed"),
        (plain, "does it ask for TLS, or for a login?"),
        (another_authority, "CERTIFICATE_VERIFY_FAILED"),
        (nobody, f"there is no topic '{TOPIC}', or this login may not see it"),
    ],
)
def test_a_tail_that_is_refused_says_why_in_one_line(
    secured_broker: SecuredBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    who: Callable[[SecuredBroker, str], Settings],
    why: str,
) -> None:
    monkeypatch.setattr(tail, "PATIENCE_S", PATIENCE_S)
    status = tail.main(words("", secured_broker, tmp_path, who(secured_broker, "counter"))[2:])
    said = capsys.readouterr()
    lines = [*said.err.splitlines(), *(record.getMessage() for record in caplog.records)]
    assert (status, said.out, len(lines)) == (1, "", 1)
    assert why in lines[0]
    assert CANARY not in lines[0]


@pytest.mark.parametrize(
    ("who", "why"),
    [(wrong_password, "Authentication failed"), (nobody, "or this login may not see it")],
)
def test_a_streaming_job_that_is_refused_says_why_before_it_starts(
    secured_broker: SecuredBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    who: Callable[[SecuredBroker, str], Settings],
    why: str,
) -> None:
    monkeypatch.setattr("counting.topic.PATIENCE_S", PATIENCE_S)
    login = read_kafka_config(kafka_file(tmp_path, who(secured_broker, "counter") or {}))
    with pytest.raises(TopicUnreadable, match=why) as refused:
        require_topic(secured_broker.bootstrap_servers, TOPIC, login)
    assert CANARY not in str(refused.value)


def test_the_launcher_reads_the_topic_again_with_the_same_file(published: SecuredBroker, tmp_path: Path) -> None:
    file = kafka_file(tmp_path, published.client("counter"))
    with open_consumer(published.bootstrap_servers, file) as consumer:
        ends = end_offsets(consumer, TOPIC)
        found = recount_topic(consumer, TOPIC, lambda *_: 0.0, 7200.0)
    assert found.records == sum(ends.values()) == len(published.read(TOPIC))
    stranger = kafka_file(tmp_path, published.client("nobody"))
    with (
        pytest.raises((TopicError, KafkaError)) as refused,
        open_consumer(published.bootstrap_servers, stranger) as consumer,
    ):
        end_offsets(consumer, TOPIC)
    assert CANARY not in str(refused.value)


@pytest.mark.spark
def test_the_streaming_job_counts_as_itself_and_leaves_no_secret(published: SecuredBroker, tmp_path: Path) -> None:
    root = tmp_path / "root"
    options = ["--root", root.as_uri(), "--master", "local[2]", "--shuffle-partitions", "2", "--until-caught-up"]
    status, said = done(words("count.py", published, tmp_path, published.client("counter"), *options))
    assert status == 0, said[-3000:]
    assert_exact(published.read(TOPIC), root / "counts" / "generation=1")
    holding = [path for path in root.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert holding == []


# Has Spark say all that it would: plans, progress, settings, its log at level INFO.
TALKATIVE = """
import sys
from counting.query import read_topic
from counting.session import start_session
from counting.settings import parse_arguments
settings = parse_arguments(sys.argv[1:])
spark = start_session("told", settings.master, 2, settings.connector_jars)
spark.sparkContext.setLogLevel("INFO")
records = read_topic(spark, settings, "earliest")
records.explain("extended")
writer = records.writeStream.format("noop").option("checkpointLocation", settings.root)
query = writer.trigger(availableNow=True).start()
query.awaitTermination()
query.explain(True)
print(query.recentProgress, spark.sparkContext.getConf().getAll())
"""


@pytest.mark.spark
def test_spark_shows_no_secret_in_plans_or_log_and_uses_the_agreed_group(
    published: SecuredBroker, tmp_path: Path
) -> None:
    (tmp_path / "told.py").write_text(f"import sys; sys.path.insert(0, {str(JOBS)!r}){TALKATIVE}")
    connector = Path(os.environ["HASHTIDE_PARTS"]) / "jars" / "connector"
    options = ["--root", f"file://{tmp_path}/checkpoint", "--master", "local[2]", "--connector-jars", str(connector)]
    settings = published.client("counter")
    status, said = done(
        [sys.executable, str(tmp_path / "told.py"), *words("", published, tmp_path, settings, *options)[2:]]
    )
    assert status == 0, said[-3000:]
    assert "kafka.sasl.jaas.config=*********(redacted)" in said
    assert "sasl.jaas.config = [hidden]" in said
    groups = set(re.findall(r"group[.]id = (\S+)", said)) - {"null"}
    assert groups
    assert all(group.startswith("spark-kafka-") for group in groups)


def by_certificate(broker: SecuredBroker) -> dict[str, str]:
    """The superuser's, on the listener that asks for one."""
    signed = broker.authority.sign("admin")
    own = {"ssl.certificate.pem": signed.certificate, "ssl.key.pem": signed.key}
    return {"security.protocol": "SSL", "ssl.ca.pem": broker.authority.pem, **own}


def test_a_certificate_of_our_own_is_a_login_too(
    published: SecuredBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, file = len(published.read(TOPIC)), kafka_file(tmp_path, by_certificate(published))
    where = ["--bootstrap-servers", published.own_servers, "--topic", TOPIC, "--kafka-config", str(file)]
    options = ["--source", "simulator:posts=50,seed=9", "--spool", str(tmp_path / "spool")]
    status, said = done([sys.executable, str(JOBS / "collect.py"), *where, *options])
    assert status == 0, said
    with open_consumer(published.own_servers, file) as consumer:
        assert sum(end_offsets(consumer, TOPIC).values()) == before + 50
    assert tail.main([*where, "-n", "5"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.spark
def test_spark_shows_a_certificate_too(published: SecuredBroker, tmp_path: Path) -> None:
    root, file = tmp_path / "root", kafka_file(tmp_path, by_certificate(published))
    where = ["--bootstrap-servers", published.own_servers, "--topic", TOPIC, "--kafka-config", str(file)]
    options = ["--root", root.as_uri(), "--master", "local[2]", "--shuffle-partitions", "2", "--until-caught-up"]
    status, said = done([sys.executable, str(JOBS / "count.py"), *where, *options])
    assert status == 0, said[-3000:]
    assert_exact(published.read(TOPIC), root / "counts" / "generation=1")
    assert [path for path in root.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()] == []

"""Posts as a person reads them: what is shown of each record, and the command against a real broker."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from kafka import KafkaProducer

import tail
from tests.brokers import Broker

SCRIPT = Path(__file__).resolve().parent.parent / "jobs" / "tail.py"
HOSTILE = "\x1b[2J\x1b]0;owned\x07 a\r\nb\tc\x00\x9b31m \u202egnp.exe\u2066 \u2028end \x7f"


def x_post(number: int, text: str, name: str = "Ada", **more: object) -> bytes:
    post = {"id_str": str(number), "timestamp_ms": "1767225600000", "text": text, "user": {"name": name}, **more}
    return json.dumps(post).encode()


def line(value: bytes | None, dialect: str | None = "x", timestamp_ms: int = 1_767_225_600_000) -> str:
    return tail.rendered(tail.Seen(timestamp_ms, 0, 0, dialect, value)).plain


def test_a_post_shows_time_network_author_and_text_on_one_line() -> None:
    assert line(x_post(1, "so\nmuch #Rain", "Ada 🌧")) == "2026-01-01 00:00:00  x          Ada 🌧  so much #Rain"


def test_nothing_of_a_text_or_a_name_commands_the_terminal() -> None:
    shown = line(x_post(1, HOSTILE, HOSTILE))
    assert [char for char in shown if unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")] == []
    assert not set(shown) & set("\u202e\u2066")
    assert "gnp.exe" in shown


@pytest.mark.parametrize(
    ("value", "dialect"),
    [
        (b"\x1b[2J \xff torn", "x"),
        (HOSTILE.encode(), "text"),
        (json.dumps({"delete": {"status": {"id_str": HOSTILE}}}).encode(), "x"),
        (json.dumps({"hashtide": {"gap": {"source": HOSTILE, "why": HOSTILE}}}).encode(), "hashtide"),
        (b"anything", HOSTILE),
        (None, None),
        (b"", None),
    ],
)
def test_nothing_of_other_records_does_either(value: bytes | None, dialect: str | None) -> None:
    assert [char for char in line(value, dialect) if unicodedata.category(char) in ("Cc", "Zl", "Zp")] == []


def test_hashtags_are_coloured_and_those_beside_the_text_follow() -> None:
    tags = {"hashtags": [{"text": "Rain"}, {"text": "besides"}, {"text": "besides"}]}
    shown = tail.rendered(tail.Seen(0, 0, 0, "x", x_post(1, "#rain falls", entities=tags)))
    assert shown.plain.endswith("#rain falls #besides")
    coloured = {shown.plain[span.start : span.end].strip() for span in shown.spans if "green" in str(span.style)}
    assert coloured == {"#rain", "#besides"}


def test_what_is_no_post_is_said_to_be_so() -> None:
    gap = b'{"hashtide":{"gap":{"source":"tcp-a","from":"F","to":"T","why":"not connected"}}}'
    assert "gap: tcp-a from F to T: not connected" in line(gap, "hashtide")
    assert "control: delete" in line(b'{"delete":{"status":{"id_str":"7"}}}')
    assert 'dead: truncated or invalid JSON: {"id_str": "7", "te' in line(b'{"id_str": "7", "te')


def test_a_time_outside_of_the_calendar_is_no_error() -> None:
    assert line(b"text", "text", 10**18).startswith("????-??-??")
    assert line(b"text", "text", -5).startswith("????-??-??")


# -- the command


def command(broker: Broker, topic: str, *options: str) -> list[str]:
    return [sys.executable, str(SCRIPT), "--bootstrap-servers", broker.bootstrap_servers, "--topic", topic, *options]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


def send(broker: Broker, topic: str, *texts: str) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    for number, text in enumerate(texts, 1):
        producer.send(topic, x_post(number, text), headers=[("dialect", b"x")]).get(timeout=30)
        time.sleep(0.005)  # a timestamp of its own: between partitions there is no other order
    producer.close()


@pytest.mark.kafka
def test_the_newest_of_all_partitions_are_shown_oldest_first(broker: Broker) -> None:
    topic = broker.create_topic("tail-newest", partitions=3)
    send(broker, topic, *(f"post {n}" for n in range(50)))
    done = run(*command(broker, topic, "-n", "5"))
    assert [row.split("Ada  ")[1] for row in done.stdout.splitlines()] == [f"post {n}" for n in range(45, 50)]
    assert len(run(*command(broker, topic, "-n", "1000")).stdout.splitlines()) == 50
    assert run(*command(broker, topic, "-n", "0")).stdout == ""


@pytest.mark.kafka
def test_piped_it_is_plain_and_on_a_terminal_coloured(broker: Broker) -> None:
    topic = broker.create_topic("tail-colour")
    send(broker, topic, "#rain " + "long " * 100)
    piped = run(*command(broker, topic)).stdout
    assert "\x1b" not in piped
    assert piped.count("\n") == 1
    ours, theirs = pty.openpty()
    subprocess.run(command(broker, topic), stdout=theirs, check=True, timeout=120, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    assert b"\x1b[" in os.read(ours, 65536)
    os.close(ours)


@pytest.mark.kafka
def test_followed_it_goes_on_until_it_is_interrupted(broker: Broker) -> None:
    topic = broker.create_topic("tail-follow")
    send(broker, topic, "before")
    follower = subprocess.Popen(
        [*command(broker, topic, "-f")], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert follower.stdout is not None
    try:
        assert "before" in follower.stdout.readline()
        send(broker, topic, "after")
        assert "after" in follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=30) == 0
    finally:
        follower.kill()
        follower.communicate()


@pytest.mark.kafka
def test_a_reader_that_has_seen_enough_ends_it_without_a_word(broker: Broker) -> None:
    topic = broker.create_topic("tail-head")
    send(broker, topic, *("x" * 5000 for _ in range(60)))
    words = " ".join(command(broker, topic, "-n", "60"))
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -1"], capture_output=True, text=True, check=False, timeout=120
    )
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_one_line(broker: Broker) -> None:
    done = run(*command(broker, "nowhere"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "there is no topic 'nowhere'" in done.stderr


@pytest.mark.parametrize("job", ["tail.py", "collect.py"])
def test_an_unusable_kafka_file_is_a_wrong_argument_and_its_values_stay_secret(job: str, tmp_path: Path) -> None:
    path = tmp_path / "kafka.json"
    path.write_text(
        '{"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.password": "canary-0123456789"}'
    )
    path.chmod(0o600)
    words = ["--bootstrap-servers", "127.0.0.1:9", "--kafka-config", str(path)]
    if job == "collect.py":
        words += ["--source", "simulator", "--spool", str(tmp_path / "spool")]
    done = run(sys.executable, str(SCRIPT.with_name(job)), *words)
    assert done.returncode == 2
    assert f"error: --kafka-config: {path}: sasl.username: missing" in done.stderr.splitlines()[-1]
    assert "canary" not in done.stdout + done.stderr
    assert not (tmp_path / "spool").exists()


def test_nobody_who_answers_is_one_line(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(tail, "PATIENCE_S", 1.0)
    assert tail.main(["--bootstrap-servers", "127.0.0.1:9"]) == 1
    assert len(caplog.text.splitlines()) == 1
    assert "127.0.0.1:9: " in caplog.text

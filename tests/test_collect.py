"""The collector as a process: exit statuses, signals, and what a limit or several sources are worth over kills."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kafka.consumer.fetcher import ConsumerRecord

from tests.brokers import Broker

ROOT = Path(__file__).resolve().parent.parent
NOBODY = "127.0.0.1:9"


def command(source: str, spool: Path, servers: str = NOBODY, topic: str = "posts", *more: str) -> list[str]:
    return [
        sys.executable, str(ROOT / "jobs" / "collect.py"), "--source", source, "--spool", str(spool),
        "--bootstrap-servers", servers, "--topic", topic, *more,
    ]  # fmt: skip


def collect(*args: Any, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*args), capture_output=True, text=True, check=False, timeout=timeout_s)


def simulate(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "jobs" / "collect.py"), *options],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def state_in(spool: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((spool / "state.json").read_bytes())
    return found


def test_an_address_is_checked_without_a_spool() -> None:
    refused = simulate("--check", "--source", "simulator:posts=many")
    assert (refused.returncode, refused.stderr) == (
        2,
        "source simulator: posts=many: must be a whole number from 0 on\n",
    )
    assert simulate("--check", "--source", "simulator:posts=10").returncode == 0


@pytest.mark.parametrize("source", ["rumour", "file:/nowhere", "file:/dev/null,pace=x", "simulator:posts=x"])
def test_a_wrong_source_is_status_2_one_line_and_a_failed_state(tmp_path: Path, source: str) -> None:
    done = collect(source, tmp_path / "spool")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert state_in(tmp_path / "spool")["status"] == "failed"
    assert str(state_in(tmp_path / "spool")["error"]) in done.stderr


@pytest.mark.parametrize("missing", ["--spool", "--bootstrap-servers", "--source"])
def test_a_missing_argument_is_status_2(tmp_path: Path, missing: str) -> None:
    words = command("simulator", tmp_path / "spool")
    place = words.index(missing)
    done = subprocess.run(words[:place] + words[place + 2 :], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert missing in done.stderr


def test_a_damaged_spool_is_status_1_and_one_line(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "000000000001.seg").write_bytes(b"rubbish")
    done = collect("simulator", tmp_path / "spool")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "000000000001.seg@0: the segment's header is damaged: put the file back from a copy" in done.stderr


def test_a_stop_while_kafka_is_away_is_quick_and_clean_and_what_was_read_waits(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with subprocess.Popen(command("simulator:rate=200", spool), stderr=subprocess.PIPE) as first:
        while not (spool / "state.json").exists() or not state_in(spool)["lines_read"]:
            time.sleep(0.05)
        second = collect("simulator", spool)
        assert second.returncode == 1
        assert f"is held by process {first.pid}" in second.stderr
        assert state_in(spool)["pid"] == first.pid
        while "nobody answers" not in str(state_in(spool)["error"]) and "Kafka" not in str(state_in(spool)["error"]):
            time.sleep(0.05)
        begin = time.monotonic()
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=60) == 0
        assert time.monotonic() - begin < 30
    last = state_in(spool)
    assert (last["status"], last["error"]) == ("stopped", None)
    assert last["lag_records"] == last["lines_read"] > 0


def test_the_truth_and_the_lines_of_a_simulator_are_made_without_a_broker(tmp_path: Path) -> None:
    source = "simulator:posts=3000,seed=5,start=2026-01-31T23:00:00Z"
    lines, truth = tmp_path / "lines", tmp_path / "truth.json"
    assert (
        simulate("--source", source, "--simulator-truth", str(truth), "--simulator-lines", str(lines)).returncode == 0
    )
    assert lines.read_bytes().count(b"\n") == 3000
    books = json.loads(truth.read_text())["books"]
    assert books["records"] == 3000 == sum(value for key, value in books.items() if key != "records")


@pytest.mark.parametrize("source", ["simulator:posts=5", "simulator:start=2026-01-01", "file:/dev/null"])
def test_a_truth_that_nobody_can_know_is_refused(tmp_path: Path, source: str) -> None:
    done = simulate("--source", source, "--simulator-truth", str(tmp_path / "truth.json"))
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.kafka
def test_a_simulator_that_was_interrupted_sends_what_its_truth_says(tmp_path: Path, broker: Broker) -> None:
    topic, spool = broker.create_topic("simulated"), tmp_path / "spool"
    source = "simulator:posts=2000,seed=3,rate=400"
    with subprocess.Popen(command(source, spool, broker.bootstrap_servers, topic)) as first:
        while not (spool / "state.json").exists() or state_in(spool)["lines_read"] < 300:
            time.sleep(0.05)
        first.send_signal(signal.SIGINT)
        assert first.wait(timeout=60) == 0
    assert state_in(spool)["status"] == "stopped"
    assert collect(source, spool, broker.bootstrap_servers, topic).returncode == 0
    done = simulate(
        "--source", source, "--spool", str(spool), "--simulator-truth", str(tmp_path / "truth"),
        "--simulator-lines", str(tmp_path / "lines"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = Counter((tmp_path / "lines").read_bytes().split(b"\n")[:-1])
    assert Counter(record.value for record in broker.read(topic)) == expected
    assert json.loads((tmp_path / "truth").read_text())["books"]["records"] == 2000


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--limit", "0"], "limit=0"),
        (["--limit", "many"], "limit=many"),
        (["--duration", "-1"], "duration_s=-1"),
        (["--duration", "nan"], "duration_s=nan"),
    ],
)
def test_an_option_that_selects_is_refused_like_a_key_of_the_address(options: list[str], why: str) -> None:
    refused = simulate("--check", "--source", "simulator", *options)
    assert refused.returncode == 2
    assert why in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.kafka
def test_a_limit_is_that_many_posts_and_each_place_is_printed(tmp_path: Path, broker: Broker) -> None:
    topic, spool = broker.create_topic("limited"), tmp_path / "spool"
    source = "simulator:posts=5000,seed=4,dialects=x1+x2+text,duplicates=0.1,malformed=0.05,control=0.1"
    done = collect(source, spool, broker.bootstrap_servers, topic, "--limit", "700", "--verbose")
    assert done.returncode == 0, done.stderr
    assert state_in(spool)["status"] == "finished"
    records = broker.read(topic)
    assert len(posts_in(records)) == 700
    assert len(records) > 800  # also what is no post, or one that came before
    assert set(done.stdout.splitlines()) == {f"{topic}[{each.partition}]@{each.offset}" for each in records}


@pytest.mark.kafka
def test_a_limit_holds_over_kills(tmp_path: Path, broker: Broker) -> None:
    topic, spool = broker.create_topic("limited-killed"), tmp_path / "spool"
    keys = "posts=200000,rate=1500,seed=4,dialects=x1+x2+text,duplicates=0.1,start=2026-01-01,langs=en+de+ja,limit=4000"
    chance = random.Random(2)  # noqa: S311
    kills = 0
    while kills < 60:
        with subprocess.Popen(
            command(f"simulator:{keys}", spool, broker.bootstrap_servers, topic), stderr=subprocess.DEVNULL
        ) as one:
            try:
                one.wait(timeout=0.9 + chance.random())
            except subprocess.TimeoutExpired:
                os.kill(one.pid, signal.SIGKILL)
                one.wait(timeout=10)
                kills += 1
                continue
        break
    assert kills >= 3
    assert state_in(spool)["status"] == "finished"
    assert len(posts_in(broker.read(topic))) == 4000


@pytest.mark.kafka
def test_the_time_that_is_up_is_a_clean_end(tmp_path: Path, broker: Broker) -> None:
    topic, spool = broker.create_topic("timed"), tmp_path / "spool"
    began_s = time.monotonic()
    done = collect("simulator:rate=300", spool, broker.bootstrap_servers, topic, "--duration", "2")
    assert done.returncode == 0
    assert time.monotonic() - began_s < 30
    last = state_in(spool)
    assert (last["status"], last["lag_records"]) == ("finished", 0)
    assert len(broker.read(topic)) == last["records_acked"] > 100


@pytest.mark.kafka
def test_several_sources_flow_into_one_topic_and_each_goes_on_after_a_kill(tmp_path: Path, broker: Broker) -> None:
    topic, spool = broker.create_topic("several"), tmp_path / "spool"
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("".join(f"{name}{n} #tag\n" for n in range(5000)))
    source, *others = (f"file:{tmp_path}/{name},pace={pace}" for name, pace in (("a", 900), ("b", 1500), ("c", 2500)))
    words = [word for other in others for word in ("--source", other)]
    for _ in range(3):
        with subprocess.Popen(
            command(source, spool, broker.bootstrap_servers, topic, *words), stderr=subprocess.DEVNULL
        ) as one:
            time.sleep(1.6)
            os.kill(one.pid, signal.SIGKILL)
    assert collect(source, spool, broker.bootstrap_servers, topic, *words).returncode == 0
    last = state_in(spool)
    assert (last["status"], last["lines_read"], last["lag_records"]) == ("finished", 15_000, 0)
    by_key = {record.key: record.value for record in broker.read(topic)}
    assert sorted(by_key.values()) == sorted(f"{n}{i} #tag".encode() for n in "abc" for i in range(5000))


@pytest.mark.kafka
def test_a_line_server_is_read_until_a_stop_and_the_time_between_runs_is_a_gap(tmp_path: Path, broker: Broker) -> None:
    topic, spool = broker.create_topic("line-server"), tmp_path / "spool"
    (tmp_path / "lines").write_text("".join(f"line {n} #tag\n" for n in range(100_000)))
    words = ["-p", "0", "-f", str(tmp_path / "lines"), "-d", "0.002"]
    server = subprocess.Popen(
        [sys.executable, str(ROOT / "jobs" / "serve_lines.py"), *words], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        port = server.stderr.readline().rsplit(":", 1)[1].strip()
        lines = 0
        for _ in range(2):
            with subprocess.Popen(command(f"tcp:127.0.0.1:{port}", spool, broker.bootstrap_servers, topic)) as one:
                while not (spool / "state.json").exists() or state_in(spool)["lines_read"] < lines + 200:
                    time.sleep(0.05)
                began_s = time.monotonic()
                one.send_signal(signal.SIGTERM)
                assert one.wait(timeout=60) == 0
                assert time.monotonic() - began_s < 10
            last = state_in(spool)
            lines = last["lines_read"]
            assert (last["status"], last["lag_records"]) == ("stopped", 0)
    finally:
        server.kill()
        server.communicate()
    values = Counter(record.value for record in broker.read(topic))
    (gap,) = [json.loads(value)["hashtide"]["gap"] for value in values if value.startswith(b'{"hashtide"')]
    assert gap["from"] < gap["to"]
    sent = values.total() - 1
    assert sent == last["lines_read"]
    # The server began anew for its second client: the first line is there twice, each under its own place.
    assert values[b"line 0 #tag"] == 2


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, first: signal.Signals) -> None:
    spool = tmp_path / "spool"
    with subprocess.Popen(command("simulator:rate=200", spool), stderr=subprocess.DEVNULL) as one:
        while not (spool / "state.json").exists() or not state_in(spool)["lines_read"]:
            time.sleep(0.05)
        one.send_signal(signal.SIGSTOP)  # as if it hung, so that both are there before it ends by itself
        one.send_signal(first)
        one.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        one.send_signal(signal.SIGTERM)
        assert one.wait(timeout=30) in (0, -signal.SIGTERM)


def posts_in(records: list[ConsumerRecord]) -> set[str]:
    """The different posts, told by nothing of ours: what the simulator writes, read by the standard library."""
    found = set()
    for record in records:
        try:
            post = json.loads(record.value)
        except ValueError:
            if record.value and not record.value.lstrip().startswith(b"{"):
                found.add(record.key.decode())  # a line of text
            continue
        inner = post.get("data", post) if isinstance(post, dict) else None
        if not isinstance(inner, dict):
            continue
        number = (inner.get("edit_history_tweet_ids") or [inner.get("id_str") or inner.get("id")])[0]
        if number and (inner.get("text") or inner.get("full_text")) is not None:
            found.add(str(number))
    return found

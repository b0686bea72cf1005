"""Golden tests: the very arguments with which every job is started."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from contract.hadoop_access import Access
from contract.job_requests import RecountRequest, ReportRequest
from contract.source_address import SourceAddress
from hashtide_airflow import commands, settings

PY = commands.PYTHON
JOBS = str(settings.JOBS)


def test_collect_is_one_list_of_arguments() -> None:
    collecting = settings.Collecting(
        sources=(SourceAddress("file", ("/a b;rm -rf $HOME.jsonl",)), SourceAddress("x")),
        spool=Path("/s"),
        bootstrap_servers="h:9",
        topic="posts",
    )
    assert commands.collect_command(collecting) == [
        PY,
        f"{JOBS}/collect.py",
        "--source",
        "file:/a%20b;rm%20-rf%20$HOME.jsonl",  # one argument, whatever stands in it: there is no shell
        "--source",
        "x",
        "--spool",
        "/s",
        "--bootstrap-servers",
        "h:9",
        "--topic",
        "posts",
    ]


def test_compact_reads_the_count_log_over_webhdfs() -> None:
    open_to_all = settings.CountLogLocation(url="webhdfs://h:1/hashtide/counts", access=Access())
    start = [PY, f"{JOBS}/compact.py", "--count-log", "webhdfs://h:1/hashtide/counts", "--generation", "3"]
    assert commands.compact_command(open_to_all, 3) == start
    with_a_ticket = Access(auth="kerberos", principal="h@R", keytab=Path("/k"), ca_file=Path("/ca"))
    assert commands.compact_command(
        settings.CountLogLocation(url="webhdfs://h:1/hashtide/counts", access=with_a_ticket), 3
    ) == [
        *start,
        "--auth",
        "kerberos",
        "--principal",
        "h@R",
        "--keytab",
        "/k",
        "--ca-file",
        "/ca",
    ]


def test_report_leaves_out_what_was_not_asked() -> None:
    day = date(2026, 1, 31)
    start = [PY, f"{JOBS}/report.py", "--day", "2026-01-31", "--top", "50"]
    assert commands.report_command(ReportRequest(day=day), Path("/r")) == [*start, "--out", "/r"]
    assert commands.report_command(ReportRequest(day=day, source="x", lang="en"), Path("/r")) == [
        *start,
        "--source",
        "x",
        "--lang",
        "en",
        "--out",
        "/r",
    ]


def test_a_recount_asks_the_topic_for_plan_and_begin() -> None:
    start = [PY, f"{JOBS}/recount.py", "plan", "--bootstrap-servers", "h:9"]
    assert commands.recount_command("plan", RecountRequest(), "h:9", "posts") == [*start, "--topic", "posts"]
    request = RecountRequest(of_less=True, instead_of=2)
    assert commands.recount_command("plan", request, "h:9", "posts", Path("/k.json")) == [
        *start,
        *("--kafka-config", "/k.json", "--topic", "posts", "--of-less", "--instead-of", "2"),
    ]


def test_a_recounts_other_steps_name_its_generation() -> None:
    assert commands.recount_step_command("switch", 3) == [PY, f"{JOBS}/recount.py", "switch", "--generation", "3"]


def test_submit_is_what_was_measured() -> None:
    counting = settings.Counting(
        root="hdfs://h:8020/hashtide", generation=2, bootstrap_servers="k:9092", topic="posts", trigger_interval_s=10
    )
    command = commands.submit_command(counting, Path("/t/counting.zip"))
    assert command == [
        str(Path(PY).with_name("spark-submit")),
        *("--master", "yarn", "--deploy-mode", "cluster", "--name", "hashtide count generation=2"),
        *("--conf", "spark.yarn.tags=hashtide-count-g2"),
        *("--conf", "spark.yarn.submit.waitAppCompletion=false"),
        *("--conf", "spark.yarn.maxAppAttempts=10"),
        *("--conf", "spark.yarn.am.attemptFailuresValidityInterval=10m"),
        *("--conf", "spark.executor.failuresValidityInterval=10m"),
        *("--conf", "spark.executor.maxNumFailures=50"),
        *("--conf", "spark.dynamicAllocation.enabled=false"),
        *("--conf", "spark.executor.instances=1"),
        *("--py-files", "/t/counting.zip", f"{JOBS}/count.py"),
        *("--root", "hdfs://h:8020/hashtide", "--generation", "2"),
        *("--bootstrap-servers", "k:9092", "--topic", "posts", "--trigger-interval-s", "10"),
        *("--retweets", "full", "--words", "plain"),
    ]


def test_submit_takes_the_key_along() -> None:
    with_a_key = settings.Counting(
        root="hdfs://tide/hashtide",
        generation=1,
        bootstrap_servers="k:9092",
        topic="posts",
        trigger_interval_s=10,
        access=Access(auth="kerberos", principal="hashtide@R", keytab=Path("/k")),
    )
    command = commands.submit_command(with_a_key, Path("/t/counting.zip"))
    at = command.index("--principal")
    assert command[at : at + 4] == ["--principal", "hashtide@R", "--keytab", "/k"]
    assert at < command.index(f"{JOBS}/count.py")


@pytest.mark.parametrize("topic", ["posts\n", "a b", "", "--help x"])
def test_an_invalid_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValidationError, match="topic"):
        settings.Collecting(
            sources=(SourceAddress("simulator"),), spool=Path("/s"), bootstrap_servers="h:9", topic=topic
        )

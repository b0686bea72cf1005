"""The command line of every job: plain functions from settings to a list of arguments, never a shell's string.

No secret may stand in one: they go by the environment (`JobOperator`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from contract import names
from contract.job_requests import PreviewRequest, RecountRequest, ReportRequest
from contract.source_address import SourceAddress
from hashtide_airflow.settings import JOBS, Collecting, Counting, CountLogLocation

PYTHON = sys.executable
# local[2] in a worker: a heap of its own size, whatever the streaming job's driver has.
PREVIEW_ENVIRONMENT = {"PYSPARK_SUBMIT_ARGS": "--driver-memory 640m pyspark-shell"}


def collect_command(collecting: Collecting) -> list[str]:
    """The collector, to be run detached."""
    return [
        PYTHON,
        str(JOBS / "collect.py"),
        *_sources(collecting.sources),
        *("--spool", str(collecting.spool)),
        *("--bootstrap-servers", collecting.bootstrap_servers),
        *(("--kafka-config", str(collecting.kafka_config)) if collecting.kafka_config else ()),
        *("--topic", collecting.topic),
    ]


def check_command(sources: Sequence[SourceAddress]) -> list[str]:
    """Asks the collector whether it understands the addresses, without collecting; ends within seconds."""
    return [PYTHON, str(JOBS / "collect.py"), "--check", *_sources(sources)]


def _sources(sources: Sequence[SourceAddress]) -> list[str]:
    return [argument for each in sources for argument in ("--source", str(each))]


def compact_command(count_log: CountLogLocation, generation: int) -> list[str]:
    """One pass of the compaction over everything that is committed."""
    access = count_log.access
    command = [PYTHON, str(JOBS / "compact.py"), "--count-log", count_log.url, "--generation", str(generation)]
    if access.auth != "simple":
        command += ["--auth", access.auth]
    for flag, value in (("--principal", access.principal), ("--keytab", access.keytab), ("--ca-file", access.ca_file)):
        if value:
            command += [flag, str(value)]
    return command


def report_command(request: ReportRequest, out: Path) -> list[str]:
    """One report."""
    return [PYTHON, str(JOBS / "report.py"), *request.arguments(), "--out", str(out)]


def preview_command(
    request: PreviewRequest, bootstrap_servers: str, topic: str, kafka_config: Path | None = None
) -> list[str]:
    """A preview of the counts on the console."""
    return [
        *(PYTHON, str(JOBS / "preview.py")),
        *request.arguments(),
        *("--sink", "console"),
        *("--bootstrap-servers", bootstrap_servers),
        *(("--kafka-config", str(kafka_config)) if kafka_config else ()),
        *("--topic", topic),
        *("--master", "local[2]"),
    ]


def recount_command(
    step: str, request: RecountRequest, bootstrap_servers: str, topic: str, kafka_config: Path | None = None
) -> list[str]:
    """The step `plan` or `begin` of a recount: those that ask the topic."""
    return [
        *(PYTHON, str(JOBS / "recount.py"), step),
        *("--bootstrap-servers", bootstrap_servers),
        *(("--kafka-config", str(kafka_config)) if kafka_config else ()),
        *("--topic", topic),
        *request.arguments(),
    ]


def recount_step_command(step: str, generation: int) -> list[str]:
    """The step `progress` or `switch` of a recount into a generation."""
    return [PYTHON, str(JOBS / "recount.py"), step, "--generation", str(generation)]


def submit_command(counting: Counting, py_files: Path) -> list[str]:
    """The streaming job's submit.

    Settings of the deployment (jars, Python, sizes of the containers) come by SPARK_CONF_DIR.
    The job sets its own Spark SQL settings.
    """
    settings = {
        # The supervision finds it by its tag before any submit.
        "spark.yarn.tags": names.application_tag(counting.generation),
        # The client ends when YARN has the job: a trigger watches it, no process has to.
        "spark.yarn.submit.waitAppCompletion": "false",
        # YARN itself starts a failed driver again; only failures within ten minutes count.
        "spark.yarn.maxAppAttempts": "10",
        "spark.yarn.am.attemptFailuresValidityInterval": "10m",
        "spark.executor.failuresValidityInterval": "10m",
        "spark.executor.maxNumFailures": "50",
        # Executors stay: the state is on them.
        "spark.dynamicAllocation.enabled": "false",
        "spark.executor.instances": str(counting.executors),
    }
    access = counting.access
    command = [
        str(Path(PYTHON).with_name("spark-submit")),
        *("--master", "yarn"),
        *("--deploy-mode", "cluster"),
        *("--name", names.application_name(counting.generation)),
        # Tokens end after days whatever is renewed; with the key the driver gets new ones.
        *(("--principal", str(access.principal), "--keytab", str(access.keytab)) if access.keytab else ()),
    ]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    return [
        *command,
        *("--py-files", str(py_files)),
        # By YARN's cache, readable by the application's user only, into the driver's working directory.
        *(("--files", str(counting.kafka_config)) if counting.kafka_config else ()),
        str(JOBS / "count.py"),
        *("--root", counting.root),
        *("--generation", str(counting.generation)),
        *("--bootstrap-servers", counting.bootstrap_servers),
        *(("--kafka-config", counting.kafka_config.name) if counting.kafka_config else ()),
        *("--topic", counting.topic),
        *("--trigger-interval-s", str(counting.trigger_interval_s)),
        *("--retweets", counting.retweets),
        *("--words", counting.words),
    ]

"""How the launcher asks for the newest posts."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from stack.commands import tail
from stack.config.endpoints import Endpoints

NOWHERE = Path("/nowhere")
ENDPOINTS = Endpoints(NOWHERE, "", NOWHERE, "127.0.0.1:9", "posts", "", "", "", NOWHERE, NOWHERE, NOWHERE, NOWHERE)


def test_the_command_names_broker_topic_and_number() -> None:
    words = tail.command(replace(ENDPOINTS, topic="other"), 7, follow=True)
    assert words[0] == sys.executable
    assert words[2:] == ["--bootstrap-servers", "127.0.0.1:9", "--topic", "other", "--lines", "7", "--follow"]
    assert "--follow" not in tail.command(ENDPOINTS, 7, follow=False)


def test_where_kafka_asks_it_names_the_file_that_says_who_we_are() -> None:
    words = tail.command(replace(ENDPOINTS, kafka_config=Path("/s/kafka.json")), 7, follow=False)
    assert words[words.index("--kafka-config") + 1] == "/s/kafka.json"


def test_the_job_understands_it() -> None:
    words = [*tail.command(ENDPOINTS, 7, follow=True), "--help"]
    assert "--follow" in subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout

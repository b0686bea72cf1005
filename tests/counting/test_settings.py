"""The command line of count.py."""

import tomllib
from pathlib import Path

import pytest

from contract.names import VERSION
from counting.settings import parse_arguments
from previewing.settings import parse_arguments as parse_preview

NEEDED = ["--root", "hdfs://127.0.0.1:8020/hashtide", "--bootstrap-servers", "127.0.0.1:9092"]


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = parse_arguments(NEEDED)
    assert (settings.generation, settings.topic, settings.trigger_interval_s) == (1, "posts", 10)
    assert (settings.dedup_window_min, settings.max_records_per_batch, settings.starting_offsets) == (
        120,
        500_000,
        "earliest",
    )
    assert (settings.retweets, settings.words) == ("full", "plain")
    assert (settings.master, settings.until_caught_up) == (None, False)
    assert settings.shuffle_partitions >= 1


def test_names_and_paths_carry_the_generation() -> None:
    settings = parse_arguments([*NEEDED, "--generation", "7"])
    assert settings.name == "hashtide count generation=7"
    assert settings.checkpoint == "checkpoint/generation=7"
    assert settings.rules_file == "checkpoint/generation=7.settings"
    assert settings.stop_marker == "stop/generation=7"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--generation", "0"], "--generation: Input should be greater than or equal to 1"),
        (["--root", "/no/scheme"], "--root: "),
        (["--topic", "no spaces"], "--topic: "),
        (["--starting-offsets", "latest"], "--starting-offsets: "),
        (["--starting-offsets", '{"0": -1}'], "--starting-offsets: "),
        (["--starting-offsets", "{}"], "--starting-offsets: "),
        (["--dedup-window-min", "0"], "--dedup-window-min: "),
        (["--max-records-per-batch", "0"], "--max-records-per-batch: "),
        (["--trigger-interval-s", "-1"], "--trigger-interval-s: "),
    ],
)
def test_a_wrong_argument_is_one_clear_line_and_status_2(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments([*NEEDED, *options])
    assert ended.value.code == 2
    assert f"count.py: error: {complaint}" in capsys.readouterr().err.splitlines()[-1]


def test_the_former_name_of_the_dedup_window_is_understood() -> None:
    assert parse_arguments([*NEEDED, "--horizon-min", "7"]).dedup_window_min == 7


@pytest.mark.parametrize("mode", ["--mode=batch", "--mode window --source file:/a"])
def test_a_preview_is_refused_by_the_name_of_its_job(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(mode.split())
    assert ended.value.code == 2
    assert "python jobs/preview.py" in capsys.readouterr().err


@pytest.mark.parametrize("job", ["count.py", "preview.py"])
def test_an_unusable_kafka_file_is_a_wrong_argument_and_its_values_stay_secret(
    job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kafka.json"
    path.write_text('{"security.protocol": "SASL_SSL", "sasl.pasword": "canary-0123456789"}')
    path.chmod(0o600)
    parse, needed = (parse_preview, NEEDED[2:]) if job == "preview.py" else (parse_arguments, NEEDED)
    with pytest.raises(SystemExit) as ended:
        parse([*needed, "--kafka-config", str(path)])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert f"{job}: error: --kafka-config: {path}: unknown key sasl.pasword; allowed: " in said.splitlines()[-1]
    assert "canary" not in said


def test_the_code_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


def test_the_dedup_window_is_one_of_the_counting_rules() -> None:
    assert parse_arguments([*NEEDED, "--dedup-window-min", "7"]).rules.dedup_window_min == 7

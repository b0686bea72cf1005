"""What a form reaches: files of one folder, and no more of X than the usual source pays for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from contract.source_address import read_stored
from hashtide_airflow import preview_request
from hashtide_airflow.collect_request import CollectRequest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "x_token").write_text("canary")
    (folder / "link").symlink_to(tmp_path / "secrets" / "x_token")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_FORMS_DIR", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def asked(source: str, **more: Any) -> CollectRequest:
    return CollectRequest.model_validate({"source": source, **more})


def collected(request: CollectRequest, usual: str) -> str:
    return " ".join(map(str, request.addresses(read_stored(usual))))


def explored(source: str) -> str:
    conf = {"source": source}
    context: Any = {"params": conf, "dag_run": SimpleNamespace(conf=conf)}
    return preview_request.request_of(context).source


OUTSIDE = [
    "/etc/passwd",
    "{home}/secrets/x_token",
    "{home}/input/../secrets/x_token",
    "{home}/input/%2e%2e/secrets/x_token",
    "{home}/input/link",
    "{home}/input-too/a",
    "{home}/input/a%00b",
]


@pytest.mark.parametrize("path", [*OUTSIDE, "~/secrets/x_token", "%7E/secrets/x_token", "input/a", "{home}/input/a,/b"])
def test_no_run_by_form_collects_a_file_outside_of_the_forms_folder(folder: Path, path: str) -> None:
    request = asked(f"file:{path.format(home=folder.parent)},pace=5")
    with pytest.raises(AirflowFailException, match=r"refused: source: .* lies below .*/input"):
        collected(request, "simulator")


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_look_shows_a_file_outside_of_the_forms_folder(folder: Path, path: str) -> None:
    with pytest.raises(AirflowFailException, match=r"refused: source: .* lies below .*/input"):
        explored(f"file:{path.format(home=folder.parent)}")


@pytest.mark.parametrize("name", ["{a,../../secrets/x_token}", "*", "a?", "[a]", "a\\\\b", "hdfs://b"])
def test_no_look_takes_a_pattern_that_hadoop_would_expand(folder: Path, name: str) -> None:
    with pytest.raises(AirflowFailException, match=r"refused: source: .*one file or folder"):
        explored(f"file:{folder}/{name}")


def test_below_the_forms_folder_files_are_read(folder: Path) -> None:
    named = f"file:{folder}/a.jsonl,{folder}/more%20posts/b.gz"
    assert collected(asked(named), "simulator") == named
    assert collected(asked("file:~/input/a"), "simulator") == "file:~/input/a"
    assert explored(f"file:{folder}/a.jsonl") == f"file:{folder}/a.jsonl"
    assert explored(f"file://{folder}") == f"file://{folder}"


def test_without_a_forms_folder_no_form_names_a_file(tmp_path: Path) -> None:
    with pytest.raises(AirflowFailException, match="files by form are off here; the Airflow variable"):
        collected(asked(f"file:{tmp_path}/a"), "simulator")
    with pytest.raises(AirflowFailException, match="files by form are off here; the Airflow variable"):
        explored(f"file:{tmp_path}/a")


def test_the_usual_source_reads_where_it_likes() -> None:
    assert collected(CollectRequest(terms=("rain",)), "file:/data/a") == "file:/data/a,terms=rain"


def test_a_forms_address_of_x_has_the_usual_ones_budget() -> None:
    usual = "jetstream x:terms=rain,budget_day=2000,usd_month=1.5,usd_per_post=0.01,geo=1"
    found = collected(asked("x:terms=snow"), usual)
    assert found == "x:terms=snow,budget_day=2000,usd_month=1.5,usd_per_post=0.01"


@pytest.mark.parametrize("usual", ["simulator", "x:terms=rain", "x:terms=rain,usd_per_post=0.01"])
def test_x_without_a_budget_to_share_is_refused(usual: str) -> None:
    with pytest.raises(AirflowFailException, match="refused: source: X costs money"):
        collected(asked("x:terms=snow"), usual)


def test_a_limit_is_refused_where_each_of_several_sources_would_have_it() -> None:
    with pytest.raises(AirflowFailException, match="refused: limit: hashtide_source names 2 sources"):
        collected(CollectRequest(limit=5), "jetstream mastodon:m.example")
    assert collected(asked("simulator", limit=5), "jetstream mastodon:m.example") == "simulator:limit=5"
    assert collected(CollectRequest(minutes=1), "jetstream auto") == "jetstream:duration_s=60 auto:duration_s=60"


@pytest.mark.parametrize(
    "server", ["http://m.example", "HTTP://m.example", "http%3A//m.example", "a.example,%01http://m.example"]
)
def test_a_form_names_mastodon_servers_by_https_only(server: str) -> None:
    with pytest.raises(ValueError, match="by https only"):
        asked(f"mastodon:{server}")


def test_a_form_names_mastodon_servers_and_other_kinds_as_usual() -> None:
    for source in ("mastodon:m.example,https://o.example:8443", "jetstream:ws://j.example"):
        assert collected(asked(source), "simulator") == source

"""The names that stages share: old homes have them on disk, in YARN and in Airflow."""

from pathlib import Path

import pytest

from contract import names

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "contracts.md").read_text()


def test_paths_below_the_root_are_those_of_the_contract() -> None:
    assert names.counts_path(7) == "counts/generation=7"
    assert names.checkpoint_path(7) == "checkpoint/generation=7"
    assert names.rules_path(7) == "checkpoint/generation=7.settings"
    assert names.dropped_marker(7) == "checkpoint/generation=7.dropped"
    assert names.stop_marker(7) == "stop/generation=7"


@pytest.mark.parametrize(("folder", "batch_id"), [("batch=0", 0), ("batch=41", 41)])
def test_a_batchs_folder_gives_its_id(folder: str, batch_id: int) -> None:
    assert names.batch_of_folder(folder) == batch_id
    assert names.batch_folder(batch_id) == folder


@pytest.mark.parametrize("folder", ["batch=007", "batch=x", "_aside", "batch=1/", "batch=-1", "batch=٣"])
def test_other_folders_are_no_batches(folder: str) -> None:
    assert names.batch_of_folder(folder) is None


def test_a_tag_gives_its_generation() -> None:
    assert names.application_tag(12) == "hashtide-count-g12"
    assert names.generation_of_tag("hashtide-count-g12") == 12


@pytest.mark.parametrize("tag", ["", "12", "hashtide-count-g", "hashtide-count-gx", "other-hashtide-count-g1"])
def test_other_tags_are_not_ours(tag: str) -> None:
    assert names.generation_of_tag(tag) is None


@pytest.mark.parametrize("variable", names.VARIABLES, ids=lambda variable: variable.name)
def test_the_contract_names_each_variable_with_its_default(variable: names.Variable) -> None:
    entry = f"`{variable.name}` ({variable.default})" if variable.default else f"`{variable.name}`"
    assert entry in DOCS

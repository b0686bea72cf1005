"""Airflow's variables in their file."""

import json
from pathlib import Path

import pytest

from stack.config.errors import StackError
from stack.config.variables import generation_of, read_variables, set_variable


def test_a_former_name_is_moved_and_kept_out_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "variables.json"
    file.write_text('{"hashtide_lease_min": "5", "theirs": "ü"}')
    assert read_variables(file) == {"hashtide_supervision_min": "5", "theirs": "ü"}
    set_variable(file, "hashtide_source", "simulator")
    assert json.loads(file.read_text()) == {
        "hashtide_supervision_min": "5",
        "theirs": "ü",
        "hashtide_source": "simulator",
    }


def test_the_present_name_wins_over_the_former_one(tmp_path: Path) -> None:
    file = tmp_path / "variables.json"
    file.write_text('{"hashtide_lease_min": "5", "hashtide_supervision_min": "7"}')
    assert read_variables(file) == {"hashtide_supervision_min": "7"}


def test_a_missing_file_has_no_variables_and_counts_generation_1(tmp_path: Path) -> None:
    assert generation_of(read_variables(tmp_path / "nowhere")) == 1
    assert generation_of({"hashtide_generation": "4"}) == 4


@pytest.mark.parametrize("content", ['{"hashtide_generation": "3",}', "[1]", ""])
def test_a_file_that_a_person_broke_is_named_and_kept(tmp_path: Path, content: str) -> None:
    file = tmp_path / "variables.json"
    file.write_text(content)
    with pytest.raises(StackError, match=r"variables\.json is not a JSON object"):
        set_variable(file, "hashtide_source", "[]")
    assert file.read_text() == content

"""Ports: the usual ones, moved where taken, the same ever after."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.config.errors import StackError
from stack.config.ports import DEFAULTS, HOST, choose, is_free, recall, settle
from stack.config.state_directory import StateDirectory

NONE: frozenset[int] = frozenset()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateDirectory:
    monkeypatch.setattr("stack.config.ports.private_runtime_dir", lambda: tmp_path)
    return _home(tmp_path / "a")


def _home(root: Path) -> StateDirectory:
    home = StateDirectory(root)
    home.make()
    return home


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_every_service_gets_a_port_of_its_own() -> None:
    chosen = choose({}, {}, NONE)
    assert set(chosen) == set(DEFAULTS)
    assert len(set(chosen.values())) == len(DEFAULTS)


def test_a_remembered_port_is_kept_and_a_taken_one_moves_on(taken: int) -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        free = unused.getsockname()[1]
    chosen = choose({"kafka": free, "airflow": taken}, {}, NONE)
    assert chosen["kafka"] == free
    assert chosen["airflow"] != taken


def test_a_fixed_port_that_is_taken_is_an_error_that_names_it(taken: int) -> None:
    with pytest.raises(StackError, match=f"port {taken}, given for airflow, is taken"):
        choose({}, {"airflow": taken}, NONE)


def test_one_fixed_port_for_two_services_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        free = unused.getsockname()[1]
    with pytest.raises(StackError, match="given twice"):
        choose({}, {"airflow": free, "kafka": free}, NONE)


def test_an_unknown_port_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StackError, match=r"unknown port name 'kafak'.*airflow"):
        choose({}, {"kafak": 1}, NONE)


def test_a_port_that_moved_never_lands_on_the_usual_one_of_another_service() -> None:
    chosen = choose({}, {}, frozenset({DEFAULTS["resourcemanager_scheduler"]}))
    assert chosen["resourcemanager_scheduler"] not in set(DEFAULTS.values())


def test_a_home_keeps_its_ports_and_another_home_gets_others(home: StateDirectory, tmp_path: Path) -> None:
    ports = settle(home, {})
    other = settle(_home(tmp_path / "b"), {})
    assert not set(ports.values()) & set(other.values())
    assert settle(home, {}) == ports == recall(home)


def test_the_ports_of_a_home_that_is_gone_are_free_again(home: StateDirectory, tmp_path: Path) -> None:
    ports = settle(home, {})
    (home.root / "ports.json").unlink()
    assert settle(_home(tmp_path / "b"), {}) == ports


def test_a_torn_file_of_ports_is_as_good_as_none(home: StateDirectory) -> None:
    (home.root / "ports.json").write_text(json.dumps({"kafka": 1})[:-3])
    assert recall(home) == {}

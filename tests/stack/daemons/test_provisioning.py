"""What is done once is done again where the file that says so was lost to a power cut."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.daemons import provisioning

STATE = {"apache-airflow-core": "3", "database": ["revision", 1]}


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b'{"apache-airf', b"\xff\xfe"])
def test_a_stamp_that_a_power_cut_has_emptied_or_torn_is_made_anew(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(provisioning, "_metadata_state", lambda _: STATE)
    monkeypatch.setattr(provisioning, "airflow", lambda _: ())
    monkeypatch.setattr(provisioning, "run", lambda _deployment, what, *_, **__: ran.append(what))
    secrets = SimpleNamespace(admin_login=lambda: ("admin", "password"))
    deployment: Any = SimpleNamespace(home=SimpleNamespace(airflow=tmp_path), secrets=secrets)
    (tmp_path / "migrated.json").write_bytes(content)
    assert provisioning.migrate_airflow(deployment) == "migrated, admin made"
    assert provisioning.migrate_airflow(deployment) == "up to date"
    assert ran == ["airflow-migrate", "airflow-migrate", "airflow-admin"]

"""The directions of imports, as docs/architecture.md has them ("Imports")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PARTS = ("contract", "dags", "plugins", "jobs", "stack")
ENGINES = {"pyspark", "kafka", "confluent_kafka", "tweepy"}
STAGES = {"collecting", "counting", "compacting", "reporting", "previewing", "recounting"}
JOB_PACKAGES = STAGES | {"formats", "simulation"}
# What a package of jobs may import of the others; everything may import contract.
MAY_IMPORT = {
    "collecting": {"formats", "simulation"},
    "counting": {"formats"},
    "recounting": {"counting"},
    "previewing": {"counting", "formats"},
}
# The rooms of the stack, from the ground up: each imports those before it.
ROOMS = ("toolchain", "config", "observe", "daemons", "commands", "cluster")
WITNESSES = ("tests/flow/recount.py", "stack/observe/topic_recount.py")
JOB_MAINS = {path.stem for path in (REPO / "jobs").glob("*.py")}
DAGS = {path.stem for path in (REPO / "dags").glob("*.py")}


def imported(path: Path) -> set[str]:
    """Dotted names of every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides its direction"
            # `from counting import formats` imports formats as well as counting.
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(p for p in (REPO / folder).rglob("*.py") if "__pycache__" not in p.parts)


def offending(folders: tuple[str, ...], forbidden: set[str]) -> list[str]:
    """Where files below the folders import something forbidden: a top-level name, or a dotted one and what is below."""
    return [
        f"{path.relative_to(REPO)} imports {name}"
        for path in files(*folders)
        for name in sorted(imported(path))
        if any(name == bad or name.startswith(bad + ".") for bad in forbidden)
    ]


def test_dags_and_plugins_reach_the_jobs_by_path_and_arguments_only() -> None:
    forbidden = JOB_PACKAGES | JOB_MAINS | ENGINES | {"jobs", "sql", "stack", "tests"}
    assert offending(("dags", "plugins"), forbidden) == []


def test_plugins_do_not_know_the_dags() -> None:
    assert offending(("plugins",), DAGS | {"dags"}) == []


def test_jobs_know_neither_airflow_nor_the_stack() -> None:
    assert offending(("jobs",), {"airflow", "hashtide_airflow", "stack", "tests", "dags", "plugins"}) == []


def test_packages_of_jobs_do_not_know_the_mains() -> None:
    assert offending(tuple(f"jobs/{name}" for name in sorted(JOB_PACKAGES)), JOB_MAINS | {"jobs"}) == []


@pytest.mark.parametrize("package", sorted(JOB_PACKAGES))
def test_a_package_of_jobs_imports_the_others_only_where_it_may(package: str) -> None:
    others = JOB_PACKAGES - {package} - MAY_IMPORT.get(package, set())
    assert offending((f"jobs/{package}",), others) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_stack_imports_only_those_below_it(room: str) -> None:
    above = ROOMS[ROOMS.index(room) + 1 :]
    assert offending((f"stack/{room}",), {f"stack.{each}" for each in above}) == []


def test_every_folder_of_the_stack_is_a_room() -> None:
    folders = {path.parent.name for path in (REPO / "stack").glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_contract_imports_nothing_of_ours() -> None:
    ours = JOB_PACKAGES | JOB_MAINS | DAGS | {"hashtide_airflow", "jobs", "plugins", "dags", "stack", "tests"}
    # What is asked of a topic's log is a promise between collector and streaming job, and both ask by kafka-python.
    kafka = [each for each in offending(("contract",), ENGINES) if not each.startswith("contract/topic_log_client.py")]
    assert offending(("contract",), ours | {"airflow"}) + kafka == []


@pytest.mark.parametrize("witness", WITNESSES)
def test_a_recount_shares_no_code_with_what_it_checks(witness: str) -> None:
    ours = JOB_PACKAGES | JOB_MAINS | {"contract", "hashtide_airflow"}
    found = imported(REPO / witness)
    assert {name for name in found if name.split(".")[0] in ours} == set()


def test_each_engine_is_known_where_it_works_only() -> None:
    assert offending(("jobs/collecting",), {"pyspark"}) == []
    assert offending(("jobs/counting",), {"tweepy"}) == []  # it asks Kafka for the topic's offsets
    assert offending(("jobs/compacting", "jobs/reporting"), ENGINES) == []


def test_the_formats_know_no_engine() -> None:
    assert offending(("jobs/formats", "jobs/simulation"), ENGINES) == []


def test_the_stack_starts_all_of_them_and_imports_none() -> None:
    assert offending(("stack",), JOB_PACKAGES | JOB_MAINS | DAGS | {"hashtide_airflow", "airflow"}) == []


def test_no_module_of_ours_has_a_name_of_the_standard_library() -> None:
    """The script's folder is sys.path[0] of every job, and plugins/ of every Airflow process."""
    import sys

    tops = {path.stem for part in ("jobs", "plugins", "dags") for path in (REPO / part).iterdir()}
    assert tops & set(sys.stdlib_module_names) == set()


def test_there_is_something_to_look_at() -> None:
    for part in PARTS:
        assert list(files(part)), f"{part}/ is empty: the other tests would hold for nothing"

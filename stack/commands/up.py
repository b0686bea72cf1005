"""`up`, the services: each is started as soon as the services that it needs are healthy."""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.config.ports import recall, settle
from stack.daemons import provisioning, rendering
from stack.daemons.health import HEALTHY, health
from stack.daemons.postgres import ensure_roles_and_databases, initialise
from stack.daemons.services import Service, services_of
from stack.daemons.supervision import RUNNING, Supervisor
from stack.observe.progress import Steps
from stack.toolchain import require_disk, require_memory

HEALTHY_WITHIN_S = 180.0
_DISK_BYTES = 2_000_000_000
_POLL_S = 0.2
_AFTER = {
    "airflow-api-server": ("metadata",),
    "airflow-dag-processor": ("metadata",),
    # A trigger polls: it may start before the services that it polls.
    "airflow-triggerer": ("metadata",),
    # Tasks do not: the services that they need must be there.
    "airflow-scheduler": ("metadata", "books", "kafka", "namenode", "datanode", "resourcemanager", "nodemanager"),
}


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: other steps refer to it in `after`.
        title: what people read.
        after: names of the steps that must be done first.
        act: does it and returns a short status for the progress line.
    """

    name: str
    title: str
    after: tuple[str, ...]
    act: Callable[[], str]


def start(deployment: Deployment, fixed: Mapping[str, int], steps: Steps) -> Deployment:
    """Starts every service that is not running and waits until all are healthy. Returns the running deployment.

    Raises:
        StackError: something can't be started.
    """
    supervisor = Supervisor(deployment.home)
    deployment.home.make()
    deployment.secrets.ensure()
    if supervisor.is_alive():
        _refuse_other_version(deployment)
        deployment = deployment.with_ports(recall(deployment.home))
        _refuse_other_ports(deployment.ports, fixed)
        if not _scheduler_runs(supervisor):
            rendering.write_airflow_files(deployment)
    else:
        require_disk(deployment.home.root, _DISK_BYTES, "the stack's state")
        require_memory()
        supervisor.sweep()
        deployment = deployment.with_ports(settle(deployment.home, fixed))
        deployment.keep_dsns()
        services = services_of(deployment)
        rendering.write(deployment, services)
        rendering.write_airflow_files(deployment)
        supervisor.start(deployment)
    run_steps(steps_of(deployment, services_of(deployment), supervisor, steps), steps)
    return deployment


def _refuse_other_version(deployment: Deployment) -> None:
    """What runs was started from files of the checkout; after an update they may be gone, and nothing could restart."""
    started = (deployment.home.conf / "supervisord.conf").read_text()
    here = services_of(deployment)[0].launcher[2]
    if here not in started:
        raise StackError("the running stack was started by another version: run `./hashtide down` first, then `up`")


def _refuse_other_ports(ports: Mapping[str, int], fixed: Mapping[str, int]) -> None:
    for name, port in fixed.items():
        if ports.get(name) != port:
            raise StackError(
                f"the stack runs with {name} on port {ports.get(name)}; run `down` first to move it to {port}"
            )


def _scheduler_runs(supervisor: Supervisor) -> bool:
    process = supervisor.processes().get("airflow-scheduler")
    return process is not None and process.state in RUNNING


def steps_of(deployment: Deployment, services: Sequence[Service], supervisor: Supervisor, report: Steps) -> list[Step]:
    """All steps until the services are healthy, ordered by `after` alone."""
    once: dict[str, Callable[[], object]] = {
        "postgres": lambda: initialise(deployment),
        "kafka": lambda: provisioning.format_kafka(deployment),
        "namenode": lambda: provisioning.format_namenode(deployment),
        "airflow-scheduler": lambda: provisioning.remove_stop_markers(deployment),
    }

    def act_of(service: Service) -> Callable[[], str]:
        def act() -> str:
            runs = supervisor.processes().get(service.name)
            if runs is None or runs.state not in RUNNING:
                once.get(service.name, lambda: None)()
                supervisor.start_service(service.name)
            wait_until_healthy(deployment, service, supervisor, report)
            return (
                provisioning.ensure_topic(deployment) if service.name == "kafka" else _address(deployment, service.name)
            )

        return act

    own_postgres = ("postgres",) if deployment.owns_postgres else ()
    return [
        *(Step(each.name, each.title, _AFTER.get(each.name, ()), act_of(each)) for each in services),
        Step("roles", "Roles and databases", own_postgres, lambda: ensure_roles_and_databases(deployment)),
        Step("books", "Schema of the counts", ("roles",), lambda: provisioning.migrate_books(deployment)),
        Step("metadata", "Airflow's metadata", ("roles",), lambda: provisioning.migrate_airflow(deployment)),
    ]


def _address(deployment: Deployment, name: str) -> str:
    shown = {"postgres": "postgres", "namenode": "namenode_http", "resourcemanager": "resourcemanager_http"}
    if name == "airflow-api-server":
        return deployment.endpoints.airflow_url
    return f"port {deployment.ports[shown[name]]}" if name in shown else ""


def wait_until_healthy(deployment: Deployment, service: Service, supervisor: Supervisor, steps: Steps) -> None:
    """Waits until a service is healthy.

    Raises:
        StackError: it is not within HEALTHY_WITHIN_S; the message says what is missing and names the log.
    """
    deadline = time.monotonic() + HEALTHY_WITHIN_S
    while True:
        process = supervisor.processes().get(service.name)
        if process is None:
            raise StackError(f"supervisord ended while {service.title} was starting; run `up` again")
        if (why := health(deployment, service.name, process)) == HEALTHY:
            return
        if time.monotonic() > deadline:
            log = deployment.home.logs / f"{service.name}.log"
            raise StackError(f"{service.title} is not healthy after {HEALTHY_WITHIN_S:.0f} s ({why}); see {log}")
        steps.detail(service.title, why if process.state in RUNNING else f"{why}; {process.state.lower()}")
        time.sleep(_POLL_S)


def run_steps(wanted: Sequence[Step], report: Steps) -> None:
    """Runs the steps in parallel, each as soon as those in its `after` are done, and reports each.

    Raises:
        StackError: the first one that fails; running steps are not waited for.
    """
    waiting = {step.name: step for step in wanted}
    finished: set[str] = set()
    results: queue.Queue[tuple[Step, str | BaseException]] = queue.Queue()
    under_way = 0
    while waiting or under_way:
        for step in [step for step in waiting.values() if finished.issuperset(step.after)]:
            del waiting[step.name]
            under_way += 1
            report.started(step.title)
            threading.Thread(target=_act, args=(step, results), name=step.name, daemon=True).start()
        if not under_way:
            raise StackError(f"the steps {', '.join(waiting)} wait for each other")
        step, outcome = results.get()
        under_way -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        finished.add(step.name)
        report.done(step.title, outcome)


def _act(step: Step, results: "queue.Queue[tuple[Step, str | BaseException]]") -> None:
    try:
        results.put((step, step.act()))
    except BaseException as error:  # handed to the thread that waits
        results.put((step, error))

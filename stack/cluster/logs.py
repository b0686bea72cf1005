"""The logs that Docker does not have: the collector's, in the state directory, and the driver's, on its node."""

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import requests

from contract.names import application_tag
from stack.config.endpoints import Endpoints
from stack.config.errors import StackError

_LIMIT_S = 10.0
_BYTES = 1_000_000


def show_collector(spool_dir: Path, lines: int, *, follow: bool) -> int:
    """Shows the end of the collector's log on our own terminal; returns the exit status of `tail`.

    Raises:
        StackError: there is no log yet.
    """
    file = spool_dir / "collector.log"
    if not file.exists():
        raise StackError("the collector has not begun: it has no log yet")
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(file)]
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0


def driver_log(endpoints: Endpoints, generation: int, lines: int) -> str:
    """The last lines of the newest driver's log, from the node that it runs on.

    That is our own output; before there is any, Spark's.

    Raises:
        StackError: there is no driver yet, or its node does not answer.
    """
    url = f"{endpoints.resourcemanager_url}/ws/v1/cluster/apps"
    apps = (_get(url, applicationTags=application_tag(generation)).json().get("apps") or {}).get("app") or []
    if not apps:
        raise StackError("the streaming job has not been submitted yet")
    newest = max(apps, key=lambda each: int(each["startedTime"]))
    container = re.search(r"container_\w+", newest.get("amContainerLogs") or "")
    if not container:
        raise StackError(f"{newest['id']} is {newest['state'].lower()} and has no driver yet")
    logs = f"http://{urlsplit(newest['amContainerLogs']).netloc}/ws/v1/node/containerlogs/{container[0]}"
    text = _contents(f"{logs}/stdout") or _contents(f"{logs}/stderr")
    return "".join(text.splitlines(keepends=True)[-lines:] if lines else [])


def _contents(url: str) -> str:
    """The last bytes of a log, without the NodeManager's frame."""
    text = _get(url, size=f"-{_BYTES}").text
    contents = text.partition("LogContents:\n")[2].rpartition("\nEnd of LogType:")[0]
    return f"{contents.rstrip()}\n" if contents.strip() else ""


def _get(url: str, **query: str) -> requests.Response:
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy inside the cluster
            answer = session.get(url, params=query, timeout=_LIMIT_S)
            answer.raise_for_status()
    except requests.RequestException as error:
        raise StackError(f"{urlsplit(url).netloc} does not answer ({type(error).__name__})") from None
    return answer

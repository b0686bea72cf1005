"""`auto`: Jetstream where it answers, else the simulator."""

import logging
import threading
import time
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from collecting.addresses import Address
from collecting.filtering.selection import Selection
from collecting.sources import addresses_of
from collecting.sources.jetstream.source import PUBLIC_HOSTS, subscribe_url
from contract.spool.choices import read_auto, write_auto

log = logging.getLogger(__name__)

KIND = "auto"
ANSWERS_WITHIN_S = 5.0


def resolve_auto(text: str, directory: Path, within_s: float = ANSWERS_WITHIN_S) -> str:
    """The address with each `auto` in it replaced by what it stands for in this spool.

    Decided at the first start and then kept beside the spool (`auto.json`): an outage must not mix simulated posts with
    real ones, nor a network that comes back real ones with simulated.

    Raises:
        SourceError: the address is not understood.
        OSError: the spool cannot be read or written.
    """
    return " ".join(_one(each, directory, within_s) for each in addresses_of(text))


def _one(text: str, directory: Path, within_s: float) -> str:
    address = Address.parse(text)
    if address.kind != KIND:
        return text
    chosen = read_auto(directory)
    if chosen is not None:
        log.info("auto: %s, as at this spool's first start", chosen)
    else:
        host = answering(address.items or PUBLIC_HOSTS, within_s)
        chosen = "jetstream" if host else "simulator"
        log.info(
            "auto: %s", f"jetstream: {host} answers" if host else f"simulator: no Jetstream answers within {within_s} s"
        )
        write_auto(directory, chosen)
    rest = text.strip().partition(":")[2]
    if chosen == "simulator":  # which has other items and keys; the selection is everyone's
        rest = ",".join(part for part in rest.split(",") if part.partition("=")[0] in Selection.model_fields)
    return f"{chosen}:{rest}" if rest else chosen


def answering(hosts: tuple[str, ...], within_s: float) -> str | None:
    """The first of the hosts that opens a stream, all asked at once; None where none does in time."""
    answered: list[str] = []
    known = threading.Event()
    asking = [
        threading.Thread(target=_ask, args=(host, within_s, answered, known), name=f"ask {host}", daemon=True)
        for host in hosts
    ]
    deadline_s = time.monotonic() + within_s
    for each in asking:
        each.start()
    while not known.wait(0.05) and any(each.is_alive() for each in asking) and time.monotonic() < deadline_s:
        pass
    return answered[0] if answered else None


def _ask(host: str, within_s: float, answered: list[str], known: threading.Event) -> None:
    try:
        with connect(subscribe_url(host, {}), open_timeout=within_s, close_timeout=0.2, user_agent_header="hashtide"):
            answered.append(host)
            known.set()
    except (OSError, TimeoutError, WebSocketException) as error:
        log.info("%s does not answer: %s: %s", host, type(error).__name__, error)

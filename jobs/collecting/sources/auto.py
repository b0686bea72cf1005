"""`auto`: Jetstream if it answers, else the simulator."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from collecting.filtering.selection import Selection
from collecting.sources.jetstream.source import PUBLIC_HOSTS, subscribe_url
from contract.source_address import SourceAddress
from contract.sources import AUTO, JETSTREAM, SIMULATOR
from contract.spool.choices import read_auto, write_auto

log = logging.getLogger(__name__)

ANSWERS_WITHIN_S = 5.0


def resolve_auto(
    addresses: Sequence[SourceAddress], directory: Path, within_s: float = ANSWERS_WITHIN_S
) -> list[SourceAddress]:
    """The addresses, with each `auto` replaced by its choice for this spool.

    Decided at the first start and then kept in the spool's directory (`auto.json`): an outage, or its end, must not mix
    simulated and real posts.

    Raises:
        OSError: the spool cannot be read or written.
    """
    return [_resolved(each, directory, within_s) if each.kind == AUTO else each for each in addresses]


def _resolved(address: SourceAddress, directory: Path, within_s: float) -> SourceAddress:
    chosen = read_auto(directory)
    if chosen is not None:
        log.info("auto: %s, as at this spool's first start", chosen)
    else:
        host = answering(address.items or PUBLIC_HOSTS, within_s)
        chosen = JETSTREAM if host else SIMULATOR
        log.info(
            "auto: %s", f"jetstream: {host} answers" if host else f"simulator: no Jetstream answers within {within_s} s"
        )
        write_auto(directory, chosen)
    if chosen == JETSTREAM:
        return replace(address, kind=JETSTREAM)
    # The simulator has other items and keys; the selection is for every source.
    return SourceAddress(
        chosen, keys={key: each for key, each in address.keys.items() if key in Selection.model_fields}
    )


def answering(hosts: tuple[str, ...], within_s: float) -> str | None:
    """The first host that opens a stream; all are asked at once. None if no host does in time."""
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

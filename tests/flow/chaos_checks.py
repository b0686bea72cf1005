"""Whether everything that three networks said is in the topic, or in a gap; and the gaps are the holes."""

import itertools
import json
import statistics
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.flow.chaos_networks import OVERLAP_S, Hole, Jetstream, Mastodon, Network, X, merged
from tests.flow.reading.records import TopicRecord

CLOSE_S = 1.0  # between the server's clock reading and the gap's bound; a kill loses up to 0.1 s of spool


class Heard:
    """What the topic holds, taken apart without the product's code."""

    def __init__(self, records: Iterable[TopicRecord]) -> None:
        self.lines: list[bytes] = []
        self.gaps: list[tuple[str, Hole, str]] = []
        for record in records:
            assert record.value is not None
            if record.headers["dialect"] == b"hashtide":
                gap = json.loads(record.value)["hashtide"]["gap"]
                span = tuple(datetime.fromisoformat(gap[key]).timestamp() for key in ("from", "to"))
                self.gaps.append((gap["source"], (span[0], span[1]), gap["why"]))
            else:
                self.lines.append(record.value)
        self.raw = set(self.lines)

    def gaps_of(self, network: Network) -> list[Hole]:
        """The network's gaps, by time."""
        return sorted(span for source, span, _ in self.gaps if source.startswith(f"{network.name}-"))


def problems(networks: list[Network], heard: Heard) -> list[str]:
    """What is wrong, a line each; empty where all is right."""
    wrong = _strangers(networks, heard)
    for network in networks:
        gaps = heard.gaps_of(network)
        for raw, at in network.missed(heard.raw):
            if not any(begin - CLOSE_S <= at <= end + CLOSE_S for begin, end in gaps):
                wrong.append(f"{network.name}: missed and in no gap: {at:.3f} {raw[:100]!r}")
        if isinstance(network, Jetstream):
            wrong += _gaps_of_a_log(network, heard, gaps)
        elif isinstance(network, X | Mastodon):
            wrong += _gaps_of_connections(network, heard, gaps)
    return wrong


def _strangers(networks: list[Network], heard: Heard) -> list[str]:
    known: set[bytes] = set()
    for network in networks:
        known |= network.ledger.posts.keys() | network.ledger.others | network.ledger.torn
    return [f"nobody said {raw[:200]!r}" for raw in heard.raw - known]


def _gaps_of_connections(network: X | Mastodon, heard: Heard, gaps: list[Hole]) -> list[str]:
    """Each hole is covered by gaps; each gap is at a hole, and nothing that was said within it was heard.

    A gap may begin before its hole: what a killed collector had not yet on disk is lost as well.
    """
    found, holes = merged(gaps, 0.0), merged(network.holes(), 0.0)
    wrong = [
        f"{network.name}: the hole {_said(each)} is no gap; near: {_near(each, found)}"
        for each in holes
        if not _is_covered(each, found)
    ]
    wrong += [
        f"{network.name}: the gap {_said(each)} was no hole; near: {_near(each, holes)}"
        for each in found
        if not _touching(each, holes)
    ]
    sent = Counter(raw for raw, _ in network.server.sent)
    had_once = {raw for raw in heard.raw if sent[raw] == 1}  # what was said again may have been had the other time
    for begin, end in found:
        had = [raw for raw, at in network.server.sent if begin + CLOSE_S < at < end - CLOSE_S and raw in had_once]
        if had:
            wrong.append(f"{network.name}: {len(had)} events within the gap {_said((begin, end))} were had")
    return wrong


def _touching(span: Hole, by: list[Hole]) -> list[Hole]:
    return [each for each in by if each[0] <= span[1] + CLOSE_S / 2 and span[0] <= each[1] + CLOSE_S / 2]


def _is_covered(span: Hole, by: list[Hole]) -> bool:
    """Whether one of them is there at the same time, or nearly, and no part longer than CLOSE_S has none."""
    near, at = _touching(span, by), span[0]
    for begin, end in near:
        if begin - at > CLOSE_S:
            return False
        at = max(at, end)
    return bool(near) and span[1] - at <= CLOSE_S


def _gaps_of_a_log(network: Jetstream, heard: Heard, gaps: list[Hole]) -> list[str]:
    """Gaps only where the network forgot what we had not had, from our last event to the next one.

    They may be fewer than the times that it forgot (a client that was just getting in has missed nothing), or more (a
    connection lost soon after is refused its overlap, which the network no longer has, and misses once more). What
    the overlap of a later start still finds of it is good to have: the gap is wider by that then.
    """
    wrong = [
        f"jetstream: the gaps {_said(one)} and {_said(other)} are one time told twice"
        for one, other in itertools.pairwise(gaps)
        if other[0] < one[1]
    ]
    missed = {raw for raw, _ in network.missed(heard.raw)}
    for begin, end in gaps:
        if not any(begin - CLOSE_S <= at <= end + CLOSE_S for _, at in network.missed(heard.raw)):
            wrong.append(f"jetstream: nothing is missing in the gap {_said((begin, end))}")
        inside = [
            network.hosts[0].raw(index) in missed
            for index, (at_us, _) in enumerate(network.log.events)
            if begin + 0.5 < at_us / 1_000_000 < end - 0.5 - OVERLAP_S
        ]
        if not all(inside):
            wrong.append(f"jetstream: {inside.count(False)} events within the gap {_said((begin, end))} were had")
    return wrong


def _near(span: Hole, spans: list[Hole]) -> list[str]:
    return [_said(each) for each in spans if each[0] - 10 < span[1] and span[0] < each[1] + 10]


def _said(span: Hole) -> str:
    return f"{span[0]:.2f}–{span[1]:.2f}"


def figures(networks: list[Network], heard: Heard) -> dict[str, Any]:
    """What there was of everything."""
    told: dict[str, Any] = {"records": len(heard.lines), "gap notes": len(heard.gaps)}
    for network in networks:
        ledger, gaps = network.ledger, heard.gaps_of(network)
        missed = network.missed(heard.raw)
        heard_posts = {identity for raw, identity in ledger.posts.items() if raw in heard.raw}
        told[network.name] = {
            "posts said": len(set(ledger.posts.values())),
            "posts heard": len(heard_posts),
            "events missed within gaps": len(missed),
            "gaps": len(gaps),
            "torn heard": len(ledger.torn & heard.raw),
        }
        if isinstance(network, X | Mastodon):
            off = [_off(hole, gaps) for hole in network.holes()]
            told[network.name] |= {"holes": len(off), "bounds off, s, worst": round(max(off, default=0), 3)}
            told[network.name]["bounds off, s, median"] = round(statistics.median(off), 3) if off else 0
    return told


def _off(hole: Hole, gaps: list[Hole]) -> float:
    """How far the nearest bounds are from the hole's, the worse of both; seconds."""
    return max(min(abs(bound - gap[side]) for gap in gaps) for side, bound in enumerate(hole))


def identities_heard(networks: list[Network], heard: Heard) -> set[str]:
    """Of each post that is in the topic, once."""
    said = {raw: identity for network in networks for raw, identity in network.ledger.posts.items()}
    return {said[raw] for raw in heard.raw if raw in said}

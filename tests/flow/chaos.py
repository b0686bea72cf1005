"""X, Jetstream and Mastodon at once, misbehaving on purpose, and a collector that dies: nothing is lost in silence.

    python -m tests.flow.chaos --minutes 30

Servers that speak the real protocols, one collector, a real broker; then the real counting and compaction, and an
independent recount. HASHTIDE_PARTS names the fetched parts. Exit status 0: all is right; the figures are printed.
"""

import argparse
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from compacting.migrations import migrate, read_migrations
from tests.brokers import Broker
from tests.flow.chaos_checks import Heard, figures, identities_heard, problems
from tests.flow.chaos_collector import RestartedCollector
from tests.flow.chaos_networks import Jetstream, Mastodon, Network, X
from tests.flow.checking import assert_equal_to_recount, sums_that_differ
from tests.flow.counted import TOPIC
from tests.flow.inputs import REPOSITORY
from tests.flow.recount import recount
from tests.flow.running_stack import RunningStack
from tests.postgres import ROLES, SCHEMA, execute, start_postgres, stop_postgres

log = logging.getLogger("chaos")

RATES_PER_S = {"x": 15.0, "jetstream": 20.0, "mastodon": 10.0}
BETWEEN_MISHAPS_S = (0.5, 4.0)
KILL_EACH = 7  # mishaps


class Chaos:
    """One run: the networks, and the collector that hears them."""

    def __init__(self, home: Path, broker: Broker, seed: int) -> None:
        self.networks: list[Network] = [X(seed), Jetstream(seed + 1), Mastodon(seed + 2)]
        self.happened: dict[str, int] = {}
        self._dice = random.Random(seed)  # noqa: S311 - a test's dice
        self._over = threading.Event()
        addresses = [each.address for each in self.networks]
        self.collector = RestartedCollector(addresses, home, broker.bootstrap_servers)

    def run(self, seconds: float) -> None:
        """Feeds and misbehaves for so long, then lets everything arrive, and stops the collector."""
        for network in self.networks:
            network.settle()
        feeding = [threading.Thread(target=self._feed, args=(each,), daemon=True) for each in self.networks]
        for each in feeding:
            each.start()
        deadline = time.monotonic() + seconds
        count = 0
        while time.monotonic() < deadline:
            time.sleep(self._dice.uniform(*BETWEEN_MISHAPS_S))
            self.collector.look()
            count += 1
            self._mishap(count)
        self._over.set()
        for each in feeding:
            each.join(10)
        for network in self.networks:
            network.settle()
            network.feed()  # the last word: after it every hole has an end
            network.settle()
        self.collector.wait_until_quiet()
        status = self.collector.stop()
        assert status == 0, f"the collector ended with {status}"

    def _mishap(self, count: int) -> None:
        if count % KILL_EACH == 0:
            away_s = self._dice.choice([0.0, 0.0, 3.0])
            if self._dice.random() < 0.75:
                what = "kill -9"
                self.collector.kill(away_s)
            else:
                what = "SIGTERM"
                self.collector.restart(away_s)
        else:
            network = self._dice.choice(self.networks)
            what = f"{network.name}: {network.misbehave()}"
        log.info("%s", what)
        self.happened[what] = self.happened.get(what, 0) + 1

    def _feed(self, network: Network) -> None:
        while not self._over.wait(1 / RATES_PER_S[network.name]):
            network.feed()

    def stop(self) -> None:
        """Ends what is left."""
        self._over.set()
        self.collector.stop()
        for network in self.networks:
            network.stop()


def count_and_compact(home: Path, broker: Broker, connector: Path, dsn: str) -> None:
    """The real stages: Spark with two threads until it has caught up, then the compaction."""
    job = [sys.executable, str(REPOSITORY / "jobs" / "count.py"), "--root", f"file://{home}/counting"]
    options = ["--generation", "1", "--bootstrap-servers", broker.bootstrap_servers, "--topic", TOPIC]
    local = ["--master", "local[2]", "--until-caught-up", "--connector-jars", str(connector)]
    with (home / "count.log").open("ab") as out:
        subprocess.run([*job, *options, *local], stdout=out, stderr=out, check=True, timeout=1200)
        compact = [sys.executable, str(REPOSITORY / "jobs" / "compact.py"), "--generation", "1"]
        subprocess.run(
            [*compact, "--count-log", f"file://{home}/counting/counts"],
            stdout=out, stderr=out, check=True, timeout=600, env={**os.environ, "HASHTIDE_COMPACTOR_DSN": dsn},
        )  # fmt: skip


def run(home: Path, parts: Path, *, seconds: float, seed: int) -> dict[str, Any]:
    """One whole run; its figures.

    Raises:
        AssertionError: something was lost, counted twice, or told wrongly.
    """
    broker = Broker(home / "kafka", parts / "jars" / "kafka")
    postgres_home = Path(tempfile.mkdtemp(prefix="hashtide-pg-"))
    postgres = start_postgres(postgres_home)
    chaos = None
    try:
        broker.format()
        broker.start()
        broker.create_topic(TOPIC, 4, {"max.message.bytes": str(2 << 20)})
        for role in ROLES:
            execute(postgres.dsn("postgres"), f"create role {role} login")
        execute(postgres.dsn("postgres"), "alter database postgres owner to hashtide_migrator")
        execute(postgres.dsn("postgres"), "grant create on schema public to hashtide_migrator")
        migrate(postgres.dsn("postgres", "hashtide_migrator"), read_migrations(SCHEMA))
        chaos = Chaos(home, broker, seed)
        chaos.run(seconds)
        compactor = postgres.dsn("postgres", "hashtide_compactor")
        count_and_compact(home, broker, parts / "jars" / "connector", compactor)
        return _checked(home, broker, postgres.dsn("postgres", "hashtide_reader"), chaos)
    finally:
        if chaos is not None:
            chaos.stop()
        broker.stop(kill=True)
        stop_postgres(postgres)
        shutil.rmtree(postgres_home, ignore_errors=True)


def _checked(home: Path, broker: Broker, reader: str, chaos: Chaos) -> dict[str, Any]:
    (home / "secrets").mkdir()
    (home / "secrets" / "reader.dsn").write_text(reader)
    (home / "ports.json").write_text(json.dumps({"kafka": broker.port}))
    stack = RunningStack(home)
    records = stack.records()
    heard = Heard(records)
    told = figures(chaos.networks, heard) | {
        "mishaps": dict(sorted(chaos.happened.items())),
        "kills": chaos.collector.kills,
        "ended by itself": chaos.collector.ended,
    }
    log.info("%s", json.dumps(told, indent=1))
    wrong = problems(chaos.networks, heard)
    assert not wrong, "\n".join([f"{len(wrong)} problems", *wrong[:30]])
    expected = recount(records)
    assert expected.posts == len(identities_heard(chaos.networks, heard))
    assert_equal_to_recount(stack, expected)
    assert not sums_that_differ(stack)
    _assert_gaps_are_in_the_books(stack, heard)
    return told | {"posts counted": expected.posts, "dead": len(expected.dead), "duplicates": expected.duplicates}


def _assert_gaps_are_in_the_books(stack: RunningStack, heard: Heard) -> None:
    found = stack.query("select source, gap_from, gap_to, why from collection_gap where generation = 1 and notes > 0")
    kept = {(source, round(begin.timestamp(), 3), round(end.timestamp(), 3), why) for source, begin, end, why in found}
    said = {(source, round(begin, 3), round(end, 3), why) for source, (begin, end), why in heard.gaps}
    assert kept == said


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="where everything is kept; a new folder, which stays, by default")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    home = given.home or Path(tempfile.mkdtemp(prefix="hashtide-chaos-"))
    home.mkdir(parents=True, exist_ok=True)
    log.info("home %s", home)
    told = run(home, Path(os.environ["HASHTIDE_PARTS"]), seconds=given.minutes * 60, seed=given.seed)
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

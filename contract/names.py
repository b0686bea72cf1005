"""Names and defaults that two stages share, each written once (docs/contracts.md explains them).

Standard library only: the launcher reads them before anything is installed.
"""

import re
from typing import Literal, NamedTuple, get_args

from contract.sources import SOURCES

VERSION = "0.1.0"
"""The project's version. pyproject.toml has the same, and a test compares them: YARN's zip has no pyproject.toml."""

TOPIC = "posts"
"""The Kafka topic of the posts."""

# -- What is counted, and with which defaults

Retweets = Literal["full", "own"]
Words = Literal["plain", "clean"]
RETWEETS: tuple[Retweets, ...] = get_args(Retweets)
"""Whose text and hashtags a repost counts: those of the post that it repeats, or its own. The first is the default."""
WORDS: tuple[Words, ...] = get_args(Words)
"""How a text becomes words: split on white space, or without URLs, stop words … The first is the default."""

FIRST_GENERATION = 1
TRIGGER_INTERVAL_S = 10
"""Seconds between the starts of two batches of the streaming job."""
DEDUP_WINDOW_MIN = 120
"""Minutes of processing time for which a post's identity is remembered."""
MAX_RECORDS_PER_BATCH = 500_000
SUPERVISION_MIN = 30
"""Minutes that one supervision run of collect_posts or count_posts watches before the next one takes over."""

# -- The count log and what stands beside it, below the root in HDFS (or a folder)

ROOT = "/hashtide"
"""The root's path in HDFS, unless the connection hashtide_hdfs says otherwise."""
COUNTS = "counts"
STOP_MARKERS = "stop"
MANIFEST = "manifest.json"
_BATCH = re.compile(r"batch=(0|[1-9][0-9]*)", re.ASCII)


def generation_folder(generation: int) -> str:
    """Name of the folder that holds one generation's batches."""
    return f"generation={generation}"


def batch_folder(batch_id: int) -> str:
    """Name of the folder that holds one batch."""
    return f"batch={batch_id}"


def batch_of_folder(name: str) -> int | None:
    """The batch id in a folder's name; None where the folder is no batch."""
    found = _BATCH.fullmatch(name)
    return int(found[1]) if found else None


def counts_path(generation: int) -> str:
    """A generation's folder in the count log, relative to the root."""
    return f"{COUNTS}/{generation_folder(generation)}"


def checkpoint_path(generation: int) -> str:
    """A generation's checkpoint, relative to the root."""
    return f"checkpoint/{generation_folder(generation)}"


def rules_path(generation: int) -> str:
    """The file that holds a generation's counting rules, relative to the root."""
    return f"{checkpoint_path(generation)}.settings"


def dropped_marker(generation: int) -> str:
    """The file that marks a generation's counts as no longer whole, relative to the root."""
    return f"{checkpoint_path(generation)}.dropped"


def stop_marker(generation: int) -> str:
    """The file that ends a generation's streaming job after the batch under way, relative to the root."""
    return f"{STOP_MARKERS}/{generation_folder(generation)}"


# -- The streaming job in YARN

_TAG = "hashtide-count-g"


def application_name(generation: int) -> str:
    """The streaming job's name in YARN."""
    return f"hashtide count generation={generation}"


def application_tag(generation: int) -> str:
    """The YARN application tag by which a generation's streaming job is found."""
    return f"{_TAG}{generation}"


def generation_of_tag(tag: str) -> int | None:
    """The generation in an application tag; None where the tag is not ours."""
    number = tag.removeprefix(_TAG)
    return int(number) if number != tag and re.fullmatch(r"[0-9]+", number, re.ASCII) else None


# -- Reports

REPORT_STEM = "hashtags"
"""Name of a day's report of everything, without the ending: REPORTS/2026-01-31/hashtags.html."""

# -- The jobs' environment: what may not stand on a command line

COMPACTOR_DSN = "HASHTIDE_COMPACTOR_DSN"
REPORTER_DSN = "HASHTIDE_REPORTER_DSN"
MIGRATOR_DSN = "HASHTIDE_MIGRATOR_DSN"
SPEND_FILE = "HASHTIDE_SPEND_FILE"
SECRETS_DIR = "HASHTIDE_SECRETS_DIR"
TOOLCHAIN = "HASHTIDE_PARTS"


def token_variable(network: str) -> str:
    """The variable that names the file of a network's token or tokens."""
    return f"HASHTIDE_{network.upper()}_TOKEN_FILE"


# -- Airflow

COLLECT_DAG = "collect_posts"
COUNT_DAG = "count_posts"
COMPACT_DAG = "compact_counts"
REPORT_DAG = "report_hashtags"
PREVIEW_DAG = "explore_counts"
RECOUNT_DAG = "recount_posts"

KAFKA = "hashtide_kafka"
KAFKA_WRITER = "hashtide_kafka_writer"
YARN = "hashtide_yarn"
HDFS = "hashtide_hdfs"
COMPACTOR = "hashtide_compactor"
REPORTER = "hashtide_reporter"


def token_connection(network: str) -> str:
    """The connection that may hold a network's token or tokens."""
    return f"hashtide_{network}"


class Variable(NamedTuple):
    """One Airflow variable.

    Attributes:
        name: its key in Airflow.
        default: what holds where it is not set; None: it has to be set, or means "none" where it is optional.
        meaning: what it is, in a phrase.
        former: the key that an older version used, read where the new one is not set.
    """

    name: str
    default: str | None
    meaning: str
    former: str = ""


SOURCE = Variable("hashtide_source", None, "what is collected: a JSON list of source addresses")
GENERATION = Variable("hashtide_generation", str(FIRST_GENERATION), "the generation that counts now")
SPOOL_DIR = Variable("hashtide_spool_dir", None, "the collector's directory")
REPORTS_DIR = Variable("hashtide_reports_dir", None, "the directory of the reports")
TRIGGER_INTERVAL = Variable("hashtide_trigger_interval_s", str(TRIGGER_INTERVAL_S), "seconds from batch to batch")
RETWEETS_RULE = Variable("hashtide_retweets", RETWEETS[0], "what a repost counts: full or own")
WORDS_RULE = Variable("hashtide_words", WORDS[0], "how a text becomes words: plain or clean")
EXECUTORS = Variable("hashtide_executors", "1", "executors of the streaming job")
SUPERVISION = Variable(
    "hashtide_supervision_min", str(SUPERVISION_MIN), "minutes of one supervision run", former="hashtide_lease_min"
)
FORMS_DIR = Variable("hashtide_forms_dir", None, "the folder below which a form may name files")


def token_file(network: str) -> Variable:
    """The file of a network's token or tokens, where no connection holds them."""
    return Variable(f"hashtide_{network}_token_file", None, f"file with the token or tokens of {network}")


VARIABLES = (
    *(SOURCE, GENERATION, SPOOL_DIR, REPORTS_DIR, TRIGGER_INTERVAL, RETWEETS_RULE, WORDS_RULE, EXECUTORS, SUPERVISION),
    *(*(token_file(name) for name, kind in SOURCES.items() if kind.tokens), FORMS_DIR),
)

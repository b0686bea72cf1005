"""The report's table as CSV, for spreadsheets and data frames."""

import csv
import io

from reporting.ranking import HOURS, RankedTerm
from reporting.summarise import Summary

COLUMNS = (
    *("day", "source", "lang", "rank", "hashtag", "spelling", "posts", "share", "reposts", "change", "previous_rank"),
    *("previous_posts", "generation", "batch_id", "simulated"),
    *(f"posts_{hour:02}h" for hour in range(HOURS)),
)


def as_csv(summary: Summary) -> bytes:
    """One line for each hashtag, most posts first: RFC 4180, UTF-8 with the BOM that spreadsheets need.

    Hashtags are written with `#`, as counted and in their most used spelling. So no cell begins with a sign that starts
    a formula (`=`, `+`, `-`, `@`), and the term is exactly what follows the `#`.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(summary, line) for line in summary.hashtags)
    return text.getvalue().encode("utf-8-sig")


def _cells(summary: Summary, line: RankedTerm) -> list[object]:
    request, position = summary.request, summary.books.position
    return [
        request.day.isoformat(),
        request.source or "",
        request.lang or "",
        line.rank,
        "#" + line.term,
        "#" + line.spelling,
        line.posts,
        "" if line.share is None else f"{line.share:.8f}",
        line.reposts,
        line.change.value,
        line.previous.rank if line.previous else "",
        line.previous.posts if line.previous else "",
        position.generation,
        "" if position.batch_id is None else position.batch_id,
        summary.simulated.value,
        *line.hours,
    ]

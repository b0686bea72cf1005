"""Numbers, times and names for readers, in English and in UTC, whatever the locale of the process."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import regex
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from contract.sources import dialects

_ENGLISH = Locale("en", "GB")  # day before month, as most of the world writes it
# Marks that change the direction of text: a tag must not affect its surroundings (Trojan Source, CVE-2021-42574).
_DIRECTION_MARKS = dict.fromkeys([0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def number(value: int) -> str:
    """12345 → `12,345`."""
    return format_decimal(value, locale=_ENGLISH)


def count_of(value: int, noun: str) -> str:
    """`1 gap`, `1,200 gaps`."""
    return f"{number(value)} {noun}" if value == 1 else f"{number(value)} {noun}s"


def percent(share: float | None) -> str:
    """0.0271 → `2.71%`; a small share is never shown as 0; None is a dash."""
    if share is None:
        return "–"
    if 0 < share < 0.0001:
        return "<0.01%"
    return f"{share * 100:.2f}%"


def long_day(day: date) -> str:
    """`Saturday, 31 January 2026`."""
    return format_date(day, "EEEE, d MMMM y", locale=_ENGLISH)


def short_day(day: date) -> str:
    """`30 Jan 2026`."""
    return format_date(day, "d MMM y", locale=_ENGLISH)


def clock(time: datetime) -> str:
    """`14:05`, in UTC."""
    return time.astimezone(UTC).strftime("%H:%M")


def day_and_clock(time: datetime) -> str:
    """`31 Jan 2026, 14:05 UTC`."""
    return f"{short_day(time.astimezone(UTC).date())}, {clock(time)} UTC"


def time_on(time: datetime, day: date) -> str:
    """`14:05` on the day itself, `1 Feb 2026, 14:05` on another; UTC."""
    of = time.astimezone(UTC).date()
    return clock(time) if of == day else f"{short_day(of)}, {clock(time)}"


def instant(time: datetime) -> str:
    """`2026-01-31T14:05:09Z`: for machines; microseconds only if not 0."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def duration(length: timedelta) -> str:
    """`42 s`, `7 min`, `3 h 5 min`, `2 days 4 h`: rounded down to two units."""
    seconds = int(length.total_seconds())
    if seconds < 60:
        return f"{seconds} s" if seconds else "less than a second"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return count_of(days, "day") + (f" {hours % 24} h" if hours % 24 else "")


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def hour_ranges(hours: Sequence[int]) -> str:
    """(0, 1, 2, 7) → `00:00 to 03:00 and 07:00 to 08:00`; hours in rising order."""
    runs: list[list[int]] = []
    for hour in hours:
        if runs and runs[-1][1] == hour:
            runs[-1][1] = hour + 1
        else:
            runs.append([hour, hour + 1])
    return listed(f"{start:02}:00 to {end:02}:00" for start, end in runs)


def language(code: str) -> str:
    """`en` → `English (en)`; `und` and codes without an English name are returned unchanged."""
    if code == "und":
        return "Not stated (und)"
    name = _ENGLISH.languages.get(code.replace("-", "_")) or _ENGLISH.languages.get(code.split("-")[0])
    return f"{name} ({code})" if name else code


def source(name: str) -> str:
    """The name of a dialect's network for readers."""
    dialect = dialects().get(name)
    return dialect.label if dialect else name


def display_tag(term: str) -> str:
    """A hashtag for display: with its `#`, without marks that would turn the text around it."""
    return "#" + display_term(term)


def display_term(term: str) -> str:
    """A term for display: without marks that would turn the text around it."""
    return term.translate(_DIRECTION_MARKS)


def shortened(text: str, columns: int) -> str:
    """Cuts to a width in columns (wide characters take two), between visible characters."""
    width, kept = 0, ""
    for grapheme in regex.findall(r"\X", text):
        width += 2 if any(unicodedata.east_asian_width(char) in "WF" for char in grapheme) else 1
        if width > columns - 1 and len(kept) + len(grapheme) < len(text):
            return kept + "…"
        kept += grapheme
    return kept

"""Codes to words for the wearer, zh-CN first.

Locale files are ``locales/<locale>/<domain>.json`` as at the clinic: flat objects whose
keys begin with the domain, values with ``{named}`` placeholders. Number and unit never
part: the space between them becomes U+00A0 when the sentence is made.
"""

import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from clinic_server.wire.words import fill

LOCALES = ("zh_CN", "en")
DEFAULT = "zh_CN"
_FOLDER = Path(__file__).parent / "locales"


def resolve(tag: str | None) -> str:
    """Pick the locale for a language tag: every Chinese one falls back to zh_CN.

    Parameters
    ----------
    tag : str or None
        Such as ``zh-TW``, ``en-GB``, ``zh_CN``. Unknown or None gives `DEFAULT`.
    """
    primary = (tag or "").replace("_", "-").split("-")[0].lower()
    return "en" if primary == "en" else DEFAULT


@cache
def catalogue(locale: str) -> dict[str, str]:
    """Return all sentences of one of `LOCALES`."""
    words: dict[str, str] = {}
    for file in sorted((_FOLDER / locale).glob("*.json")):
        words |= json.loads(file.read_text("utf-8"))
    return words


def t(code: str, locale: str = DEFAULT, /, **params: object) -> str:
    """Say a code in a language.

    Parameters
    ----------
    code : str
        A key of the locale files; an unknown one is returned as it is, so that a missing
        translation is visible and never an exception in front of a patient.
    locale : str
        Any language tag.
    **params
        Values of the placeholders, already formatted where the format matters.
    """
    sentence = catalogue(resolve(locale)).get(code)
    if sentence is None:
        return code
    return fill(sentence, params)


def say_span(span: timedelta, locale: str) -> str:
    """Say a duration: seconds, minutes up to 59, then hours and minutes, then days."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return t("time.seconds", locale, n=seconds)
    if seconds < 3600:
        return t("time.minutes", locale, n=seconds // 60)
    if seconds < 48 * 3600:
        return t("time.hours", locale, h=seconds // 3600, m=seconds % 3600 // 60)
    return t("time.days", locale, n=seconds // 86_400)


def say_day(at: datetime, now: datetime, locale: str) -> str:
    """Say which day a moment is on, seen from now; both in the wearer's zone."""
    days = (at.date() - now.date()).days
    if days in (0, 1, -1):
        return t(f"time.day_{days}".replace("-", "minus_"), locale)
    weekday = t(f"time.weekday_{at.weekday()}", locale)
    return t(
        "time.date",
        locale,
        month=t(f"time.month_{at.month}", locale),
        day=at.day,
        weekday=weekday,
    )

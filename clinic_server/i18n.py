"""Codes to words, zh-CN first.

Locale files are ``locales/<locale>/<domain>.json``: flat objects whose keys are codes that
begin with the domain (``"devices.already_issued"``) and whose values may hold ``{named}``
placeholders. Number and unit never part: a plain space between a digit and a unit is
turned into U+00A0 when the sentence is made.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from clinic_server.wire.words import fill

LOCALES = ("zh_CN", "en")
DEFAULT = "zh_CN"
_FOLDER = Path(__file__).parent / "locales"


@cache
def catalogue(locale: str) -> dict[str, str]:
    """Return all sentences of one locale.

    Parameters
    ----------
    locale : str
        One of `LOCALES`.
    """
    words: dict[str, str] = {}
    for file in sorted((_FOLDER / locale).glob("*.json")):
        words |= json.loads(file.read_text("utf-8"))
    return words


def t(code: str, locale: str = DEFAULT, /, **params: object) -> str:
    """Say a code in a language.

    Parameters
    ----------
    code : str
        A key of the locale files. An unknown one is returned as it is, so that a missing
        translation is visible and never an exception in front of a patient.
    locale : str
        One of `LOCALES`; anything else falls back to zh-CN.
    **params
        Values of the placeholders, already formatted where the format matters.
    """
    words = catalogue(locale if locale in LOCALES else DEFAULT)
    sentence = words.get(code)
    if sentence is None:
        return code
    return fill(sentence, params)


def locale_of_shell(environ: Mapping[str, str]) -> str:
    """Pick the language of a command line: that of ``LANG``, if there is one of ours."""
    return negotiate(environ.get("LANG", ""))


def negotiate(header: str | None, default: str = DEFAULT) -> str:
    """Pick a locale from an ``Accept-Language`` header: the first known one wins."""
    for part in (header or "").split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh_CN"
        if tag.startswith("en"):
            return "en"
    return default

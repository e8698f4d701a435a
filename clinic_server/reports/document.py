"""A report in one language: the same document feeds the page and the PDF.

Words and tables are made here once, from the stored numbers, so that the two renderings
and the sentences of the conclusion cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from clinic_server import timewords
from clinic_server.i18n import t

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Head and rows of words."""

    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """One numbered part: label and value pairs, perhaps a table and a remark."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    table: Table | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class StripBeat:
    """A beat mark above a strip."""

    x_mm: float
    letter: str


@dataclass(frozen=True, slots=True)
class StripDrawing:
    """ECG at true scale: 25 mm/s, 10 mm/mV; each polyline ends at a gap."""

    title: str
    width_mm: float
    height_mm: float
    lines: list[list[tuple[float, float]]]
    beats: list[StripBeat]


@dataclass(frozen=True, slots=True)
class TrendHour:
    """One hour of the trend chart; None where nothing could be assessed."""

    label: str
    mean: float | None
    low: float | None
    high: float | None
    v: int


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that is printed."""

    lang: str
    title: str
    state: str
    number: str
    draft: bool
    head: list[tuple[str, str]]
    banner: str
    conclusion_title: str
    conclusion: list[str]
    note_title: str
    note: str
    trend_title: str
    trend: list[TrendHour]
    sections: list[Section]
    strips_title: str
    scale: str
    strips: list[StripDrawing]
    signatures: list[tuple[str, str, str]]
    hash_label: str
    hash: str
    algorithm: str
    footer: str
    page_of: str

    def as_json(self) -> dict[str, Any]:
        """Give it as plain JSON values, for the PDF."""
        return asdict(self)


class Say:
    """Numbers and times of one language.

    Parameters
    ----------
    locale : str
    zone : ZoneInfo
        The clinic's zone: times of day are local.
    reasons : mapping
        Why numbers are missing, by path.
    """

    def __init__(self, locale: str, zone: ZoneInfo, reasons: Mapping[str, str]) -> None:
        self.locale = locale
        self.zone = zone
        self.reasons = reasons

    def t(self, code: str, **params: object) -> str:
        """Say a code of this room."""
        return t(f"reports.{code}", self.locale, **params)

    def row(self, code: str, value: str, **params: object) -> tuple[str, str]:
        """Label and value."""
        return self.t(f"row.{code}", **params), value

    def number(self, value: float, digits: int = 0) -> str:
        """Decimal point, thousands comma."""
        return f"{value:,.{digits}f}"

    def unit(self, value: float | None, unit: str, digits: int = 0, path: str = "") -> str:
        """Say a number with its unit, or why there is none."""
        if value is None:
            return self.missing(path)
        return self.t(f"unit.{unit}", n=self.number(value, digits))

    def plain(self, value: float | None, digits: int = 0, path: str = "") -> str:
        """Say a number without unit, or why there is none."""
        return self.missing(path) if value is None else self.number(value, digits)

    def missing(self, path: str) -> str:
        """Say why a number is missing: the closest reason that was given."""
        while path:
            if path in self.reasons:
                return self.t(f"reason.{self.reasons[path]}")
            path = path.rpartition(".")[0]
        return self.t("not_assessable")

    def span(self, seconds: float) -> str:
        """Length of time in words."""
        return timewords.span(seconds, self.locale)

    def moment(self, moment: Json | None) -> str:
        """Time of day of a place in the recording, with seconds."""
        if moment is None:
            return "—"
        if moment.get("at") is None:
            return self.span(moment["elapsed_s"])
        at = datetime.fromisoformat(moment["at"]).astimezone(self.zone)
        return f"{at:%H:%M:%S}"

    def clock(self, at: datetime | None) -> str:
        """Time of day with seconds, or a dash."""
        return "—" if at is None else f"{at.astimezone(self.zone):%H:%M:%S}"

    def stamp(self, at: datetime | None) -> str:
        """Date and time, or a dash."""
        return "—" if at is None else f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def sentence(self, sentence: Json) -> str:
        """Say one statement of the conclusion from its code and numbers."""
        params = {
            name: self._param(name, value) for name, value in sentence["params"].items()
        }
        return self.t(f"said.{sentence['code']}", **params)

    def _param(self, name: str, value: object) -> str:
        if isinstance(value, str):
            return self._word(name, value)
        assert isinstance(value, int | float)  # noqa: S101 - JSON of analytics
        return self.number(value, _DIGITS.get(name, 0))

    def _word(self, name: str, value: str) -> str:
        kind = {"rhythm": "rhythm", "cause": "cause", "risk": "risk"}.get(name)
        if kind:
            return self.t(f"{kind}.{value}")
        return self.t(f"word.{value}") if name in ("method", "direction") else value.title()


_DIGITS = {
    "recorded_h": 1, "analysable_h": 1, "analysable_pct": 1, "pct": 1, "index": 2,
    "burden_pct": 2, "per_h": 1, "longest_s": 1, "onset_pct": 1, "slope": 1, "dc_ms": 1,
    "max_delta_mv": 2, "burden_mv_min": 2,
}  # fmt: skip
"""Decimals of a sentence's numbers; everything else is whole."""


def pick(source: Json | None, *path: str) -> Any:
    """Walk into JSON; None as soon as something is missing."""
    value: Any = source
    for name in path:
        if value is None:
            return None
        value = value[name]
    return value


def cells(values: Sequence[object]) -> list[str]:
    """Turn table values into words."""
    return [str(value) for value in values]

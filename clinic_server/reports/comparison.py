"""Section 21: this report beside the patient's last signed one."""

from datetime import datetime
from typing import Any, NamedTuple

from clinic_server.reports.document import Json, Say, Section, Table, pick


class Measure(NamedTuple):
    """One number that is compared."""

    label: str
    path: tuple[str, ...]
    digits: int


MEASURES = (
    Measure("mean_bpm", ("heart_rate", "mean_bpm"), 0),
    Measure("min_bpm", ("heart_rate", "min", "bpm"), 0),
    Measure("max_bpm", ("heart_rate", "max", "bpm"), 0),
    Measure("v_per_hour", ("ventricular", "per_hour"), 1),
    Measure("v_burden", ("ventricular", "burden_pct"), 2),
    Measure("tachycardias_v", ("ventricular", "tachycardias"), 0),
    Measure("s_per_hour", ("supraventricular", "per_hour"), 1),
    Measure("af_burden", ("af", "burden_pct"), 2),
    Measure("pauses", ("pauses", "count"), 0),
    Measure("longest_rr_ms", ("pauses", "longest", "rr_ms"), 0),
    Measure("qt_median", ("qt", "qt_median_ms"), 0),
    Measure("sdnn", ("hrv_time", "sdnn_ms"), 0),
)
"""Rates, not counts, where the recordings may differ in length."""


def compare(say: Say, now: Json, before: Json, before_at: datetime) -> Section:
    """Set the numbers of two reports side by side.

    Parameters
    ----------
    say : Say
    now, before : mapping
        `HolterReport.to_json` of this report and of the last signed one.
    before_at : datetime
        When the earlier recording began.

    Returns
    -------
    Section
        A change only where both numbers could be assessed.
    """
    rows = []
    for measure in MEASURES:
        old, new = (pick(one, *measure.path) for one in (before, now))
        if old is None and new is None:
            continue
        rows.append(
            [
                say.t(f"row.{measure.label}"),
                _cell(say, old, measure.digits),
                _cell(say, new, measure.digits),
                _change(say, old, new, measure.digits),
            ]
        )
    names = ("measure", "last", "this", "change")
    head = [say.t(f"table.{name}") for name in names]
    note = say.t("compared_with", at=say.stamp(before_at))
    return Section(say.t("section.comparison"), table=Table(head, rows), note=note)


def _cell(say: Say, value: float | None, digits: int) -> str:
    return "—" if value is None else say.number(value, digits)


def _change(say: Say, old: Any, new: Any, digits: int) -> str:
    if old is None or new is None:
        return "—"
    # The difference of what is printed: a reader who subtracts must find the same.
    change = round(new, digits) - round(old, digits)
    return f"{change:+,.{digits}f}" if round(change, digits) else "0"

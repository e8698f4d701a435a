"""Sections 8 and 9: what is measured on ST and T."""

from collections.abc import Sequence
from typing import Any

from clinic_server.reports.document import Json, Say, Section, Table

Result = dict[str, Any]


def st(say: Say, r: Result) -> Section:
    """Section 8; one lead makes no statement on ischaemia, and says so."""
    summary = r["st"]
    if summary is None:
        return Section(say.t("section.st"), note=say.missing("st"))
    rows = [
        say.row(
            "st_lead",
            say.t(
                "unit.range",
                mid=say.unit(lead["median_delta_mv"], "mv", 2),
                low=say.number(lead["max_depression_mv"], 2),
                high=say.number(lead["max_elevation_mv"], 2),
            ),
            lead=lead["lead"],
        )
        for lead in summary["leads"]
    ]
    if not summary["statement_allowed"]:
        return Section(say.t("section.st"), rows, note=say.t("said.st.single_lead"))
    rows.append(say.row("st_point", summary["point"]))
    rows.append(say.row("st_episodes", say.number(len(summary["episodes"]))))
    return Section(say.t("section.st"), rows, _st_episodes(say, summary["episodes"]))


def _st_episodes(say: Say, episodes: Sequence[Json]) -> Table | None:
    """Tabulate each change: where, when, how long, how far, at which rate, how much."""
    if not episodes:
        return None
    names = ("lead", "time", "lasts", "shift", "at_rate", "burden", "remark")
    head = [say.t(f"table.{name}") for name in names]
    rows = [
        [
            one["lead"],
            say.moment(one["onset"]),
            say.span(one["duration_s"]),
            say.unit(one["max_delta_mv"], "mv", 2),
            say.unit(one["onset_bpm"], "bpm"),
            say.number(one["burden_mv_min"], 2),
            say.t("st_turned") if one["position_change_suspected"] else "",
        ]
        for one in episodes
    ]
    return Table(head, rows)


def qt(say: Say, r: Result) -> Section:
    """Section 9."""
    q = r["qt"]
    if q is None:
        return Section(say.t("section.qt"), note=say.missing("qt"))
    corrected = q["qtc_median_ms"] or {}
    rows = [say.row("qt_median", say.unit(q["qt_median_ms"], "ms"))]
    rows += [
        say.row("qtc", say.unit(value, "ms"), formula=name.title())
        for name, value in corrected.items()
    ]
    rows += [
        say.row(
            "qtc_max", say.unit(q["qtc_max_hourly_ms"], "ms", 0, "qt.qtc_max_hourly_ms")
        ),
        *(
            say.row(
                f"share_{ms}",
                say.unit(q[f"share_{ms}_pct"], "pct", 1, f"qt.share_{ms}_pct"),
            )
            for ms in (450, 460, 500)
        ),
        say.row("slope_day", say.plain(q["qt_rr_slope_day"], 3, "qt.qt_rr_slope_day")),
        say.row(
            "slope_night", say.plain(q["qt_rr_slope_night"], 3, "qt.qt_rr_slope_night")
        ),
        say.row("graded", f"{q['graded']} / {q['stretches']}"),
    ]
    if not corrected:
        rows.append(say.row("jt", say.unit(q["jt_median_ms"], "ms")))
    note = "" if corrected else say.t("reason.wide_qrs")
    return Section(say.t("section.qt"), rows, note=note)

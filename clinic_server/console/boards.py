"""What alarms amount to: the board of figures, the critical values, the daily list."""

import csv
import io
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from clinic_server.alarms import register
from clinic_server.alarms import service as alarms_service
from clinic_server.alarms.models import AlarmKind, Tier
from clinic_server.console.cards import TIER_WORD, cards, title_of
from clinic_server.console.detail import Page, page_of
from clinic_server.console.reasons import ENOUGH
from clinic_server.deps import ReadSession
from clinic_server.i18n import t
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
SPANS = (7, 30, 90)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@router.get("/console/board")
def board(
    frame: PageDep,
    session: ReadSession,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
) -> HTMLResponse:
    """Show load, predictive value and delays of the last days."""
    here = page_of(session, frame)
    found = register.statistics(session, frame.staff, days, frame.now)
    names = {str(pid): p.name for pid, p in here.reader.patients.items()}
    return frame.show(
        "console_board.html",
        after=alarms_service.last_event_id(session),
        found=found,
        spans=SPANS,
        chain=[
            ("to_screen", found.to_screen),
            ("to_raised", found.to_raised),
            ("to_acknowledged", found.to_acknowledged),
            ("to_answered", found.to_answered),
            ("to_read", found.to_read),
        ],
        tables=[
            ("rules", [(one.key, _rule_words(here, one.key), one) for one in found.rules]),
            ("units", [(one.key, "", one) for one in found.units]),
            ("patients", [(names[one.key], "", one) for one in found.by_patient]),
        ],
        enough=ENOUGH,
        seconds=lambda value: _span(here, value),
    )


def _rule_words(here: Page, rule: str) -> str:
    return here.say(f"console.rule_{rule}")


def _span(here: Page, seconds: float | None) -> str:
    """Say a delay: tenths below a minute, then minutes and hours."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return here.say("board.seconds", n=f"{seconds:.1f}")
    minutes = seconds / 60
    if minutes < 60:
        return here.say("board.minutes", n=f"{minutes:.1f}")
    return here.say("board.hours", n=f"{minutes / 60:.1f}")


Month = Annotated[str, Query(pattern=register.MONTH)]


def _months(month: str) -> tuple[str, str]:
    """Give the month before and the one after."""
    first = datetime.strptime(month, "%Y-%m")  # noqa: DTZ007 - a calendar month
    before = first - timedelta(days=1)
    return f"{before:%Y-%m}", f"{first + timedelta(days=32):%Y-%m}"


def _lines(here: Page, month: str) -> list[dict[str, Any]]:
    """Give the register as people read it: words and the clinic's time."""
    found = register.entries(here.session, here.reader.staff, month, here.zone, here.now)
    return [
        {
            "alarm_id": one.alarm_id,
            "mrn": one.patient_mrn,
            "finding": title_of(here.reader, one.code, one.params),
            "rule": one.rule,
            "found_at": _local(here, one.found_at),
            "reported_at": _local(here, one.reported_at),
            "minutes": round((one.reported_at - one.found_at).total_seconds() / 60, 1),
            "reported_by": one.reported_by,
            "told": one.told,
            "read_back": one.read_back,
        }
        for one in found
    ]


def _local(here: Page, at: datetime) -> str:
    return f"{at.astimezone(here.zone):%Y-%m-%d %H:%M:%S}"


@router.get("/console/critical-values")
def critical_values(
    frame: PageDep,
    session: ReadSession,
    month: Month | None = None,
) -> HTMLResponse:
    """Show the critical-value register of a month."""
    here = page_of(session, frame)
    current = f"{frame.now.astimezone(here.zone):%Y-%m}"
    month = month or current
    before, after = _months(month)
    return frame.show(
        "console_critical_values.html",
        after=alarms_service.last_event_id(session),
        month=month,
        month_before=before,
        month_after=after if after <= current else "",
        rows=_lines(here, month),
    )


@router.get("/console/critical-values.csv")
def critical_values_csv(
    frame: PageDep,
    session: ReadSession,
    month: Month,
) -> Response:
    """Export the register of a month as a table for the office."""
    rows = _lines(page_of(session, frame), month)
    names = (
        "alarm_id", "mrn", "finding", "rule", "found_at", "reported_at", "minutes",
        "reported_by", "told", "read_back",
    )  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([t(f"board.critical_{name}", frame.locale) for name in names])
    for row in rows:
        row["read_back"] = t("board.yes" if row["read_back"] else "board.no", frame.locale)
        writer.writerow([_cell(row[name]) for name in names])
    return Response(
        # the mark tells a spreadsheet that this is UTF-8
        "\ufeff" + out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="critical-values-{month}.csv"',
            "Cache-Control": "no-store",
        },
    )


def _cell(value: object) -> object:
    """Keep what a person typed from being read as a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


@router.get("/console/daily")
def daily(
    frame: PageDep,
    session: ReadSession,
) -> HTMLResponse:
    """List the daily findings, by patient, each with its line and its strip."""
    here = page_of(session, frame)
    views = [
        view
        for view in alarms_service.open_alarms(session, frame.staff, frame.now)
        if view.tier is Tier.DAILY and view.kind is AlarmKind.PHYSIOLOGICAL
    ]
    shown = dict(
        zip(
            (v.id for v in views),
            cards(session, here.reader, views, frame.now),
            strict=True,
        )
    )
    groups: dict[int, list[dict[str, Any]]] = {}
    for view in views:
        groups.setdefault(view.patient_id or 0, []).append(
            {
                **shown[view.id],
                "at": here.near(view.onset_at),
                "tier": TIER_WORD[view.tier],
            }
        )
    return frame.show(
        "console_daily.html",
        after=alarms_service.last_event_id(session),
        groups=groups,
        count=len(views),
        may_end=frame.staff.role.value in ("physician", "nurse"),
        strips={view.id: shown[view.id]["strip"] for view in views},
    )

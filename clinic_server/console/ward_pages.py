"""Plan against done for everybody: who has fallen behind, and what comes next."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from clinic_server import timewords
from clinic_server.alarms import service as alarms
from clinic_server.console import cards
from clinic_server.console.cards import Reader
from clinic_server.console.detail import Page
from clinic_server.deps import ReadSession
from clinic_server.patients import service as patients
from clinic_server.patients.models import Patient
from clinic_server.plans import standing, words
from clinic_server.plans.standing import Standing
from clinic_server.staff.page import PageDep

router = APIRouter(include_in_schema=False)
PER_PAGE = 100


@router.get("/console/follow-up")
def ward_page(
    frame: PageDep,
    session: ReadSession,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> HTMLResponse:
    """Show plan against done, whoever missed most first."""
    zone = frame.zone
    rows = patients.patients_of(session, frame.staff, frame.now)
    mine = {one.id or 0: one for one in rows}
    here = Page(session, Reader(frame.staff, frame.locale, mine, {}), zone, frame.now)
    found = standing.of_patients(session, mine)
    found.sort(key=lambda one: (-one.missed, one.share, one.patient_id))
    first = (page - 1) * PER_PAGE
    return frame.show(
        "console_ward.html",
        after=alarms.last_event_id(session),
        total=standing.total(found),
        people=len(found),
        without=len(mine) - len(found),
        rows=[
            _row(here, mine[one.patient_id], one) for one in found[first : first + PER_PAGE]
        ],
        shown=page,
        pages=max(1, -(-len(found) // PER_PAGE)),
    )


def _row(here: Page, patient: Patient, one: Standing) -> dict[str, Any]:
    return {
        "patient": patient,
        "stay": cards.stay(here.reader, patient, here.now),
        "template": words.template(here.session, one.template, here.reader.locale),
        "day": (here.now.astimezone(here.zone).date() - one.starts_on).days,
        "one": one,
        "percent": round(100 * one.share),
        "next": _next(here, one),
    }


def _next(here: Page, one: Standing) -> str:
    if one.next_at is None or one.next_kind is None:
        return ""
    day = timewords.day(one.next_at, here.zone, here.reader.locale)
    return f"{day} {here.say(f'plans.kind.{one.next_kind.value}')}"
